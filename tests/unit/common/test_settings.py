"""Settings: each is validated by its name, and no secret is ever printed."""

from pathlib import Path

import msgspec
import pytest

from consumer.common.settings import Settings, SettingsError, load, not_settings

SECRET = "hunter2-is-no-password"

# What every setting refuses. The rest are free texts: see FREE_TEXTS.
REFUSED = {
    "KAFKA_BOOTSTRAP_SERVERS": (
        *("host:65536", "host:0"),
        *("kafka://a:9092", "http://a", "a:9092;b:9092", "a:9092 b:9092", "a:port", ":9092", ",", "a,,b", "[::1:9092"),
        *("PLAINTEXT://a:9092", "a:9092,", "user@a:9092"),
    ),
    "TOPIC_PREFIX": ("gift cert", "gift/cert", "é", "a" * 201, "a,b"),
    "KAFKA_SECURITY_PROTOCOL": ("TLS", "plaintext"),
    "KAFKA_SASL_MECHANISM": ("GSSAPI",),
    "KAFKA_ENABLE_IDEMPOTENCE": ("maybe", "2"),
    "KAFKA_SESSION_TIMEOUT_MS": ("0", "-1", "999", "10s", str(2**31), "9" * 5000),
    "KAFKA_METADATA_MAX_AGE_SECONDS": ("0", "-1", "inf", "nan", "0.01"),
    "TOPIC_PARTITIONS": ("0", "-1", "many", "1.5", str(2**31)),
    "TOPIC_REPLICATION_FACTOR": ("0", "-1", "many", str(2**15)),
    "DATABASE_TIMEOUT_SECONDS": ("0", "-1", "long", "nan", "inf", "0.0009", "2147484", "1e400"),
    "DATABASE_URL": (
        *(SECRET, f"mysql://u:{SECRET}@host/db", f"postgresql://u:{SECRET}@host:port/db", f"u:{SECRET}@host/db"),
        *(f"postgresql://u:{SECRET}@host:65536/db", f"postgresql://u:{SECRET}@host:0/db"),
        *(f"postgresql://u:x#{SECRET}@host/db", f"postgresql://u:{SECRET}/x@host/db", f"postgresql://[::{SECRET}/db"),
    ),
    "WEBHOOK_SIGNING_KEYS": (
        *(SECRET, f"={SECRET}", "key=", f"key={SECRET},other", ",", " "),
        *(
            f'"key={SECRET}"',
            f"'key={SECRET}'",
            f'key="{SECRET}"',
            f"key='{SECRET}'",
            f'key="{SECRET}',
            f"key={SECRET}'",
        ),
        *(f'key="{SECRET},b={SECRET}"', f'"a={SECRET}",b={SECRET}', f"a={SECRET},{SECRET}", f"#key={SECRET}"),
        *(f"a={SECRET}\nb={SECRET}", f"a={SECRET}\r\nb={SECRET}", f"a={SECRET}\t", f"a\x00b={SECRET}"),
        *(f"key={SECRET}\udcff", f"my key={SECRET}", f"export key={SECRET}", f"key = {SECRET}"),
    ),
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
    "MAX_IN_FLIGHT_BYTES": ("0", "-1", "64M", str(2**63)),
    "SHUTDOWN_GRACE_SECONDS": ("0", "-1", "20s", "nan", "inf"),
    "BATCH_MAX_RECORDS": ("0", "-1", "many"),
    "BATCH_MAX_BYTES": ("0", "-1", "many"),
    "WORKER_STALL_SECONDS": ("0", "-1", "0.9", "1e-9", "2m", "nan", "inf"),
    "DEAD_LETTER_MAX_COUNT": ("0", "-1", "many"),
    "DEAD_LETTER_MAX_RATIO": ("0", "1.01", "20%", "nan"),
    "SENDER_API_URL": (
        *("api.example.com", "http://api.example.com", "https://", "https://user:secret@host/", "https://host/?a=b"),
        *("file:///etc/passwd", "https://host/a b", "https://host#a"),
    ),
    "SENDER_API_RATE": ("0", "-1", "1001", "nan", "inf", "fast"),
    "SENDER_API_TIMEOUT_SECONDS": ("0", "-1", "nan", "inf"),
    "RECONCILE_SETTLE_SECONDS": ("-1", "nan", "inf", "86401"),
    "CLOSE_COVERAGE_RATIO": ("-0.1", "1.01", "80%", "nan"),
    "ADMIN_PORT": ("0", "65536", "-1", "http"),
    "REPORTING_TIME_ZONE": ("Toronto", "+02:00", "Europe/Atlantis", "../UTC"),
    "ACCOUNT_CURRENCIES": ("CAD", "=CAD", "account=", ",", "a=CAD;b=USD", "a=cad", "a=$", "a=CAD,a=USD"),
    "KAFKA_OAUTH_EXTENSIONS": ("logicalCluster", "a=b,a=c", ","),
    "LOG_FORMAT": ("text", "JSON"),
    "LOG_LEVEL": ("verbose", "INFO"),
}
FREE_TEXTS = {
    *("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD", "KAFKA_SSL_CAFILE", "KAFKA_GROUP_ID"),
    # These are looked at together (below), and when they are used.
    *("KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE", "KAFKA_SSL_KEY_PASSWORD"),
    *("KAFKA_OAUTH_TOKEN_URL", "KAFKA_OAUTH_CLIENT_ID", "KAFKA_OAUTH_CLIENT_SECRET", "KAFKA_OAUTH_SCOPE"),
    *("KAFKA_OAUTH_CAFILE", "KAFKA_OAUTH_TOKEN_FILE"),
    *("SENDER_API_KEY", "SENDER_API_TOKEN", "SENDER_API_CAFILE", "SENDER_API_ACCOUNTS"),
    *("INGRESS_HOST", "ADMIN_HOST"),
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


@pytest.mark.parametrize("name", sorted(REFUSED.keys() | FREE_TEXTS))
def test_a_blank_setting_is_refused(name: str) -> None:
    assert refusal(**{name: " "}) == f"{name}: is blank"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("1", True), ("0", False)])
def test_a_switch_is_read_in_words_and_digits(text: str, *, value: bool) -> None:
    assert load({"KAFKA_ENABLE_IDEMPOTENCE": text}).kafka_enable_idempotence is value


@pytest.mark.parametrize("name", sorted(REFUSED.keys() | FREE_TEXTS))
@pytest.mark.parametrize("text", ['"{}"', "'{}'", "{}\udcff", "a\n{}", "\x1b{}"], ids=ascii)
def test_no_setting_is_taken_with_what_can_only_be_a_mistake(name: str, text: str) -> None:
    """Quotation marks that an env file kept, bytes that are no UTF-8, control characters."""
    message = refusal(**{name: text.format(SECRET)})

    assert message.startswith(f"{name}: ")
    assert SECRET not in message


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=ascii)
def test_a_line_end_behind_a_value_is_no_part_of_it(end: str) -> None:
    settings = load(
        {"INGRESS_PORT": f"8443{end}", "WEBHOOK_SIGNING_KEYS": f"a=b{end}", "KAFKA_SASL_PASSWORD": f"c{end}"}
    )

    assert (settings.ingress_port, settings.signing_keys) == (8443, {"a": "b"})
    assert settings.kafka_sasl_password
    assert settings.kafka_sasl_password.reveal() == "c"


def test_a_port_that_kubernetes_made_of_a_service_is_explained() -> None:
    assert "enableServiceLinks" in refusal(INGRESS_PORT="tcp://10.0.0.1:8080")


# Names that look like settings.


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("WEBHOOK_SIGNING_KEY", "WEBHOOK_SIGNING_KEYS"),
        ("WEBHOOK_SIGNING_KEY_FILE", "WEBHOOK_SIGNING_KEYS_FILE"),
        ("webhook_signing_keys", "WEBHOOK_SIGNING_KEYS"),
        ("Ingress_Port", "INGRESS_PORT"),
        ("INGRESS_KEEPALIVE_SECONDS", "INGRESS_KEEP_ALIVE_SECONDS"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("KAFKA_BOOTSTRAP_SERVER", "KAFKA_BOOTSTRAP_SERVERS"),
        ("KAFKA_SASL_USER", "KAFKA_SASL_USERNAME"),
        ("INGRESS_PORT_FILE", "INGRESS_PORT"),
        ("WEBHOOK_SECRET", None),
        ("DEAD_LETTER_TOPIC", None),
    ],
)
def test_a_name_that_looks_like_a_setting_is_found_with_the_one_that_may_be_meant(name: str, meant: str | None) -> None:
    assert not_settings({name: "x", "PATH": "/bin"}) == {name: meant}


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "DATABASE_HOST", "KAFKA_HOME", "KAFKA_OPTS", "LOG_DIR", "TZ", "PGPASSWORD", "TOPIC"),
        *("INGRESS_SERVICE_HOST", "INGRESS_SERVICE_PORT_HTTP", "INGRESS_PORT_8080_TCP_ADDR", "KAFKA_PORT_9092_TCP"),
    ],
)
def test_what_is_somebody_else_s_is_not_named(name: str) -> None:
    assert not_settings({name: "x"}) == {}


def test_no_setting_looks_like_another_that_is_none() -> None:
    assert not_settings({field.encode_name: "x" for field in msgspec.structs.fields(Settings)}) == {}
    assert not_settings({f"{name}_FILE": "x" for name in SECRETS}) == {}


def test_a_name_without_a_value_says_nothing() -> None:
    assert not_settings({"WEBHOOK_SIGNING_KEY": ""}) == {}


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
    # A file holds one key a line.
    file.write_text(f"{SECRETS[name].replace(',', chr(10))}\n")

    from_file, given = load({f"{name}_FILE": str(file)}), load({name: SECRETS[name]})

    assert revealed(from_file) == revealed(given)


def revealed(settings: Settings) -> list[object]:
    password = settings.kafka_sasl_password
    keys = {key_id: secret.reveal() for key_id, secret in settings.webhook_signing_keys.items()}
    return [settings.database_url and settings.database_url.reveal(), password and password.reveal(), keys]


KEY_FILES = {
    "one": (b"main=a-secret", {"main": "a-secret"}),
    "several, and blank lines": (b"old=first\n\n  \nnew=second\n", {"old": "first", "new": "second"}),
    "lines as Windows ends them": (b"old=first\r\nnew=second\r\n", {"old": "first", "new": "second"}),
    "the mark of UTF-8": (b"\xef\xbb\xbfmain=a-secret\n", {"main": "a-secret"}),
    "commas": (b"main=a,b,c=d,\n", {"main": "a,b,c=d,"}),
    "equals signs": (b"main==a==\n", {"main": "=a=="}),
    "blanks inside": (b"main=a b\n", {"main": "a b"}),
    "a quotation mark": (b"main=it's\nnext=\"\n", {"main": "it's", "next": '"'}),
    "other line ends of Unicode": ("main=a\u2028b\x85c\n".encode(), {"main": "a\u2028b\x85c"}),
}


@pytest.mark.parametrize(("content", "keys"), KEY_FILES.values(), ids=KEY_FILES)
def test_a_file_holds_one_signing_key_a_line_taken_whole(content: bytes, keys: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content)

    assert load({"WEBHOOK_SIGNING_KEYS_FILE": str(file)}).signing_keys == keys


@pytest.mark.parametrize(
    "content",
    [
        *(
            f"main={SECRET} \n",
            f"main= {SECRET}",
            f'main="{SECRET}"',
            f"main='{SECRET}'\nb={SECRET}",
            f'"main={SECRET}"',
        ),
        *(f"{SECRET}\n", f"=={SECRET}", "main=", f"main={SECRET}\nmain={SECRET}", f"# key\nmain={SECRET}"),
        *(f"main={SECRET}\x00", f"main={SECRET}\rb={SECRET}", f"export main={SECRET}", f"main={SECRET}\t"),
    ],
    ids=ascii,
)
def test_a_file_of_signing_keys_that_can_only_be_a_mistake_is_refused_and_not_quoted(
    content: str, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content.encode())

    message = refusal(WEBHOOK_SIGNING_KEYS_FILE=str(file))

    assert "WEBHOOK_SIGNING_KEYS" in message
    assert SECRET not in message


def test_the_line_of_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"main={SECRET}\n\nnext={SECRET} \n")

    assert "line 3 " in refusal(WEBHOOK_SIGNING_KEYS_FILE=str(file))


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


OAUTH = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "OAUTHBEARER"}
CLIENT = {"KAFKA_OAUTH_CLIENT_ID": "giftledger", "KAFKA_OAUTH_CLIENT_SECRET": SECRET}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"KAFKA_SSL_KEYFILE": "/key", "KAFKA_SECURITY_PROTOCOL": "SSL"}, "KAFKA_SSL_CERTFILE"),
        ({"KAFKA_SSL_CERTFILE": "/certificate"}, "KAFKA_SECURITY_PROTOCOL=PLAINTEXT"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME"),
        (OAUTH, "KAFKA_OAUTH_TOKEN_URL"),
        (
            {**OAUTH, "KAFKA_OAUTH_TOKEN_URL": "https://host/", "KAFKA_OAUTH_TOKEN_FILE": "/token", **CLIENT},
            "needs one",
        ),
        ({**OAUTH, "KAFKA_OAUTH_TOKEN_URL": "https://host/"}, "KAFKA_OAUTH_CLIENT_ID"),
        *(
            ({**OAUTH, "KAFKA_OAUTH_TOKEN_URL": url, **CLIENT}, "KAFKA_OAUTH_TOKEN_URL must be https")
            for url in (
                "http://host/token",
                f"https://u:{SECRET}@host/",
                "file:///etc/passwd",
                "https://",
                "host/token",
            )
        ),
        *(
            (
                {**OAUTH, "KAFKA_OAUTH_TOKEN_FILE": "/token", "KAFKA_OAUTH_EXTENSIONS": extensions},
                "KAFKA_OAUTH_EXTENSIONS",
            )
            for extensions in ("auth=Bearer", "a1=b", "a b=c", "a=b\x01auth=Bearer")
        ),
    ],
)
def test_what_the_way_to_kafka_lacks_is_named(given: dict[str, str], named: str) -> None:
    message = refusal(**given)

    assert named in message
    assert SECRET not in message


@pytest.mark.parametrize(
    "given",
    [
        {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": "/certificate"},
        {**OAUTH, "KAFKA_OAUTH_TOKEN_URL": "https://login.example.com/oauth2/v1/token", **CLIENT},
        {**OAUTH, "KAFKA_OAUTH_TOKEN_URL": "http://127.0.0.1:8080/token", **CLIENT},
        {
            **OAUTH,
            "KAFKA_OAUTH_TOKEN_FILE": "/token",
            "KAFKA_OAUTH_EXTENSIONS": "logicalCluster=lkc-1,identityPoolId=p",
        },
    ],
)
def test_each_way_to_kafka_needs_only_its_own_settings(given: dict[str, str]) -> None:
    load(given)
