"""Which events there are, and the decoders for them, built once.

Singular and plural names are different things (a certificate, a definition): names are matched whole.
"""

import re
from typing import Any, TypeAlias, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Raw, Struct, field

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
from schemas.lenient import integer, read_data
from schemas.text import may_be_altered, storable

AnyMessage: TypeAlias = (
    CertificateCreated | CertificateUpdated | DefinitionCreated | DefinitionUpdated | DefinitionDeleted
)

FAMILIES = (CERTIFICATES, DEFINITIONS)

FAMILY_OF: dict[str, Family] = {
    "giftcertificate.created": CERTIFICATES,
    "giftcertificate.updated": CERTIFICATES,
    "giftcertificates.created": DEFINITIONS,
    "giftcertificates.updated": DEFINITIONS,
    "giftcertificates.deleted": DEFINITIONS,
}

_MESSAGES: dict[str, Any] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyMessage)}
_KNOWN = {kind: (name, FAMILY_OF[name]) for name, kind in _MESSAGES.items()}
_DATA = {kind: get_type_hints(kind)["data"] for kind in _KNOWN}

# Topics without a family: authentic webhooks of any other event, and what a worker could not apply.
UNROUTED = "unrouted"
DEAD_LETTER = "dead-letter"
# The newest state of each certificate, compacted: ours, of live and of test traffic.
BALANCES = "balances"
BALANCES_TEST = "balances.test"
TOPICS = (*(family.topic for family in FAMILIES), UNROUTED, DEAD_LETTER, BALANCES, BALANCES_TEST)


T = TypeVar("T")


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


class _LooseEnvelope(Envelope):
    """An envelope whose ``created`` may be written as a number with a fraction of zeros."""

    created: Raw  # type: ignore[assignment]

    def __post_init__(self) -> None:
        pass


_envelope = msgspec.json.Decoder(Envelope)
_loose_envelope = msgspec.json.Decoder(_LooseEnvelope)
_key = msgspec.json.Decoder(_KeyOf)
_key_of_deleted = msgspec.json.Decoder(_KeyOfDeleted)
_message: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)
_data = msgspec.json.Decoder(EnvelopeData)


class Reading(Struct, frozen=True, gc=False):
    """A message: its typed form, its name, its family, its ``data`` as it came, and the doubts about what it says."""

    message: AnyMessage
    name: str
    family: Family
    data: str
    doubts: tuple[str, ...]


def route(body: bytes) -> Routed:
    """Peek at the envelope and the entity's id, and at nothing else. Raises Malformed."""
    try:
        text = storable(body)
        envelope = _read_envelope(text)
        family = FAMILY_OF.get(envelope.event)
        if family is None:
            return Routed(envelope, UNROUTED, envelope.id)
        decoder = _key_of_deleted if envelope.event.endswith(".deleted") else _key
        return Routed(envelope, family.topic, decoder.decode(text).data.id)
    except _UNREADABLE as error:
        raise _malformed(error) from None


def is_almost_ours(event: str) -> bool:
    """Tell whether an event that is not ours has a name that looks like one of ours: case, blanks, or a new action."""
    return event not in FAMILY_OF and "giftcert" in re.sub("[^a-z]", "", event.lower())


def read(body: bytes) -> Reading:
    """Decode a message. Raises Malformed."""
    try:
        text = storable(body)
        message, doubts = _read_typed(text)
        name, family = _KNOWN[type(message)]
        return Reading(message, name, family, bytes(_data.decode(text).data).decode(), doubts)
    except _UNREADABLE as error:
        raise _malformed(error) from None


def _read_typed(text: str | bytes) -> tuple[AnyMessage, tuple[str, ...]]:
    try:
        if not may_be_altered(text):
            return _message.decode(text), ()
    except msgspec.ValidationError:
        pass
    return _read_leniently(text)


def _read_leniently(text: str | bytes) -> tuple[AnyMessage, tuple[str, ...]]:
    """Read a message whose values are not all what the sender documents; see ``schemas.lenient``."""
    envelope = _read_envelope(text)
    kind = _MESSAGES.get(envelope.event)
    if kind is None:
        raise Malformed("No event of this name is known - at `$.event`")
    data, doubts = read_data(text, _DATA[kind])
    message = _made(kind, envelope.id, envelope.attempt_id, envelope.livemode, envelope.created, data)
    return message, doubts


def _read_envelope(text: str | bytes) -> Envelope:
    try:
        return _envelope.decode(text)
    except msgspec.ValidationError:
        loose = _loose_envelope.decode(text)
    created = integer(loose.created, "$.created")
    return _made(Envelope, loose.id, loose.attempt_id, loose.livemode, created, loose.event, loose.data)


def _made(kind: type[T], *values: object) -> T:
    """Make a struct; msgspec checks its values only where it decodes them. Raises Malformed."""
    try:
        return kind(*values)
    except ValueError as error:
        raise Malformed(str(error)) from None


_UNREADABLE = (UnicodeDecodeError, RecursionError, msgspec.DecodeError)


def _malformed(error: Exception) -> Malformed:
    if isinstance(error, UnicodeDecodeError):
        return Malformed(f"Not UTF-8 (byte {error.start})")
    if isinstance(error, RecursionError):
        return Malformed("Nested too deeply")
    # Of all of msgspec's messages only this one quotes the value, which may be anybody's name.
    return Malformed(re.sub(r"(?s)^Invalid (enum )?value .* - at", "Unexpected value - at", str(error)))
