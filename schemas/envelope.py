"""The envelope around every webhook: as the ingress peeks at it, and as the base of the typed messages."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeAlias

from msgspec import Meta, Raw, Struct

from schemas.events import Kind, OrderKey
from schemas.fields import MAX_IDENTIFIER, Identifier, instant_from_epoch, is_plausible


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


# What ``data`` says of when it was updated and created; None where it does not.
Dates: TypeAlias = tuple[datetime | None, datetime | None]


class Message(Struct, tag_field="event", rename="camel"):
    """An envelope whose ``data`` is typed: each event name is a subclass, and the tag of the union."""

    id: Identifier
    attempt_id: Identifier
    livemode: bool
    created: int

    kind: ClassVar[Kind]

    @property
    def dates(self) -> Dates:
        """The dates that ``data`` gives, as far as it does."""
        return None, None

    @property
    def transactions_paid(self) -> int:
        """How many transactions the entity has paid by then; -1 where they are not listed."""
        return -1

    @property
    def snapshot(self) -> Any:
        """What describes the entity; None where nothing does (a delete)."""
        return None

    def said(self, order: OrderKey, received_at: datetime, doubts: tuple[str, ...], data: str) -> Any:  # noqa: ARG002
        """Give what the event says of its entity, as its family keeps it: what describes it."""
        return self.snapshot

    @property
    def order(self) -> OrderKey:
        """The event's place in the life of its entity."""
        return self.place()[0]

    def place(self) -> tuple[OrderKey, tuple[str, ...]]:
        """Give the event's place in the life of its entity, and the doubts about its dates: see ``Event.doubts``."""
        emitted_at = instant_from_epoch(self.created)
        updated_at, created_at = self.dates
        doubts: tuple[str, ...] = ()
        if created_at is not None and not is_plausible(created_at, emitted_at):
            doubts, created_at = (_doubt("createdAt", created_at),), None
        if updated_at is not None and not is_plausible(updated_at, emitted_at):
            doubts, updated_at = (*doubts, _doubt("updatedAt", updated_at)), None
        is_change = self.kind is not Kind.CREATED
        # Of a change, createdAt says when the entity began, not when it was changed.
        occurred_at = updated_at or (None if is_change else created_at) or emitted_at
        return OrderKey(is_change, occurred_at, emitted_at, self.kind, self.transactions_paid, self.id), doubts


def _doubt(name: str, instant: datetime) -> str:
    return f"date_implausible {name} {instant.isoformat()}"
