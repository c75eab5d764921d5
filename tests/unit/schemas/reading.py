"""Reading in tests: a webhook goes in as the sender writes it, a message or a refusal comes out."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import astuple

from schemas.certificates import Certificate
from schemas.definitions import COLUMNS, currency_of, row_of
from schemas.registry import Malformed, read
from tests.builders import (
    CERTIFICATE_ID,
    DEFINITION_ID,
    encode,
    event,
    webhook,
)

# Who reads this in a reason knows a person.
NAME = "Zoë Lévesque"

PAYLOADS = Path(__file__).parents[2] / "payloads"


def payload(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def message(body: dict[str, Any]) -> Any:
    return read(encode(body)).message


def certificate(**data: Any) -> Certificate:
    """Decode a purchase whose ``data`` is the least that is legal, and what the test adds."""
    decoded = message(webhook("giftcertificate.created", {"_id": CERTIFICATE_ID, "balance": 1, **data}))
    snapshot: Certificate = decoded.snapshot
    return snapshot


def refusal(body: dict[str, Any] | bytes) -> str:
    with pytest.raises(Malformed) as refused:
        read(body if isinstance(body, bytes) else encode(body))
    return str(refused.value)


LEAST = {"_id": CERTIFICATE_ID, "balance": 1}
ENVELOPE = {"id": "event", "attemptId": "attempt"}


def certificate_row(**data: Any) -> tuple[Any, ...]:
    """Give what the table makes of the least that is legal and ``data``, without ``data`` as it came."""
    bought_one = event(webhook("giftcertificate.created", {**LEAST, **data}, **ENVELOPE))
    return astuple(bought_one.snapshot)[:-1]


def definition_row(**data: Any) -> tuple[Any, ...]:
    described = event(webhook("giftcertificates.created", {"_id": DEFINITION_ID, **data}, **ENVELOPE))
    row = row_of(described.entity, described, described.deleted_at, described if currency_of(described) else None)
    return tuple(value for name, value in zip(COLUMNS, row, strict=True) if name != "data")


def with_raw(name: str, value: str) -> bytes:
    """Write a purchase with a value as it stands."""
    return encode(webhook("giftcertificate.created", {**LEAST, name: "@"})).replace(
        f'"{name}":"@"'.encode(), f'"{name}":{value}'.encode()
    )


# The skeleton of a certificate gives types instead of values; these stand for them.
OF_THE_TYPE = {"string": "text", "int": 301_000, "float": 1.25, "boolean": True}
REAL = {
    "isocode": "CAD",
    "primaryCurrencyCode": "CAD",
    "event": "giftcertificate.created",
    "_id": CERTIFICATE_ID,
    "created": 1_623_794_091,
    "value": "2021-06-15T21:54:49.506Z",
}


def filled(skeleton: Any, name: str = "") -> Any:
    if isinstance(skeleton, dict):
        return {key: filled(value, key) for key, value in skeleton.items()}
    if isinstance(skeleton, list):
        return [filled(value) for value in skeleton]
    return REAL[name] if name in REAL and skeleton in {"string", "int"} else OF_THE_TYPE[skeleton]


def documented_certificate() -> dict[str, Any]:
    body: dict[str, Any] = filled(json.loads(payload("giftcertificate.skeleton")))
    body["data"]["taxes"][0]["value"] = 13_000
    return body
