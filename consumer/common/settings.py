"""Settings: read once from the environment, validated at start, secrets never printed.

A secret may come from a file instead: ``DATABASE_URL_FILE=/run/secrets/database-url``.
"""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import parse_qs, urlsplit
from zoneinfo import available_timezones

import msgspec
from msgspec import Meta, Struct

from consumer.common.environment import Pairs, Secret, SecretPairs, SettingsError, misspelt, pairs, read, secret

__all__ = ["Pairs", "Secret", "SecretPairs", "Settings", "SettingsError", "load", "not_settings"]

Port = Annotated[int, Meta(ge=1, le=65535)]
# What fits the 32 bits that Kafka and Postgres have for such a number.
PositiveInt = Annotated[int, Meta(ge=1, le=2**31 - 1)]
PositiveFloat = Annotated[float, Meta(gt=0, le=1e9)]  # finite: `inf` would switch a check off
# Postgres counts in milliseconds, of 32 bits, and 0 of them are no bound at all.
DatabaseSeconds = Annotated[float, Meta(ge=0.001, le=2_147_483)]
Ratio = Annotated[float, Meta(gt=0, le=1)]
# The value of a list that is empty on purpose: an empty variable is one that was not given.
NONE = "none"


_SERVER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/;\[\]@]+)(:(?P<port>\d{1,5}))?")
_POSTGRES_SERVER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:]*)(:(?P<port>\d{1,5}))?")
# Over TLS, or not out of this machine: the key goes there. Without a query, for paths are put behind it.
_SENDER_API = re.compile(r"https://[^\s/@?#]+(/[^\s?#]*)?|http://(localhost|127\.0\.0\.1)(:\d+)?(/[^\s?#]*)?")
# Kafka allows 249 characters in a topic's name, of which the longest family takes some.
_TOPIC_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,200}")


class Settings(Struct, rename="upper", frozen=True, kw_only=True):
    """Every setting, with its default. Times in seconds, sizes in bytes."""

    # Where Kafka is, and how to speak to it.
    kafka_bootstrap_servers: str = "localhost:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: Secret | None = None
    kafka_ssl_cafile: str | None = None
    # A certificate of ours with its chain, and its key, where the broker asks for one; both may be one file.
    kafka_ssl_certfile: str | None = None
    kafka_ssl_keyfile: str | None = None
    kafka_ssl_key_password: Secret | None = None
    # OAUTHBEARER: where the token is from, an authorization server (client credentials) or a file that others renew.
    kafka_oauth_token_url: str | None = None
    kafka_oauth_client_id: str | None = None
    kafka_oauth_client_secret: Secret | None = None
    kafka_oauth_scope: str | None = None
    kafka_oauth_cafile: str | None = None
    kafka_oauth_token_file: str | None = None
    kafka_oauth_extensions: Pairs = msgspec.field(default_factory=Pairs)
    # Off only for brokers that have no idempotent producer, such as the embedded one.
    kafka_enable_idempotence: bool = True
    kafka_group_id: str = "giftledger"
    # After how long a member that is not heard of loses its partitions.
    # Below a second no heartbeat comes in time.
    kafka_session_timeout_ms: Annotated[int, Meta(ge=1000, le=2**31 - 1)] = 10_000
    # After how long a worker sees partitions that were added.
    kafka_metadata_max_age_seconds: Annotated[float, Meta(ge=0.1, le=1e9)] = 30
    topic_prefix: str = "giftcert"
    # For topics that `giftledger topics` creates; without a factor it is 3, or the number of brokers if fewer.
    topic_partitions: PositiveInt = 6
    topic_replication_factor: Annotated[int, Meta(ge=1, le=2**15 - 1)] | None = None

    # Where Postgres is: postgresql://user:password@host:port/database?sslmode=…
    database_url: Secret | None = None
    # A statement that takes longer is ended and tried again.
    database_timeout_seconds: DatabaseSeconds = 30

    # The sender's webhooks.
    webhook_signing_keys: SecretPairs = msgspec.field(default_factory=SecretPairs)
    webhook_verification: Literal["on", "off"] = "on"
    # Also accept the signature of the body's compact re-serialisation, as the sender's page recommends.
    webhook_reserialisation: Literal["on", "off"] = "on"
    webhook_tolerance_seconds: PositiveFloat = 300
    webhook_max_body_bytes: PositiveInt = 262_144

    # The ingress: when to answer 503 instead of waiting.
    ingress_host: str = "0.0.0.0"  # noqa: S104 - it is the public side
    ingress_port: Port = 8080
    # How long a connection may rest between two requests: longer than the load balancer keeps one that it may use.
    ingress_keep_alive_seconds: PositiveFloat = 75
    publish_deadline_seconds: PositiveFloat = 5
    # How long a request's head may take to arrive, and then its body.
    webhook_read_timeout_seconds: PositiveFloat = 10
    max_connections: PositiveInt = 4000
    max_in_flight_requests: PositiveInt = 1000
    max_in_flight_bytes: Annotated[int, Meta(ge=1, le=2**63 - 1)] = 67_108_864
    # How long SIGTERM waits for what is in flight.
    shutdown_grace_seconds: PositiveFloat = 20

    # The worker.
    batch_max_records: PositiveInt = 2000
    # Of keys and bodies, decompressed: Kafka's own limits count what was compressed.
    batch_max_bytes: PositiveInt = 16_777_216
    # It ends, to be started again, when it makes no progress for so long though nothing is away.
    worker_stall_seconds: Annotated[float, Meta(ge=1, le=1e9)] = 120
    # It stops when more than this many, and more than this share, of the last 1,000 records were dead-lettered.
    dead_letter_max_count: PositiveInt = 100
    dead_letter_max_ratio: Ratio = 0.2

    # The sender's own API, which reconcile asks: no default, for production and sandbox have different hosts.
    sender_api_url: str | None = None
    sender_api_key: Secret | None = None
    sender_api_token: Secret | None = None
    sender_api_cafile: str | None = None
    # Requests a second, of all our processes together.
    sender_api_rate: Annotated[float, Meta(ge=0.001, le=1000)] = 1
    sender_api_timeout_seconds: Annotated[float, Meta(ge=0.001, le=86_400)] = 30
    # Which accounts the key speaks for, separated by commas; all, where it is not given.
    sender_api_accounts: str | None = None
    # How long a webhook may take to arrive and be applied, before a difference counts.
    reconcile_settle_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 900

    # A month of which the sender has confirmed less than this share is prepared with a warning.
    close_coverage_ratio: Annotated[float, Meta(ge=0, le=1)] = 0.8

    # Health and metrics, never on the public port.
    admin_host: str = "0.0.0.0"  # noqa: S104 - Prometheus and the kubelet come from outside
    admin_port: Port = 9100

    # What decides figures. It counts as it stands in the database; `giftledger migrate` writes there what is given.
    reporting_time_zone: str | None = None
    account_currencies: Pairs | None = None

    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        if not all(_is_server(_SERVER, server.strip()) for server in self.kafka_bootstrap_servers.split(",")):
            raise ValueError("KAFKA_BOOTSTRAP_SERVERS must be host:port, several separated by commas")
        if not _TOPIC_PREFIX.fullmatch(self.topic_prefix):
            raise ValueError("TOPIC_PREFIX must be at most 200 letters, digits, dots, hyphens and underscores of ASCII")
        if self.reporting_time_zone is not None and self.reporting_time_zone not in available_timezones():
            raise ValueError("REPORTING_TIME_ZONE is not an IANA time zone")
        if self.database_url and not _is_postgres_url(self.database_url.reveal()):
            raise ValueError(
                "DATABASE_URL must be postgresql://user:password@host:port/database, with special characters of the "
                "password percent-encoded"
            )
        if not all(re.fullmatch("[A-Z]{3}", code) for code in (self.account_currencies or {}).values()):
            raise ValueError("ACCOUNT_CURRENCIES must name currencies by their ISO 4217 codes, such as CAD")
        if self.sender_api_url and not _SENDER_API.fullmatch(self.sender_api_url):
            raise ValueError("SENDER_API_URL must be https://host or https://host/path: the key goes there")
        if lacking := _lacking_for_kafka(self):
            raise ValueError(lacking)

    @property
    def database(self) -> str:
        """The database's URL. Raises SettingsError when it is not set."""
        if self.database_url is None:
            raise SettingsError("DATABASE_URL is not set. Example: postgresql://giftledger@localhost:5432/giftledger")
        return self.database_url.reveal()

    @property
    def database_servers(self) -> str:
        """Where Postgres is, without user and password. Raises SettingsError when it is not set."""
        url = urlsplit(self.database)
        hosts = url.netloc.rpartition("@")[2]
        return hosts or ",".join(parse_qs(url.query).get("host", ["its local socket"]))

    @property
    def signing_keys(self) -> dict[str, str]:
        """Key id → secret. Raises SettingsError when there is none and verification is on."""
        if not self.webhook_signing_keys and self.webhook_verification == "on":
            raise SettingsError(
                "WEBHOOK_SIGNING_KEYS is not set. Give it as key-id=secret, or set WEBHOOK_VERIFICATION=off "
                "to accept what anybody sends."
            )
        return {key_id: secret.reveal() for key_id, secret in self.webhook_signing_keys.items()}

    @property
    def sender_api(self) -> str:
        """The base of the sender's API, without a slash at its end. Raises SettingsError when it is not set."""
        if not self.sender_api_url:
            raise SettingsError("SENDER_API_URL is not set: where the sender's API is, with SENDER_API_KEY and a token")
        return self.sender_api_url.rstrip("/")

    @property
    def sender_accounts(self) -> list[str] | None:
        """The accounts that the sender's key speaks for; None is all."""
        return [name.strip() for name in (self.sender_api_accounts or "").split(",") if name.strip()] or None

    def topic(self, name: str) -> str:
        """Give a topic's full name."""
        return f"{self.topic_prefix}.{name}"


_CHOICES = {
    field.encode_name: get_args(field.type)
    for field in msgspec.structs.fields(Settings)
    if get_origin(field.type) is Literal
}
_NAMES = tuple(field.encode_name for field in msgspec.structs.fields(Settings))
_SECRETS = (
    *("KAFKA_SASL_PASSWORD", "KAFKA_SSL_KEY_PASSWORD", "KAFKA_OAUTH_CLIENT_SECRET"),
    *("DATABASE_URL", "WEBHOOK_SIGNING_KEYS", "SENDER_API_KEY", "SENDER_API_TOKEN"),
)


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises SettingsError, naming the setting and the reason."""
    texts = read(environment, _NAMES, _SECRETS)
    try:
        return msgspec.convert(texts, Settings, strict=False, dec_hook=_convert)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        name = path.rstrip("`")
        if choices := _CHOICES.get(name):
            reason = f"must be one of {', '.join(choices)}"
        if texts.get(name, "").startswith("tcp://"):
            reason += ". Kubernetes sets it for a Service of that name: say enableServiceLinks: false"
        raise SettingsError(f"{name}: {reason}" if name else reason) from None


def not_settings(environment: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """Give what looks like a setting in the environment and is not read, with the setting that may be meant."""
    return misspelt(environment, _NAMES, _SECRETS)


def _lacking_for_kafka(settings: Settings) -> str | None:
    """Say what the way of proving oneself to Kafka lacks."""
    protocol = settings.kafka_security_protocol
    if settings.kafka_ssl_keyfile and not settings.kafka_ssl_certfile:
        return "KAFKA_SSL_KEYFILE needs KAFKA_SSL_CERTFILE"
    if settings.kafka_ssl_certfile and not protocol.endswith("SSL"):
        return f"KAFKA_SSL_CERTFILE proves nothing where KAFKA_SECURITY_PROTOCOL={protocol}"
    if not protocol.startswith("SASL"):
        return None
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        return _lacking_for_oauth(settings)
    if not (settings.kafka_sasl_username and settings.kafka_sasl_password):
        return f"KAFKA_SECURITY_PROTOCOL={protocol} needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
    return None


def _lacking_for_oauth(settings: Settings) -> str | None:
    url, file = settings.kafka_oauth_token_url, settings.kafka_oauth_token_file
    if bool(url) == bool(file):
        return "KAFKA_SASL_MECHANISM=OAUTHBEARER needs one of KAFKA_OAUTH_TOKEN_URL and KAFKA_OAUTH_TOKEN_FILE"
    extensions = settings.kafka_oauth_extensions
    if not all(re.fullmatch("(?!auth$)[A-Za-z]+", name) and text.isprintable() for name, text in extensions.items()):
        return "KAFKA_OAUTH_EXTENSIONS must be name=value, names of letters (RFC 7628, section 3.1)"
    if url is None:
        return None
    if not (settings.kafka_oauth_client_id and settings.kafka_oauth_client_secret):
        return "KAFKA_OAUTH_TOKEN_URL needs KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_CLIENT_SECRET"
    if not re.fullmatch(r"https://[^\s/@]+(/\S*)?|http://(localhost|127\.0\.0\.1)(:\d+)?(/\S*)?", url):
        return "KAFKA_OAUTH_TOKEN_URL must be https://host/path: the client's secret goes there"
    return None


def _is_server(form: re.Pattern[str], text: str) -> bool:
    server = form.fullmatch(text)
    return server is not None and int(server["port"] or 1) in range(1, 65536)


def _is_postgres_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    hosts = parts.netloc.rpartition("@")[2].split(",")
    readable = all(_is_server(_POSTGRES_SERVER, host) for host in hosts)
    return readable and parts.scheme in {"postgres", "postgresql"} and not parts.fragment


def _convert(kind: type, text: Any) -> Any:
    if kind is Secret:
        return secret(text)
    if kind is SecretPairs:
        return SecretPairs({name: Secret(value) for name, value in pairs(text).items()})
    return Pairs() if text.strip() == NONE else Pairs(pairs(text))
