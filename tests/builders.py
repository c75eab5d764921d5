"""Builders: webhooks and Kafka records with sensible defaults; a test names only what it is about."""

import itertools
import json
from typing import Any

from aiokafka.structs import ConsumerRecord

from consumer.apply.decode import decode
from schemas.events import Event

_numbers = itertools.count(1)

CERTIFICATE_ID = "60c921a917bda93f5c896b00"
DEFINITION_ID = "60c921a917bda93f5c896bff"


def moment(second: int) -> dict[str, Any]:
    """Give a date of the sender: ``second`` seconds after noon of 1 June 2026."""
    return {"value": f"2026-06-01T12:{second // 60:02}:{second % 60:02}.000Z", "offset": -240}


def webhook(event: str, data: Any, **envelope: Any) -> dict[str, Any]:
    number = next(_numbers)
    return {
        "id": f"event-{number}",
        "attemptId": f"attempt-{number}",
        "livemode": True,
        "created": 1780315200,
        "event": event,
        "data": data,
        **envelope,
    }


def certificate(balance: int = 5_000_000, *, updated: int | None = 0, **data: Any) -> dict[str, Any]:
    """Give a certificate's ``data``; ``updated`` in seconds, see moment()."""
    return {
        "_id": CERTIFICATE_ID,
        "balance": balance,
        "price": 5_000_000,
        "total": 5_650_000,
        "status": "paid",
        **({} if updated is None else {"updatedAt": moment(updated)}),
        **data,
    }


def bought(balance: int = 5_000_000, *, envelope: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    return webhook("giftcertificate.created", certificate(balance, **data), **(envelope or {}))


def paid_with(balance: int, *, envelope: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    return webhook("giftcertificate.updated", certificate(balance, **data), **(envelope or {}))


def definition(
    action: str = "created", *, updated: int = 0, envelope: dict[str, Any] | None = None, **data: Any
) -> dict[str, Any]:
    described = {"_id": DEFINITION_ID, "name": "Fifty", "price": 4_000_000, "value": 5_000_000, "deleted": False}
    body = {**described, "updatedAt": moment(updated), **data}
    return webhook(f"giftcertificates.{action}", body, **(envelope or {}))


def definition_deleted(definition_id: str = DEFINITION_ID, **envelope: Any) -> dict[str, Any]:
    return webhook("giftcertificates.deleted", {"giftcertificateId": definition_id}, **envelope)


def encode(body: Any) -> bytes:
    """Write JSON as the sender's JSON.stringify does."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def record(
    value: bytes | None,
    *,
    offset: int = 0,
    topic: str = "giftcert.certificates",
    received_at: str | None = "2026-06-01T12:00:00.000Z",
    traceparent: str | None = None,
) -> "ConsumerRecord[bytes | None, bytes | None]":
    said = {"received-at": received_at, "traceparent": traceparent}
    headers = tuple((name, text.encode()) for name, text in said.items() if text is not None)
    return ConsumerRecord(topic, 0, offset, 1780315200000, 0, b"key", value, None, -1, -1, headers)


def event(body: dict[str, Any], **of_record: Any) -> Event:
    """Decode a webhook as the worker does."""
    return decode(record(encode(body), **of_record))
