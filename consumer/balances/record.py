"""Record: a certificate's state as a record of its topic: CloudEvents 1.0, binary content mode, over Kafka."""

from datetime import UTC, datetime

import msgspec

from consumer.common.settings import Settings
from consumer.kafka.trace import TRACEPARENT
from consumer.kafka.transactions import Outgoing
from schemas.balances import DATASCHEMA, Balance, Changed
from schemas.registry import BALANCES, BALANCES_TEST

CHANGED = "giftledger.balance.changed"
ERASED = "giftledger.balance.erased"
CONTENT_TYPE = "application/json"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Balance).decode


def topic_of(livemode: bool) -> str:  # noqa: FBT001 - what it is of
    """Name the topic, without its prefix."""
    return BALANCES if livemode else BALANCES_TEST


def record_of(settings: Settings, changed: Changed) -> Outgoing:
    """Give the record; without a value, a tombstone, where the certificate is no more."""
    topic = settings.topic(topic_of(changed.livemode))
    return Outgoing(
        topic,
        changed.certificate_id.encode(),
        None if changed.balance is None else _encode(changed.balance),
        _headers(topic, changed),
    )


def _headers(topic: str, changed: Changed) -> list[tuple[str, bytes]]:
    is_there = changed.balance is not None
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"{changed.certificate_id}/{changed.version}",
        "ce_source": f"urn:giftledger:{topic}",
        "ce_type": CHANGED if is_there else ERASED,
        "ce_subject": changed.certificate_id,
        "ce_time": _rfc3339(changed.changed_at),
        **({TRACEPARENT: changed.traceparent} if changed.traceparent else {}),
        **({"ce_dataschema": DATASCHEMA, "content-type": CONTENT_TYPE} if is_there else {}),
    }
    return [(name, value.encode()) for name, value in headers.items()]


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def balance_in(value: bytes) -> Balance:
    """Read a record's value. Raises msgspec.DecodeError."""
    return _decode(value)
