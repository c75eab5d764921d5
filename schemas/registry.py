"""Which events there are, and the decoders for them, each built once, when its first event is read.

Singular and plural names are different things (a certificate, a definition): names are matched whole.
"""

import re
from functools import cache
from typing import Any, TypeAlias, get_args, get_type_hints

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
from schemas.envelope import Envelope
from schemas.events import Family
from schemas.fields import EARLIEST, Identifier, instant_from_epoch
from schemas.lenient import integer, read_data
from schemas.plain import is_plain, plain
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


class _Kind(Struct, frozen=True):
    """How the message of an event is read: its type, its family, the type of its ``data``, and how it is if plain."""

    message: Any
    family: Family
    data: Any
    decoder: msgspec.json.Decoder[Any]


@cache
def _kind_of(message: Any) -> _Kind:
    data = get_type_hints(message)["data"]
    name = message.__struct_config__.tag
    return _Kind(message, FAMILY_OF[name], data, msgspec.json.Decoder(plain(data)))


_MESSAGES = {str(message.__struct_config__.tag): message for message in get_args(AnyMessage)}

# Topics without a family: authentic webhooks of any other event, and what a worker could not apply.
UNROUTED = "unrouted"
DEAD_LETTER = "dead-letter"
# The newest state of each certificate, compacted: ours, of live and of test traffic.
BALANCES = "balances"
BALANCES_TEST = "balances.test"
TOPICS = (*(family.topic for family in FAMILIES), UNROUTED, DEAD_LETTER, BALANCES, BALANCES_TEST)


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


_envelope: msgspec.json.Decoder[Envelope] = msgspec.json.Decoder(plain(Envelope))
_loose_envelope = msgspec.json.Decoder(_LooseEnvelope)
_key = msgspec.json.Decoder(_KeyOf)
_key_of_deleted = msgspec.json.Decoder(_KeyOfDeleted)


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
    """Decode a message: its envelope, and ``data`` as the event's name says. Raises Malformed."""
    try:
        text = storable(body)
        envelope = _read_envelope(text)
        message_type = _MESSAGES.get(envelope.event)
        if message_type is None:
            raise Malformed("No event of this name is known - at `$.event`")
        if instant_from_epoch(envelope.created) < EARLIEST:
            raise Malformed("`created` is before the year 2000")
        kind = _kind_of(message_type)
        data, doubts = _read_data(text, envelope.data, kind)
        message = kind.message(envelope.id, envelope.attempt_id, envelope.livemode, envelope.created, data)
        return Reading(message, envelope.event, kind.family, str(envelope.data, "utf-8"), doubts)
    except _UNREADABLE as error:
        raise _malformed(error) from None


def _read_data(text: str | bytes, sent: Raw, kind: _Kind) -> tuple[Any, tuple[str, ...]]:
    """Read ``data`` and the doubts about it: what is plain, as nearly all are, fast, and anything else leniently."""
    try:
        if not may_be_altered(text):
            data = kind.decoder.decode(sent)
            if is_plain(data.id):
                return data, ()
    except msgspec.ValidationError:
        pass
    return read_data(text, kind.data)


def _read_envelope(text: str | bytes) -> Envelope:
    try:
        envelope = _envelope.decode(text)
        if is_plain(envelope.id) and is_plain(envelope.attempt_id):
            return envelope
    except msgspec.ValidationError:
        pass
    loose = _loose_envelope.decode(text)
    created = integer(loose.created, "$.created")
    try:
        return Envelope(loose.id, loose.attempt_id, loose.livemode, created, loose.event, loose.data)
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
