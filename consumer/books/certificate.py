"""Certificate: what a booking makes of a certificate's own row, and what it must know of the row to book."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from consumer.books.days import local_day
from consumer.books.lines import Standing
from consumer.books.terms import Terms, consideration, zone_of
from consumer.postgres.figure_settings import FigureSettings
from schemas.certificates import Description, Fact
from schemas.events import KIND_NAMES, Kind, OrderKey
from schemas.fields import EPOCH

_KINDS = dict(zip(KIND_NAMES, Kind, strict=True))
# Where the parts of a row of certificate/known begin; see there.
_ORDER, _TERMS, _STANDING, _REST = 1, 6, 13, 18


class Book(NamedTuple):
    """A certificate as the database has it; ``seen`` is the version of its row."""

    seen: int
    # The place of the newest event, as ``Fact.place`` gives it.
    newest: tuple[bool, datetime, datetime, str, int, str]
    terms: Terms
    standing: Standing
    first_seen: int | None
    began_at: datetime
    events: int


def order_of(book: Book) -> OrderKey:
    """Give the place of the newest event, as the fold compares it."""
    is_change, occurred_at, emitted_at, kind, paid, event_id = book.newest
    return OrderKey(is_change, occurred_at, emitted_at, _KINDS[kind], paid, event_id)


def book_of(row: Sequence[Any]) -> Book:
    """Read a certificate, from the columns of certificate/known that begin with ``seen``."""
    sent, deleted, has_been_deleted, effective_at, posting_day = row[_STANDING:_REST]
    kind, occurred_at, emitted_at, paid, event_id = row[_ORDER:_TERMS]
    newest = (kind != KIND_NAMES[0], occurred_at, emitted_at, kind, -1 if paid is None else paid, event_id)
    standing = Standing(sent, deleted, has_been_deleted, paid, effective_at, posting_day)
    return Book(row[0], newest, Terms(*row[_TERMS:_STANDING]), standing, *row[_REST:])


STATE = (
    *("occurred_at", "emitted_at", "kind", "event_id", "balance", "price", "total", "transactions_paid", "deleted"),
    *("status", "transaction_id", "agency_id", "station_id", "station_name", "time_zone"),
    *Description._fields,
)
PURCHASE = (
    *("purchase_event_id", "purchased_at", "purchase_day", "face_value", "purchase_price", "purchase_total"),
    *("purchase_transactions_paid", "purchase_deleted", "issuing_station_id", "issuing_station_name"),
    *("issuing_time_zone", "issuing_agency_id", "issuing_agency_name"),
)
BOOKS = (
    *("account_id", "definition_id", "currency", "first_seen", "began_at", "effective_at", "posting_day"),
    *("consideration", "has_been_deleted", "events"),
)
# The columns of incoming_certificate.
COLUMNS = (
    *("certificate_id", "livemode"),
    *STATE,
    *PURCHASE,
    *BOOKS,
    *("data", "seen", "is_state", "is_purchase"),
)
SEEN = COLUMNS.index("seen")
_WRITTEN = COLUMNS.index("data")
# What stands where the part is not written: of a row that may not be NULL, anything.
_NO_STATE = (EPOCH, EPOCH, KIND_NAMES[0], "", 0, *(None,) * 3, False, *(None,) * 5, "", *(None,) * 3)
_NO_PURCHASE = (None,) * len(PURCHASE)


def state_of(fact: Fact, description: Description, settings: FigureSettings) -> tuple[Any, ...]:
    """Give the values of ``STATE``."""
    return (
        fact.occurred_at,
        fact.emitted_at,
        fact.kind,
        fact.event_id,
        fact.balance,
        fact.price,
        fact.total,
        fact.transactions_paid,
        fact.deleted,
        fact.status,
        fact.transaction_id,
        fact.agency_id,
        fact.station_id,
        fact.station_name,
        zone_of(fact, settings),
        *description,
    )


def purchase_columns(fact: Fact | None, agency_name: str | None, settings: FigureSettings) -> tuple[Any, ...]:
    """Give the values of ``PURCHASE``."""
    if fact is None:
        return _NO_PURCHASE
    zone = zone_of(fact, settings)
    return (
        fact.event_id,
        fact.occurred_at,
        local_day(fact.occurred_at, zone),
        fact.balance,
        fact.price,
        fact.total,
        fact.transactions_paid,
        fact.deleted,
        fact.station_id,
        fact.station_name,
        zone,
        fact.agency_id,
        agency_name,
    )


def books_of(
    terms: Terms, standing: Standing, first_seen: int | None, began_at: datetime, events: int
) -> tuple[Any, ...]:
    """Give the values of ``BOOKS``."""
    return (
        terms.account_id,
        terms.definition_id,
        terms.currency,
        first_seen,
        began_at,
        standing.effective_at,
        standing.posting_day,
        consideration(standing.left, terms),
        standing.has_been_deleted,
        events,
    )


def row_of(
    key: tuple[str, bool],
    books: tuple[Any, ...],
    state: tuple[Any, ...] | None,
    purchase: tuple[Any, ...] | None,
    *,
    data: str | None,
    seen: int | None,
) -> tuple[Any, ...]:
    """Give the row of ``COLUMNS``; None for a part that stays as it is."""
    return (
        *key,
        *(_NO_STATE if state is None else state),
        *(_NO_PURCHASE if purchase is None else purchase),
        *books,
        data,
        seen,
        state is not None,
        purchase is not None,
    )


def described(row: asyncpg.Record | None) -> Description:
    """Read what only the current state keeps."""
    return Description(*(row[name] if row else None for name in Description._fields))


def differs(row: asyncpg.Record, new: Sequence[Any]) -> bool:
    """Tell whether a whole row of ``COLUMNS`` says something else than the one that stands."""
    return any(row[name] != value for name, value in zip(COLUMNS[:_WRITTEN], new, strict=False))
