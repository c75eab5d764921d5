"""Which events there are, and the decoders for them, built once.

Singular and plural names are different things (a certificate, a definition): names are matched whole.
"""

import re

import msgspec
from msgspec import Struct, field

from schemas.certificates import CERTIFICATES, CertificateCreated, CertificateUpdated
from schemas.definitions import (
    DEFINITIONS,
    DefinitionCreated,
    DefinitionDeleted,
    DefinitionUpdated,
    DeletedDefinition,
)
from schemas.envelope import Envelope, EnvelopeData
from schemas.events import Family
from schemas.fields import Identifier

AnyMessage = CertificateCreated | CertificateUpdated | DefinitionCreated | DefinitionUpdated | DefinitionDeleted

FAMILIES = (CERTIFICATES, DEFINITIONS)

FAMILY_OF: dict[str, Family] = {
    "giftcertificate.created": CERTIFICATES,
    "giftcertificate.updated": CERTIFICATES,
    "giftcertificates.created": DEFINITIONS,
    "giftcertificates.updated": DEFINITIONS,
    "giftcertificates.deleted": DEFINITIONS,
}

# Topics without a family: authentic webhooks of any other event, and what a worker could not apply.
UNROUTED = "unrouted"
DEAD_LETTER = "dead-letter"
TOPICS = (*(family.topic for family in FAMILIES), UNROUTED, DEAD_LETTER)


class Malformed(Exception):
    """A body is not what it should be; the message names the field by its path and the reason, no values."""


class Routed(Struct, frozen=True):
    """Where a webhook goes: the topic without its prefix, and the key that keeps an entity on one partition."""

    envelope: Envelope
    topic: str
    key: str


class _Identified(Struct):
    id: Identifier = field(name="_id")


class _KeyOf(Struct):
    data: _Identified


class _KeyOfDeleted(Struct):
    data: DeletedDefinition


_envelope = msgspec.json.Decoder(Envelope)
_key = msgspec.json.Decoder(_KeyOf)
_key_of_deleted = msgspec.json.Decoder(_KeyOfDeleted)
_message: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)
_data = msgspec.json.Decoder(EnvelopeData)


def route(body: bytes) -> Routed:
    """Peek at the envelope and the entity's id, and at nothing else. Raises Malformed."""
    try:
        text = _text(body)
        envelope = _envelope.decode(text)
        family = FAMILY_OF.get(envelope.event)
        if family is None:
            return Routed(envelope, UNROUTED, envelope.id)
        decoder = _key_of_deleted if envelope.event.endswith(".deleted") else _key
        return Routed(envelope, family.topic, decoder.decode(text).data.id)
    except _UNREADABLE as error:
        raise _malformed(error) from None


def read(body: bytes) -> tuple[AnyMessage, Family, str]:
    """Decode a message: its typed form, its family, and its ``data`` as it came. Raises Malformed."""
    try:
        text = _text(body)
        message = _message.decode(text)
        raw = _data.decode(text).data
        return message, FAMILY_OF[message.event_name], bytes(raw).decode()
    except _UNREADABLE as error:
        raise _malformed(error) from None


_UNREADABLE = (UnicodeDecodeError, RecursionError, msgspec.DecodeError)


def _malformed(error: Exception) -> Malformed:
    if isinstance(error, UnicodeDecodeError):
        return Malformed(f"Not UTF-8 (byte {error.start})")
    if isinstance(error, RecursionError):
        return Malformed("Nested too deeply")
    # Of all of msgspec's messages only this one quotes the value, which may be anybody's name.
    return Malformed(re.sub(r"(?s)^Invalid (enum )?value .* - at", "Unexpected value - at", str(error)))


# An escaped backslash, a whole surrogate pair, or (group 1) an escape that no Postgres text can hold.
_ESCAPE = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2}))"
)


def _text(body: bytes) -> str | bytes:
    r"""Write U+FFFD for ``\u0000`` and half surrogates, so that no text the sender can make fails an event."""
    text = body.decode()
    if b"\\u" not in body:
        return body  # which msgspec need not encode again
    return _ESCAPE.sub(lambda escape: r"\ufffd" if escape[1] else escape[0], text)
