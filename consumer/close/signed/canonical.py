"""Canonical JSON (RFC 8785): equal values have equal bytes, which can be hashed and signed.

All amounts are texts in currency units with five places: no reader's numbers lose any of them.
"""

import json
from decimal import Decimal
from hashlib import sha256
from typing import Any

import rfc8785

# An object of JSON.
Json = dict[str, Any]


class NotCanonical(ValueError):
    """Bytes that are not what RFC 8785 makes of the value that they say."""


def canonical(value: Any) -> bytes:
    """Write a value."""
    return rfc8785.dumps(value)


def read(data: bytes) -> Any:
    """Read canonical bytes. Raises NotCanonical for any others: two texts of one value would have two hashes."""
    try:
        value = json.loads(data)
        is_canonical = canonical(value) == data
    except (ValueError, RecursionError) as error:  # of which those of json and rfc8785 are some
        raise NotCanonical(f"not canonical JSON: {error}") from None
    if not is_canonical:
        raise NotCanonical("not canonical JSON (RFC 8785)")
    return value


def digest(data: bytes) -> str:
    """Give the SHA-256 in hex."""
    return sha256(data).hexdigest()


def amount(units: int | Decimal) -> str:
    """Write an amount of 1/100000 in currency units, five places."""
    whole, part = divmod(abs(int(units)), 100_000)
    return f"{'-' * (units < 0)}{whole}.{part:05}"


def units(text: str) -> int:
    """Read what ``amount`` writes, in 1/100000."""
    sign, _, digits = text.rpartition("-")
    whole, _, part = digits.partition(".")
    return (-1 if sign or text.startswith("-") else 1) * (int(whole) * 100_000 + int(part))
