"""Settings: each is validated by its name, and no secret is ever printed."""

from pathlib import Path

import msgspec
import pytest

from consumer.common.settings import Settings, SettingsError, load

SECRET = "hunter2-is-no-password"

# What every setting refuses. The rest are free texts: see FREE_TEXTS.
REFUSED = {
    "KAFKA_SECURITY_PROTOCOL": ("TLS", "plaintext"),
    "KAFKA_SASL_MECHANISM": ("GSSAPI",),
    "KAFKA_ENABLE_IDEMPOTENCE": ("maybe", "2"),
    "KAFKA_SESSION_TIMEOUT_MS": ("0", "-1", "10s"),
    "KAFKA_METADATA_MAX_AGE_SECONDS": ("0", "-1", "inf", "nan"),
    "TOPIC_PARTITIONS": ("0", "-1", "many", "1.5"),
    "TOPIC_REPLICATION_FACTOR": ("0", "-1", "many"),
    "DATABASE_TIMEOUT_SECONDS": ("0", "-1", "long", "nan", "inf"),
    "DATABASE_URL": (
        *(SECRET, f"mysql://u:{SECRET}@host/db", f"postgresql://u:{SECRET}@host:port/db", f"u:{SECRET}@host/db"),
        *(f"postgresql://u:x#{SECRET}@host/db", f"postgresql://u:{SECRET}/x@host/db", f"postgresql://[::{SECRET}/db"),
    ),
    "WEBHOOK_SIGNING_KEYS": (SECRET, f"={SECRET}", "key=", f"key={SECRET},other", ",", " "),
    "WEBHOOK_VERIFICATION": ("no", "OFF", "false"),
    "WEBHOOK_RESERIALISATION": ("no", "false"),
    "WEBHOOK_TOLERANCE_SECONDS": ("0", "-1", "5m", "nan", "inf"),
    "WEBHOOK_MAX_BODY_BYTES": ("0", "-1", "256k"),
    "INGRESS_PORT": ("0", "65536", "-1", "http"),
    "INGRESS_KEEP_ALIVE_SECONDS": ("0", "-1", "1m", "nan", "inf"),
    "PUBLISH_DEADLINE_SECONDS": ("0", "-1", "5s", "nan", "inf"),
    "WEBHOOK_READ_TIMEOUT_SECONDS": ("0", "-1", "10s", "nan", "inf"),
    "MAX_CONNECTIONS": ("0", "-1", "many"),
    "MAX_IN_FLIGHT_REQUESTS": ("0", "-1", "many"),
    "MAX_IN_FLIGHT_BYTES": ("0", "-1", "64M"),
    "SHUTDOWN_GRACE_SECONDS": ("0", "-1", "20s", "nan", "inf"),
    "BATCH_MAX_RECORDS": ("0", "-1", "many"),
    "BATCH_MAX_BYTES": ("0", "-1", "many"),
    "WORKER_STALL_SECONDS": ("0", "-1", "2m", "nan", "inf"),
    "DEAD_LETTER_MAX_COUNT": ("0", "-1", "many"),
    "DEAD_LETTER_MAX_RATIO": ("0", "1.01", "20%", "nan"),
    "ADMIN_PORT": ("0", "65536", "-1", "http"),
    "REPORTING_TIME_ZONE": ("Toronto", "+02:00", "Europe/Atlantis", "../UTC"),
    "ACCOUNT_CURRENCIES": ("CAD", "=CAD", "account=", ",", "a=CAD;b=USD", "a=cad", "a=$", "a=CAD,a=USD"),
    "LOG_FORMAT": ("text", "JSON"),
    "LOG_LEVEL": ("verbose", "INFO"),
}
FREE_TEXTS = {
    *("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD", "KAFKA_SSL_CAFILE", "KAFKA_GROUP_ID"),
    *("TOPIC_PREFIX", "INGRESS_HOST", "ADMIN_HOST"),
}


def refusal(**environment: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load(environment)
    return str(refused.value)


def test_every_setting_is_either_validated_or_known_to_be_free_text() -> None:
    names = {field.encode_name for field in msgspec.structs.fields(Settings)}

    assert names == REFUSED.keys() | FREE_TEXTS


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values])
def test_a_wrong_value_is_refused_by_the_setting_s_name(name: str, value: str) -> None:
    assert name in refusal(**{name: value})


def test_nothing_is_needed_to_start_with() -> None:
    assert load({}) == Settings()


def test_what_is_not_ours_in_the_environment_is_passed_over() -> None:
    assert load({"PATH": "/bin", "HOME": "/root", "ingress_port": "1"}) == Settings()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_empty_setting_is_one_that_is_not_set(name: str) -> None:
    assert load({name: ""}) == Settings()


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("1", True), ("0", False)])
def test_a_switch_is_read_in_words_and_digits(text: str, *, value: bool) -> None:
    assert load({"KAFKA_ENABLE_IDEMPOTENCE": text}).kafka_enable_idempotence is value


def test_numbers_are_read_from_text() -> None:
    settings = load({"INGRESS_PORT": "8443", "PUBLISH_DEADLINE_SECONDS": "0.5"})

    assert (settings.ingress_port, settings.publish_deadline_seconds) == (8443, 0.5)


def test_topics_begin_with_the_prefix() -> None:
    assert load({"TOPIC_PREFIX": "acme.gifts"}).topic("dead-letter") == "acme.gifts.dead-letter"


def test_several_signing_keys_are_valid_at_once() -> None:
    settings = load({"WEBHOOK_SIGNING_KEYS": " old=first , new=se=cond== "})

    assert settings.signing_keys == {"old": "first", "new": "se=cond=="}


def test_two_keys_of_one_name_are_refused_because_one_would_be_lost() -> None:
    assert "WEBHOOK_SIGNING_KEYS" in refusal(WEBHOOK_SIGNING_KEYS=f"main={SECRET},main={SECRET}-2")


def test_currencies_belong_to_accounts() -> None:
    settings = load({"ACCOUNT_CURRENCIES": "52a377ec=CAD, 52a377ed=USD"})

    assert settings.account_currencies == {"52a377ec": "CAD", "52a377ed": "USD"}


def test_without_a_signing_key_the_error_names_the_setting_and_the_way_out() -> None:
    with pytest.raises(SettingsError, match=r"WEBHOOK_SIGNING_KEYS.*WEBHOOK_VERIFICATION=off"):
        _ = load({}).signing_keys


def test_where_verification_is_off_no_key_is_needed() -> None:
    assert load({"WEBHOOK_VERIFICATION": "off"}).signing_keys == {}


def test_without_a_database_the_error_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        _ = load({}).database


SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_USERNAME": "giftledger",
    "KAFKA_SASL_PASSWORD": SECRET,
}


@pytest.mark.parametrize("missing", ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"])
@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_a_protocol_with_sasl_needs_user_and_password(missing: str, protocol: str) -> None:
    message = refusal(**{**SASL, "KAFKA_SECURITY_PROTOCOL": protocol, missing: ""})

    assert "KAFKA_SECURITY_PROTOCOL" in message
    assert missing in message


def test_a_protocol_with_sasl_is_content_with_both() -> None:
    password = load(SASL).kafka_sasl_password

    assert password
    assert password.reveal() == SECRET


# Secrets.

SECRETS = {
    "DATABASE_URL": f"postgresql://giftledger:{SECRET}@localhost:5432/giftledger",
    "WEBHOOK_SIGNING_KEYS": f"old={SECRET},new={SECRET}",
    "KAFKA_SASL_PASSWORD": SECRET,
}


def test_secrets_show_in_no_text_of_the_settings() -> None:
    settings = load(SECRETS)
    parts = (settings, settings.database_url, settings.kafka_sasl_password, settings.webhook_signing_keys)

    texts = [text for part in parts for text in (repr(part), str(part), f"{part}", f"{part!r:>100}")]

    assert not [text for text in texts if SECRET in text]


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_cannot_be_serialised_by_accident(name: str) -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(load({name: SECRETS[name]}))


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in ("DATABASE_URL", "WEBHOOK_SIGNING_KEYS") for value in REFUSED[name]]
)
def test_the_error_about_a_secret_does_not_show_it(name: str, value: str) -> None:
    assert SECRET not in refusal(**{name: value})


@pytest.mark.parametrize(
    "url",
    [
        "postgres://localhost/giftledger",
        "postgresql://user:p%23ss@[::1]:5432/db?sslmode=require",
        "postgresql:///db?host=/run/postgresql",
        "postgresql://a:5432,b:5433/db?target_session_attrs=read-write",
    ],
)
def test_any_url_of_postgres_is_accepted(url: str) -> None:
    assert load({"DATABASE_URL": url}).database == url


def test_the_error_about_another_setting_shows_no_secret() -> None:
    assert SECRET not in refusal(**SECRETS, INGRESS_PORT="http")


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRETS[name]}\n")

    from_file, given = load({f"{name}_FILE": str(file)}), load({name: SECRETS[name]})

    assert revealed(from_file) == revealed(given)


def revealed(settings: Settings) -> list[object]:
    password = settings.kafka_sasl_password
    keys = {key_id: secret.reveal() for key_id, secret in settings.webhook_signing_keys.items()}
    return [settings.database_url and settings.database_url.reveal(), password and password.reveal(), keys]


def test_a_secret_s_file_goes_before_its_value(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("main=from-the-file")

    settings = load({"WEBHOOK_SIGNING_KEYS": "main=from-the-value", "WEBHOOK_SIGNING_KEYS_FILE": str(file)})

    assert settings.signing_keys == {"main": "from-the-file"}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_s_file_that_is_not_there_is_refused_by_name_and_path(name: str, tmp_path: Path) -> None:
    message = refusal(**{f"{name}_FILE": str(tmp_path / "nothing")})

    assert f"{name}_FILE" in message
    assert str(tmp_path / "nothing") in message


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("content", [b"", b" \n"], ids=["empty", "blank"])
def test_a_secret_s_file_that_is_empty_is_refused_by_name(name: str, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)

    assert name in refusal(**{f"{name}_FILE": str(file)})


def test_a_secret_s_file_that_is_no_text_is_refused_and_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(SECRET.encode() + b"\xff")

    message = refusal(DATABASE_URL_FILE=str(file))

    assert "DATABASE_URL_FILE" in message
    assert SECRET not in message


def test_only_secrets_may_come_from_files(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("8443")

    assert load({"INGRESS_PORT_FILE": str(file)}) == Settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Settings().ingress_port = 1  # type: ignore[misc]


def test_a_setting_that_is_one_of_a_few_says_which() -> None:
    assert refusal(LOG_LEVEL="loud") == "LOG_LEVEL: must be one of debug, info, warning, error"
