"""What passes between the stages: a decoded event, what the database knows of it, and what it changes."""

from datetime import datetime
from enum import IntEnum, StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from msgspec import Struct


class Kind(IntEnum):
    """What happened to the entity, in the order that breaks ties (the database's enum ``event_kind``)."""

    CREATED = 0
    UPDATED = 1
    DELETED = 2


# As the database spells them.
KIND_NAMES = tuple(kind.name.lower() for kind in Kind)
KINDS = dict(zip(KIND_NAMES, Kind, strict=True))


class OrderKey(NamedTuple):
    """The place of an event in the life of its entity; the arrival order says nothing.

    ``created`` stands before all else: nothing is paid with, changed or deleted before it is there. ``occurred_at`` is
    ``updatedAt``, else (of a created event) ``createdAt``, else ``created``; ``emitted_at`` is ``created``. Of two
    payments at one time the one with more paid transactions is later; where none are listed their number is -1.
    """

    # Whether ``kind`` is anything but created.
    is_change: bool
    occurred_at: datetime
    emitted_at: datetime
    kind: Kind
    transactions_paid: int
    event_id: str

    def columns(self) -> tuple[str, datetime, datetime, str]:
        """Give the values of the columns ``event_id, occurred_at, emitted_at, kind``."""
        return self.event_id, self.occurred_at, self.emitted_at, KIND_NAMES[self.kind]


class Family(Struct, frozen=True, eq=False):
    """A kind of entity and its topic. The statements that belong to it stand in ``sql/queries/<name>/``."""

    name: str
    topic: str
    # Whether of several created events the first one counts and stays (a purchase), instead of the last.
    is_created_once: bool = False


class Entity(NamedTuple):
    """One certificate or one definition; test and live ones of the same id are two."""

    family: Family
    id: str
    livemode: bool


class Event(Struct, frozen=True, gc=False):
    """One decoded attempt of one event."""

    name: str
    attempt_id: str
    # What the ledger knows the attempt by: see ``attempt_key``.
    attempt_key: bytes
    entity: Entity
    order: OrderKey
    # What the event says of its entity (a Fact, a Definition), None where nothing describes it (a delete).
    snapshot: Any
    # When the entity was deleted for good, None where the event does not say so.
    deleted_at: datetime | None
    # What the event says that cannot be true, as "rule what": it shows in data quality.
    doubts: tuple[str, ...]
    # The event's ``data`` as it came.
    data: str
    received_at: datetime
    topic: str
    partition: int
    offset: int
    # Of the request that brought it, where it had one.
    traceparent: str | None = None


_KEY_BYTES = 16


def attempt_key(attempt_id: str, *, livemode: bool) -> bytes:
    """Give the key of an attempt: any string the sender makes, in a small index. Migrations make the same in SQL."""
    return sha256((b"t" if livemode else b"f") + attempt_id.encode()).digest()[:_KEY_BYTES]


class Head(NamedTuple):
    """How far an entity has come: its newest description and its earliest delete, either may be unknown.

    ``standing`` is what else its family needs to know of it, as the database has it.
    """

    newest: OrderKey | None = None
    deleted_at: datetime | None = None
    standing: Any = None


class Projection(NamedTuple):
    """What a batch makes of one entity: the event with its newest description, and its earliest delete."""

    entity: Entity
    newest: Event | None
    deleted_at: datetime | None


class Brought(NamedTuple):
    """The event that an attempt brought, whatever its family."""

    family: str
    entity_id: str
    event_id: str


class Known(Struct, frozen=True):
    """What the database holds already of a batch."""

    # By the attempt's key.
    attempts: dict[bytes, Brought] = {}
    # With the earliest arrival of the event, where that is kept.
    events: dict[tuple[Entity, str], datetime | None] = {}
    heads: dict[Entity, Head] = {}


class Outcome(StrEnum):
    """What an attempt did. The first three stand in the ledger; a duplicate leaves no trace there."""

    APPLIED = "applied"
    STALE = "stale"
    RESEND = "resend"
    DUPLICATE = "duplicate"


class Changes(Struct, frozen=True):
    """What a batch writes. ``outcomes`` has one entry an event of the batch, in its order."""

    outcomes: list[Outcome]
    # Events that were not known: they enter the history.
    entered: list[Event]
    # Attempts of events that are known, which arrived earlier than those.
    earlier: list[Event]
    # Attempts that brought another event before: this one may be lost.
    reused: list[Event]
    projections: dict[Family, list[Projection]]
