"""Journal: what a transaction books, and what it goes by. Append-only: a line is never changed, but taken back."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import astuple, replace

from consumer.books.days import month_after
from consumer.books.lines import Line
from consumer.books.terms import Definitions
from consumer.postgres.database import Connection, statement
from consumer.postgres.figure_settings import FigureSettings

# A certificate: its id and livemode.
Key = tuple[str, bool]

COLUMNS = (
    *("booked_at", "period", "entry", "livemode", "certificate_id", "caused_by"),
    *Line.__struct_fields__,
)


class Present(NamedTuple):
    """What a transaction books by: its time, the settings, the closed months, and definitions that it asked for."""

    booked_at: datetime
    settings: FigureSettings
    closed: Mapping[str, date]
    definitions: Mapping[bool, Definitions]

    def period(self, line: Line, *, livemode: bool) -> date:
        """Give the month that a line is booked into: that of its posting day, or the first open one of its account."""
        month = line.posting_day.replace(day=1)
        closed = self.closed.get(line.account_id or "") if livemode else None
        return month if closed is None else max(month, month_after(closed))


class Entry(Struct, frozen=True, gc=False):
    """A line that is booked (``entry`` 1) or taken back (-1), and what made us do it."""

    line: Line
    entry: int
    caused_by: str


# How causes that are no event begin, and an event that is marked as one.
_OTHER_CAUSES = ("event:", "task:", "migration", "rebuild", "verify")


def cause_of(event_id: str) -> str:
    """Name an event as what made us book: an id that might be read as another cause is marked as an event's."""
    return f"event:{event_id}" if event_id.startswith(_OTHER_CAUSES) else event_id


async def read_present(connection: Connection, definition_ids: Iterable[str] = ()) -> Present:
    """Read what this transaction books by; it holds the closing lock already."""
    rows = await connection.fetch(statement("books/present"), sorted(set(definition_ids)))
    booked_at, time_zone, currencies, closed, *_ = rows[0]
    definitions: dict[bool, dict[str, str | None]] = {True: {}, False: {}}
    for *_, definition_id, livemode, currency in rows:
        if definition_id is not None:
            definitions[livemode][definition_id] = currency
    return Present(booked_at, _settings(time_zone, currencies), _closed(closed), definitions)


async def read_lines(connection: Connection, keys: Sequence[Key]) -> dict[Key, Counter[Line]]:
    """Read the lines of certificates that stand; below 0 is one that was taken back more often than booked."""
    standing: dict[Key, Counter[Line]] = {key: Counter() for key in keys}
    for certificate_id, livemode, *line, count in await connection.fetch(statement("books/lines"), *columns_of(keys)):
        standing[certificate_id, livemode][Line(*line)] += count
    return standing


def correct(standing: Mapping[Line, int], should: Iterable[Line]) -> list[tuple[Line, int]]:
    """Give what makes the lines that stand those that should: what differs is taken back, then booked again."""
    missing = Counter(should)
    missing.subtract(standing)
    back = [(line, -1) for line, count in missing.items() for _ in range(-count)]
    return back + [(line, 1) for line, count in missing.items() for _ in range(count)]


def differing_columns(entries: Sequence[Entry]) -> list[str]:
    """Name the columns in which lines taken back and booked again differ; none where their numbers do."""
    back, again = ([entry.line for entry in entries if entry.entry == sign] for sign in (-1, 1))
    if len(back) != len(again):
        return []
    return [
        name
        for name in Line.__struct_fields__
        if Counter(getattr(line, name) for line in back) != Counter(getattr(line, name) for line in again)
    ]


def row_of(present: Present, key: Key, entry: Entry) -> tuple[Any, ...]:
    """Give the values of ``COLUMNS``."""
    (certificate_id, livemode), line = key, entry.line
    period = present.period(line, livemode=livemode)
    if entry.entry < 0:
        line = replace(line, change=-line.change, change_at_consideration=-line.change_at_consideration)
    return (present.booked_at, period, entry.entry, livemode, certificate_id, entry.caused_by, *astuple(line))


def columns_of(keys: Sequence[Key]) -> tuple[list[str], list[bool]]:
    """Give keys as the arrays that statements take."""
    return [certificate_id for certificate_id, _ in keys], [livemode for _, livemode in keys]


# They change a few times in a life, and are read in every transaction.
@lru_cache(maxsize=4)
def _settings(time_zone: str, currencies: str | None) -> FigureSettings:
    return FigureSettings(time_zone, json.loads(currencies or "{}"))


@lru_cache(maxsize=4)
def _closed(closed: str | None) -> dict[str, date]:
    return {account: date.fromisoformat(month) for account, month in json.loads(closed or "{}").items()}
