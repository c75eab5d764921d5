"""The envelope around every webhook: as the ingress peeks at it, and as the base of the typed messages."""

from typing import Annotated, ClassVar

from msgspec import Meta, Raw, Struct

from schemas.events import Kind, OrderKey
from schemas.fields import (
    EARLIEST,
    MAX_IDENTIFIER,
    Blank,
    BzDate,
    Identifier,
    first_plausible,
    implausible,
    instant_from_epoch,
)


class Envelope(Struct, rename="camel", gc=False):
    """What every event has, whatever it is about; ``data`` stays unread."""

    id: Identifier
    attempt_id: Identifier
    livemode: bool
    created: int
    event: Annotated[str, Meta(min_length=1, max_length=MAX_IDENTIFIER)]
    data: Raw

    def __post_init__(self) -> None:
        instant_from_epoch(self.created)


class EnvelopeData(Struct):
    """The envelope's ``data`` as it came."""

    data: Raw


class Message(Struct, tag_field="event", rename="camel"):
    """An envelope whose ``data`` is typed: each event name is a subclass, and the tag of the union."""

    id: Identifier
    attempt_id: Identifier
    livemode: bool
    created: int

    kind: ClassVar[Kind]

    def __post_init__(self) -> None:
        if instant_from_epoch(self.created) < EARLIEST:
            raise ValueError("`created` is before the year 2000")

    @property
    def event_name(self) -> str:
        return str(self.__struct_config__.tag)

    @property
    def updated_at(self) -> BzDate | Blank:
        """The date that ``data`` gives for the change, if it does."""
        return None

    @property
    def created_at(self) -> BzDate | Blank:
        """The date that ``data`` gives for the beginning of the entity, if it does."""
        return None

    @property
    def transactions_paid(self) -> int:
        """How many transactions the entity has paid by then; -1 where they are not listed."""
        return -1

    @property
    def order(self) -> OrderKey:
        emitted_at = instant_from_epoch(self.created)
        # Of a change, createdAt says when the entity began, not when it was changed.
        dates = (self.updated_at, self.created_at) if self.kind is Kind.CREATED else (self.updated_at,)
        occurred_at = first_plausible(emitted_at, *dates) or emitted_at
        return OrderKey.of(self.kind, occurred_at, emitted_at, self.transactions_paid, self.id)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What the event says that cannot be true; see ``Event.doubts``."""
        return implausible(instant_from_epoch(self.created), createdAt=self.created_at, updatedAt=self.updated_at)
