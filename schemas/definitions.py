"""Definitions: the events ``giftcertificates.created``, ``.updated`` and ``.deleted`` of what is sold.

Ids are never reused, so a delete is final, wherever it arrives: later and late events may fill the description,
never revive the definition.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct, field

from schemas.envelope import Dates, Message
from schemas.events import Entity, Event, Family, Kind
from schemas.fields import (
    Blank,
    BzDate,
    CurrencyCode,
    Identifier,
    Money,
    Reference,
    currency_code,
    given,
    instant_of,
    plausible,
)


class Definition(Struct, rename="camel", gc=False):
    """A definition after an event; amounts in 1/100000 of the currency unit."""

    id: Identifier = field(name="_id")
    price: Money | Blank = None
    value: Money | Blank = None
    name: str | None = None
    description: str | None = None
    currency_code: CurrencyCode = None
    account_id: Reference = None
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
    def deleted_at(self) -> datetime:
        return self.order.occurred_at


# The columns of a definition that an event may change.
COLUMNS = (
    *("definition_id", "livemode", "deleted_at"),
    *("event_id", "occurred_at", "emitted_at", "kind"),
    *("price", "value", "name", "description", "currency_code", "account_id", "disabled", "taxable"),
    *("created_at", "doubts", "data"),
    *("first_currency_event_id", "first_currency_occurred_at", "first_currency_emitted_at", "first_currency_kind"),
    "first_currency_code",
)
_NOT_DESCRIBED = (None,) * 15
_NAMES_NONE = (None,) * 5


def currency_of(event: Event) -> str | None:
    """Give the currency that an event of a definition names; None where it names none."""
    return currency_code(event.snapshot.currency_code) if event.snapshot is not None else None


def row_of(entity: Entity, newest: Event | None, deleted_at: datetime | None, first: Event | None) -> tuple[Any, ...]:
    """Give the row of a definition: its newest description, its earliest delete, who named its first currency."""
    return (
        entity.id,
        entity.livemode,
        deleted_at,
        *(_description(newest) if newest else _NOT_DESCRIBED),
        *((*first.order.columns(), currency_of(first)) if first else _NAMES_NONE),
    )


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
        list(event.doubts) or None,
        event.data,
    )


DEFINITIONS = Family(name="definition", topic="definitions")
