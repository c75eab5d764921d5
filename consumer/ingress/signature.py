"""The sender's signature: header ``x-btrz-signature: t=<timestamp>,s=<deprecated>,s2=<signature>``.

``s2`` is the HMAC-SHA256 of ``<t as sent>.<body>`` under the private key of the sender's webhooks application
(source: the sender's public webhook documentation). The encoding of ``s2`` and the unit of ``t`` are not
documented, so both readings are accepted: hex or base64 (either alphabet, padded or not) by length, seconds or
milliseconds by magnitude.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from consumer.ingress.stringify import stringify
from schemas.fields import seconds_from_epoch

HEADER = "x-btrz-signature"
# Of the header, in characters: it is read before anybody has proven anything.
_LONGEST = 1024
_SIZE = hashlib.sha256().digest_size


class Rejection(StrEnum):
    """Why a signature was not accepted; the value is the metric's ``reason`` and the answer's ``reason``."""

    MISSING = "signature_missing"
    MALFORMED = "signature_malformed"
    MISMATCH = "signature_mismatch"
    STALE = "timestamp_out_of_tolerance"


class SignatureError(Exception):
    """The request is not from the sender, or too old to be believed."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.value)
        self.rejection = rejection


class Verified(msgspec.Struct, frozen=True):
    """A request whose sender is proven: which key it used, and whether only the fallback could match it."""

    key_id: str
    reserialised: bool = False


def sign(secret: str, body: bytes, timestamp: int | None = None) -> str:
    """Build the header's value for ``body``, as the sender does; ``timestamp`` in Unix seconds, default now."""
    sent_at = str(int(time.time()) if timestamp is None else timestamp)
    return f"t={sent_at},s=,s2={_digest(secret, sent_at, body).hex()}"


def verify(
    header: str | None,
    body: bytes,
    keys: Mapping[str, str],
    *,
    tolerance: float,
    now: float,
    reserialise: bool = True,
) -> Verified:
    """Prove that ``body`` was signed by one of ``keys`` (key id → secret) within ``tolerance`` seconds of ``now``.

    The bytes on the wire are tried first. The sender signs its own ``JSON.stringify`` and warns of differences
    in escapes, so with ``reserialise`` what ``JSON.stringify`` makes of the body is tried second.

    Raises:
        SignatureError: with the reason; nothing of the header or the body is in it.

    """
    if not header:
        raise SignatureError(Rejection.MISSING)
    sent_at, signature = _parse(header)
    if abs(now - seconds_from_epoch(int(sent_at))) > tolerance:
        raise SignatureError(Rejection.STALE)
    if key_id := _matching_key(signature, sent_at, body, keys):
        return Verified(key_id)
    stringified = stringify(body) if reserialise else None
    if stringified is not None and (key_id := _matching_key(signature, sent_at, stringified, keys)):
        return Verified(key_id, reserialised=True)
    raise SignatureError(Rejection.MISMATCH)


def _parse(header: str) -> tuple[str, bytes]:
    """Split the header into ``t`` as sent and the decoded ``s2``; neither may be given twice."""
    parts = [part.strip().partition("=")[::2] for part in header[:_LONGEST].split(",")]
    fields = dict(parts)
    if len(header) > _LONGEST or len(fields) < len(parts):
        raise SignatureError(Rejection.MALFORMED)
    sent_at, encoded = fields.get("t", ""), fields.get("s2", "")
    try:
        signature = bytes.fromhex(encoded) if len(encoded) == 2 * _SIZE else _from_base64(encoded)
    except ValueError:  # of which binascii.Error is one
        raise SignatureError(Rejection.MALFORMED) from None
    longest_timestamp = 20
    if len(signature) != _SIZE or not (sent_at.isascii() and sent_at.isdigit()) or len(sent_at) > longest_timestamp:
        raise SignatureError(Rejection.MALFORMED)
    return sent_at, signature


def _from_base64(text: str) -> bytes:
    """Read either alphabet of RFC 4648, padded or not. Raises ValueError."""
    unpadded = text.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)


def _matching_key(signature: bytes, sent_at: str, body: bytes, keys: Mapping[str, str]) -> str | None:
    """Compare with every key, in constant time each and never stopping early: which key matched stays unseen."""
    matching = None
    for key_id, secret in keys.items():
        if hmac.compare_digest(_digest(secret, sent_at, body), signature):
            matching = key_id
    return matching


def _digest(secret: str, sent_at: str, body: bytes) -> bytes:
    return hmac.digest(secret.encode(), sent_at.encode() + b"." + body, "sha256")
