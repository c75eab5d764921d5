"""Certificate: what a booking makes of a certificate's own row, and what it must know of the row to book."""

from collections.abc import Sequence
from typing import Any

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from consumer.books.days import local_day
from consumer.books.lines import Standing
from consumer.books.terms import Terms, consideration, zone_of
from consumer.postgres.figure_settings import FigureSettings
from schemas.certificates import DESCRIPTION, Fact
from schemas.certificates import STATE as SAID
from schemas.events import KIND_NAMES, KINDS, Kind, OrderKey
from schemas.fields import EPOCH

# Where the terms stand in a row of certificate/known; see there.
_TERMS = slice(6, 13)


class Book(Struct, frozen=True, gc=False):
    """A certificate as the database has it; ``seen`` is the version of its row, ``newest`` its newest event."""

    seen: int
    newest: OrderKey
    terms: Terms
    standing: Standing
    events: int


def book_of(row: Sequence[Any]) -> Book:
    """Read a certificate, from the columns of certificate/known that begin with ``seen``."""
    seen, kind, occurred_at, emitted_at, paid, event_id, *_ = row
    *_, sent, deleted, has_been_deleted, effective_at, posting_day, events = row
    is_change = kind != _CREATED
    newest = OrderKey(is_change, occurred_at, emitted_at, KINDS[kind], -1 if paid is None else paid, event_id)
    standing = Standing(sent, deleted, has_been_deleted, paid, effective_at, posting_day)
    return Book(seen, newest, Terms(*row[_TERMS]), standing, events)


_CREATED = KIND_NAMES[Kind.CREATED]

KEY = ("certificate_id", "livemode")
STATE = (*SAID, "time_zone", *DESCRIPTION)
PURCHASE = (
    *("purchase_event_id", "purchased_at", "purchase_day", "face_value", "purchase_price", "purchase_total"),
    *("purchase_transactions_paid", "purchase_deleted", "issuing_station_id", "issuing_station_name"),
    *("issuing_time_zone", "issuing_agency_id", "issuing_agency_name"),
)
# What every event may move, and what only one that changes the past does.
MOVED = ("effective_at", "posting_day", "consideration", "has_been_deleted", "events")
BOOKS = ("account_id", "definition_id", "currency", "first_seen", "began_at", *MOVED)
# The types incoming_certificate and next_state; see certificate/rows.
COLUMNS = (*KEY, *STATE, *PURCHASE, *BOOKS, "data", "traceparent", "seen", "is_state", "is_purchase")
NEXT_STATE = (*KEY, *STATE, *MOVED, "data", "traceparent", "seen")
SEEN = COLUMNS.index("seen")
_WRITTEN = COLUMNS.index("data")
# What stands where the part is not written: of a row that may not be NULL, anything.
_NO_STATE = ("", EPOCH, EPOCH, _CREATED, 0, *(None,) * 3, False, *(None,) * 5, "", *(None,) * 3)
NO_PURCHASE = (None,) * len(PURCHASE)


def state_of(fact: Fact, settings: FigureSettings) -> tuple[Any, ...]:
    """Give the values of ``STATE``."""
    return (*fact.state(), zone_of(fact, settings), *fact.description())


def purchase_columns(fact: Fact, settings: FigureSettings) -> tuple[Any, ...]:
    """Give the values of ``PURCHASE``."""
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
        fact.agency_name,
    )


def moved(standing: Standing, terms: Terms, events: int) -> tuple[Any, ...]:
    """Give the values of ``MOVED``."""
    left = consideration(standing.left, terms)
    return (standing.effective_at, standing.posting_day, left, standing.has_been_deleted, events)


def books_of(terms: Terms, standing: Standing, history: Sequence[Fact]) -> tuple[Any, ...]:
    """Give the values of ``BOOKS`` for a history that is in order."""
    first = history[0]
    return (
        terms.account_id,
        terms.definition_id,
        terms.currency,
        None if first.is_created else first.balance,
        first.occurred_at,
        *moved(standing, terms, len(history)),
    )


def row_of(
    key: tuple[str, bool],
    books: tuple[Any, ...],
    state: tuple[Any, ...] | None,
    purchase: tuple[Any, ...] | None,
    *,
    data: str | None,
    traceparent: str | None,
    seen: int | None,
) -> tuple[Any, ...]:
    """Give the row of ``COLUMNS``; None for a part that stays as it is."""
    return (
        *key,
        *(_NO_STATE if state is None else state),
        *(NO_PURCHASE if purchase is None else purchase),
        *books,
        data,
        traceparent,
        seen,
        state is not None,
        purchase is not None,
    )


def next_state(
    book: Book, fact: Fact, moved: tuple[Any, ...], settings: FigureSettings, *, traceparent: str | None
) -> tuple[Any, ...]:
    """Give the row of ``NEXT_STATE``: a known certificate after its newest event, and what that moved."""
    return (fact.certificate_id, fact.livemode, *state_of(fact, settings), *moved, fact.data, traceparent, book.seen)


def described(fact: Fact, row: asyncpg.Record | None) -> Fact:
    """Add to an event of the history what only the certificate's row keeps of the newest one."""
    return replace(fact, **{name: row[name] for name in DESCRIPTION}) if row else fact


def differing_columns(row: asyncpg.Record, new: Sequence[Any]) -> list[str]:
    """Name the columns in which a whole row of ``COLUMNS`` says something else than the one that stands."""
    return [name for name, value in zip(COLUMNS[:_WRITTEN], new, strict=False) if row[name] != value]
