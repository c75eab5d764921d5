"""Rows: what is signed of a close, as values of JSON; amounts as texts in currency units."""

import secrets
from typing import Any

import msgspec

from consumer.close.signed.canonical import Json, amount
from consumer.close.signed.merkle import leaf_hash

MOVEMENTS = ("issued", "first_seen", "adjusted_up", "redeemed", "adjusted_down", "voided")
FALLS = frozenset({"redeemed", "adjusted_down", "voided"})
FIGURES = ("opening", *MOVEMENTS, "closing", "for_earlier_months", "closing_at_consideration")
BALANCES = ("balance", "balance_at_consideration")
CERTIFICATE = ("certificate_id", "currency", "issuing_station_id", *BALANCES, "event_id")
_SALT_BYTES = 16
# Thirty times as fast as what writes any value, and there are a million rows.
_of_texts = msgspec.json.Encoder(order="sorted")


def rollforward_row(row: Any) -> Json:
    """Give a row of the roll-forward."""
    return {
        "currency": row["currency"],
        "issuing_station_id": row["issuing_station_id"],
        **{figure: amount(row[figure]) for figure in FIGURES},
    }


def new_salt() -> bytes:
    """Make what keeps a leaf from being guessed by who sees only its hash."""
    return secrets.token_bytes(_SALT_BYTES)


def certificate_row(row: Any, salt: bytes) -> Json:
    """Give the row of a certificate, as it is hashed."""
    said: Json = {name: amount(row[name]) if name in BALANCES else row[name] for name in CERTIFICATE}
    return said | {"salt": salt.hex()}


def leaf_of(row: Json) -> bytes:
    """Hash a certificate's row as canonical JSON: of texts and nulls alone, that is its keys in their order."""
    return leaf_hash(_of_texts.encode(row))


def records_row(row: Any) -> Json:
    """Say which records of a partition are in a close; ranges are without their ends."""
    return {
        "topic": row["topic"],
        "partition": row["kafka_partition"],
        "first_offset": row["first_offset"],
        "next_offset": row["next_offset"],
        "passed_over": [[part.lower, part.upper] for part in row["passed_over"]],
    }
