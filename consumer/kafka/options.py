"""Kafka: how every client of ours is set up."""

from typing import Any

from consumer.common.settings import Settings
from consumer.kafka.oauth import token_provider
from consumer.kafka.tls import KafkaContext
from consumer.kafka.unpacking import unpack_in_pieces

# The largest record that a dead-letter topic must hold: an original of a topic's default limit, and its headers.
MAX_RECORD_BYTES = 4 * 1024 * 1024
# What a record has beside its body: key, headers and the frame of its batch, where ids are of ordinary length.
RECORD_OVERHEAD_BYTES = 8 * 1024
# What a topic holds unless its max.message.bytes says otherwise.
KAFKAS_MAX_MESSAGE_BYTES = 1_048_588
# What a worker holds of the topics: this much of each partition, and of each answer, which scans keep to as well. A
# record that is larger comes alone. aiokafka asks for more of a partition only when it has handed out what it has of
# it, and a tenth of a second after the last answer at the soonest: with half of this, a worker that catches up often
# had to wait.
MAX_PARTITION_FETCH_BYTES = 2 * 1024 * 1024
MAX_FETCH_BYTES = 16 * 1024 * 1024
# What a producer sends at once to a partition: as much as the largest body, which the topics must hold anyway.
MAX_BATCH_BYTES = 256 * 1024
# After how long a connection on which nobody answers is made anew (aiokafka: 40 s).
REQUEST_TIMEOUT_MS = 10_000


def largest_record(settings: Settings) -> int:
    """Say how many bytes of a record a topic must hold: the largest body and what goes with it."""
    return settings.webhook_max_body_bytes + RECORD_OVERHEAD_BYTES


def largest_dead_letter(settings: Settings) -> int:
    """Say how many bytes of a record the dead-letter topic must hold, also of what others wrote to our topics."""
    return max(MAX_RECORD_BYTES, largest_record(settings) + RECORD_OVERHEAD_BYTES)


def largest_balance(settings: Settings) -> int:
    """Say how many bytes of a record a topic of balances must hold: two bodies may have named its two stations."""
    return 2 * settings.webhook_max_body_bytes + RECORD_OVERHEAD_BYTES


def connection_options(settings: Settings) -> dict[str, Any]:
    """Give the options that producers, consumers and admin clients share. Raises SettingsError."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "client_id": "giftledger",
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = KafkaContext.of(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        options |= _sasl_options(settings)
    return options


def _sasl_options(settings: Settings) -> dict[str, Any]:
    mechanism = {"sasl_mechanism": settings.kafka_sasl_mechanism}
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        return mechanism | {"sasl_oauth_token_provider": token_provider(settings)}
    password = settings.kafka_sasl_password
    return mechanism | {
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": password.reveal() if password else None,
    }


def producer_options(settings: Settings) -> dict[str, Any]:
    """Give the options of producers: durable on all in-sync replicas, in order."""
    return connection_options(settings) | {
        "acks": "all",
        "enable_idempotence": settings.kafka_enable_idempotence,
        "max_batch_size": MAX_BATCH_BYTES,
        "max_request_size": MAX_RECORD_BYTES,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
    }


def reader_options(settings: Settings) -> dict[str, Any]:
    """Give the options of every consumer: no commit but ours, and from the beginning (not the default)."""
    unpack_in_pieces()
    return connection_options(settings) | {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "max_partition_fetch_bytes": MAX_RECORD_BYTES,
        "fetch_max_bytes": MAX_FETCH_BYTES,
    }


def consumer_options(settings: Settings) -> dict[str, Any]:
    """Give the options of the workers' consumers: members of one group."""
    session = settings.kafka_session_timeout_ms
    return reader_options(settings) | {
        "group_id": settings.kafka_group_id,
        "metadata_max_age_ms": int(settings.kafka_metadata_max_age_seconds * 1000),
        "session_timeout_ms": session,
        # A member learns of a rebalance by its next heartbeat: until then all others wait.
        "heartbeat_interval_ms": max(session // 10, 100),
        "rebalance_timeout_ms": session,
        # A join is answered when the rebalance is over, so a request may take longer than that.
        "request_timeout_ms": session + REQUEST_TIMEOUT_MS // 2,
        "max_partition_fetch_bytes": MAX_PARTITION_FETCH_BYTES,
    }
