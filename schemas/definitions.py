"""Definitions: the events ``giftcertificates.created``, ``.updated`` and ``.deleted`` of what is sold.

Ids are never reused, so a delete is final, wherever it arrives: later and late events may fill the description,
never revive the definition.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from schemas.envelope import Dates, Message
from schemas.events import Event, Family, Kind, Projection
from schemas.fields import Blank, BzDate, Identifier, Money, currency_code, given, instant_of, plausible


class Definition(Struct, rename="camel", gc=False):
    """A definition after an event; amounts in 1/100000 of the currency unit."""

    id: Identifier = field(name="_id")
    price: Money | Blank = None
    value: Money | Blank = None
    name: str | None = None
    description: str | None = None
    currency_code: str | None = None
    account_id: str | None = None
    disabled: bool | Blank = None
    taxable: bool | Blank = None
    deleted: bool | Blank = None
    created_at: BzDate | Blank = None
    updated_at: BzDate | Blank = None


class DeletedDefinition(Struct, gc=False):
    """All that a delete carries."""

    id: Identifier = field(name="giftcertificateId")


class DefinitionMessage(Message):
    """An event that describes a definition."""

    data: Definition

    @property
    def dates(self) -> Dates:
        return instant_of(self.data.updated_at), instant_of(self.data.created_at)

    @property
    def snapshot(self) -> Definition:
        return self.data

    @property
    def deleted_at(self) -> datetime | None:
        return self.order.occurred_at if self.data.deleted else None


class DefinitionCreated(DefinitionMessage, tag="giftcertificates.created", gc=False):
    """A definition was created."""

    kind = Kind.CREATED


class DefinitionUpdated(DefinitionMessage, tag="giftcertificates.updated", gc=False):
    """A definition was changed."""

    kind = Kind.UPDATED


class DefinitionDeleted(Message, tag="giftcertificates.deleted", gc=False):
    """A definition was deleted: nothing but its id is left to say."""

    data: DeletedDefinition

    kind = Kind.DELETED

    @property
    def snapshot(self) -> None:
        return None

    @property
    def deleted_at(self) -> datetime:
        return self.order.occurred_at


_IDENTITY = ("definition_id", "livemode", "deleted_at")
_DESCRIPTION = (
    *("event_id", "occurred_at", "emitted_at", "kind"),
    *("price", "value", "name", "description", "currency_code", "account_id", "disabled", "taxable"),
    *("created_at", "doubts", "data"),
)
_NOT_DESCRIBED = (None,) * len(_DESCRIPTION)


def _rows(_: Iterable[Event], projections: Iterable[Projection]) -> list[tuple[Any, ...]]:
    """Give a row a definition that changes: definitions have no history."""
    return [
        (entity.id, entity.livemode, deleted_at, *(_description(newest) if newest else _NOT_DESCRIBED))
        for entity, newest, deleted_at in projections
    ]


def _description(event: Event) -> tuple[Any, ...]:
    definition: Definition = event.snapshot
    return (
        *event.order.columns(),
        given(definition.price),
        given(definition.value),
        given(definition.name),
        given(definition.description),
        currency_code(definition.currency_code),
        given(definition.account_id),
        given(definition.disabled),
        given(definition.taxable),
        plausible(definition.created_at, event.order.emitted_at),
        event.doubts or None,
        event.data,
    )


DEFINITIONS = Family(
    name="definition",
    topic="definitions",
    columns=(*_IDENTITY, *_DESCRIPTION),
    rows=_rows,
)
