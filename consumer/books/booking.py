"""Booking: the certificates that a batch touches, and the lines that its events make or correct.

The newest event costs one line: nothing is read for it but the certificate's own row. Where an event is late, or
changes what all lines are booked under, the certificate's history and the lines that stand are read, and what differs
is booked.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct

from consumer.books import certificate
from consumer.books.certificate import Book
from consumer.books.exceptions import Finding, go_through, judge
from consumer.books.journal import (
    COLUMNS,
    Entry,
    Key,
    Present,
    cause_of,
    columns_of,
    correct,
    read_lines,
    read_present,
    row_of,
)
from consumer.books.lines import Line, Standing, in_order
from consumer.books.marks import mark
from consumer.books.terms import Terms, definition_of, purchase_of, terms_of
from consumer.common.errors import Raced
from consumer.postgres.database import SCHEMA, Connection, statement
from consumer.postgres.figure_settings import FigureSettings
from schemas.certificates import Fact

Row = tuple[Any, ...]
# From so many rows on COPY is faster, though it is two round trips of its own; fewer go with all else in one statement.
COPIED_FROM = 100


def are_many(rows: Sequence[Row]) -> bool:
    """Tell whether rows are copied."""
    return len(rows) >= COPIED_FROM


class Arrived(Struct, frozen=True, gc=False):
    """The new events of a certificate in their order, and what the database has of it; no book where it is new."""

    key: Key
    book: Book | None
    facts: list[Fact]
    # The one that becomes the current state, if one of them does.
    state: Fact | None
    # Of the request that brought the newest of them, where it had one.
    traceparent: str | None = None


class Booked(Struct, frozen=True, gc=False):
    """What a booking writes of one certificate; no row where only lines are taken back."""

    key: Key
    entries: list[Entry]
    found: list[Finding]
    # Exceptions that stood and no longer hold.
    healed: list[Finding] = []
    # A whole row, or that of a certificate that only went on: see ``certificate``.
    row: Row | None = None
    next_state: Row | None = None


class Past(NamedTuple):
    """What the database knows of certificates whose past changes."""

    facts: Mapping[Key, list[Fact]]
    lines: Mapping[Key, Counter[Line]]
    found: Mapping[Key, list[Finding]]


async def book(connection: Connection, arrived: Sequence[Arrived], *, facts_only: bool) -> tuple[Present, list[Booked]]:
    """Work out what the events of a batch come to. With ``facts_only`` (a shadow) nothing stands in the books.

    Reads after the certificates' rows were read: whoever changes what is read here moves the version of such a row.
    """
    past_keys = [one.key for one in arrived if one.book is not None and not _is_next(one.book, one)]
    past = await read_past(connection, past_keys, facts_only=facts_only)
    histories = {one.key: in_order([*past.facts[one.key], *one.facts]) for one in arrived if one.key in past.facts}
    told = [*histories.values(), *(one.facts for one in arrived if one.book is None)]
    present = await read_present(connection, filter(None, map(definition_of, told)))
    return present, [
        restate(one, histories[one.key], past, present)
        if one.key in histories
        else begin(one, present)
        if one.book is None
        else _go_on(one, one.book, present)
        for one in arrived
    ]


async def write_booked(
    connection: Connection,
    present: Present,
    booked: Sequence[Booked],
    *,
    history: Sequence[Row] = (),
    settled: Sequence[Row] = (),
    facts_only: bool = False,
) -> None:
    """Write certificates, lines and exceptions, with what else the transaction has of the statement's rows.

    What changes a certificate has its balance published. Raises Raced where a certificate is no longer what was read.
    """
    lines = [] if facts_only else [row_of(present, one.key, entry) for one in booked for entry in one.entries]
    changed_at = None if facts_only else present.booked_at
    await _write(connection, booked, history, () if are_many(lines) else lines, settled, changed_at)
    if are_many(lines):
        await connection.copy_records_to_table("journal", schema_name=SCHEMA, columns=COLUMNS, records=lines)
    if not facts_only:
        await mark(connection, [(one.key, one.found, one.healed) for one in booked], present.booked_at)


async def _write(connection: Connection, booked: Sequence[Booked], *others: Sequence[Row] | datetime | None) -> None:
    # In one order, so that two workers that write the same rows do not deadlock.
    whole = sorted([one.row for one in booked if one.row is not None], key=_key)
    next_states = sorted([one.next_state for one in booked if one.next_state is not None], key=_key)
    rows = await connection.fetch(statement("certificate/write"), whole, next_states, *others)
    _, went_on, changed = rows[0]
    if went_on + changed != sum(row[certificate.SEEN] is not None for row in whole) + len(next_states):
        raise Raced("another worker booked a certificate of this batch meanwhile")


def _key(row: Row) -> Key:
    return row[0], row[1]


def corrections(booked: Iterable[Booked]) -> int:
    """Count the lines that are taken back."""
    return sum(entry.entry < 0 for one in booked for entry in one.entries)


async def read_past(connection: Connection, keys: Sequence[Key], *, facts_only: bool = False) -> Past:
    """Read the history, the standing lines and the exceptions of certificates."""
    facts: dict[Key, list[Fact]] = {key: [] for key in keys}
    found: dict[Key, list[Finding]] = {key: [] for key in keys}
    if not keys:
        return Past(facts, {}, found)
    columns = columns_of(keys)
    for row in await connection.fetch(statement("books/history"), *columns):
        facts[row[0], row[1]].append(Fact(*row))
    if facts_only:
        return Past(facts, {key: Counter() for key in keys}, found)
    for certificate_id, livemode, rule, severity, event_id, occurred_at, *rest in await connection.fetch(
        statement("books/exceptions"), *columns
    ):
        found[certificate_id, livemode].append(Finding(rule, severity, event_id, occurred_at, *rest))
    return Past(facts, await read_lines(connection, keys), found)


def _is_next(book: Book, one: Arrived) -> bool:
    """Tell whether all events come after what stands, and leave what it is booked under as it is."""
    return (
        one.facts[0].place() > book.newest
        and not one.facts[0].is_created  # nor any after it
        and all(map(book.terms.fit, one.facts))
    )


def _go_on(one: Arrived, book: Book, present: Present) -> Booked:
    """Add the newest events to what stands."""
    standing, made, found = go_through(book.standing, one.facts, book.terms, present.settings)
    moved = certificate.moved(standing, book.terms, book.events + len(one.facts))
    row = certificate.next_state(book, one.facts[-1], moved, present.settings, traceparent=one.traceparent)
    return Booked(one.key, _by_themselves(made), found, next_state=row)


def begin(one: Arrived, present: Present) -> Booked:
    """Book a certificate that is new."""
    terms, standing, made, found = stand(one.facts, one.key, present)
    row = _row(one, one.facts, terms, standing, present.settings)
    return Booked(one.key, _by_themselves(made), found, row=row)


def _by_themselves(made: Iterable[Line]) -> list[Entry]:
    return [Entry(line, 1, cause_of(line.event_id)) for line in made]


def restate(one: Arrived, history: Sequence[Fact], past: Past, present: Present) -> Booked:
    """Work out all that should stand, and book what differs."""
    terms, standing, should, found = stand(history, one.key, present)
    places = {fact.event_id: fact.place() for fact in history}
    entries = [
        Entry(line, entry, cause_of(_cause(places.get(line.event_id), one.facts)))
        for line, entry in correct(past.lines.get(one.key, Counter()), should)
    ]
    row = _row(one, history, terms, standing, present.settings)
    return Booked(one.key, entries, *changes(past.found.get(one.key, []), found), row)


def stand(history: Sequence[Fact], key: Key, present: Present) -> tuple[Terms, Standing, list[Line], list[Finding]]:
    """Work out what a history that is in order comes to, and what it shows."""
    terms = terms_of(history, present.definitions[key[1]], present.settings)
    return terms, *judge(history, terms, present.settings)


def _cause(place: Any, new: Sequence[Fact]) -> str:
    """Name the new event that made us book: the event itself, or the one that came before it at last.

    The line of an event that the history does not know (``place`` is None) another worker has booked meanwhile.
    """
    if place is None:
        return new[0].event_id
    return new[max(bisect(new, place, key=Fact.place) - 1, 0)].event_id


def changes(known: Iterable[Finding], found: Iterable[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Give the exceptions that are to be written, and those that no longer hold, or stand once too often."""
    before, after = Counter(known), Counter(found)
    healed = list((before - after).elements())
    # Whatever else they are told by goes with them, and is written again.
    gone = {finding.told_by for finding in healed}
    stay = [finding for finding in (before & after).elements() if finding.told_by in gone]
    return [*(after - before).elements(), *stay], healed


def _row(
    one: Arrived, history: Sequence[Fact], terms: Terms, standing: Standing, settings: FigureSettings
) -> tuple[Any, ...]:
    """Give the certificate's row: of newest event and purchase only what this batch brings."""
    purchase = purchase_of(history)
    is_brought = any(fact is purchase for fact in one.facts)
    return certificate.row_of(
        one.key,
        certificate.books_of(terms, standing, history),
        certificate.state_of(one.state, settings) if one.state else None,
        certificate.purchase_columns(purchase, settings) if purchase and is_brought else None,
        data=one.state.data if one.state else None,
        traceparent=one.traceparent,
        seen=one.book.seen if one.book else None,
    )
