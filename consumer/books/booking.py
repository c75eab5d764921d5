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

from consumer.books import certificate
from consumer.books.certificate import Book
from consumer.books.exceptions import Finding, judge, judge_event
from consumer.books.journal import Entry, Key, Present, append, correct, read_lines, read_present
from consumer.books.lines import Line, Standing, in_order, moving, step, walk
from consumer.books.marks import mark
from consumer.books.terms import Terms, definition_of, purchase_of, terms_of
from consumer.common.errors import Raced
from consumer.postgres.database import Connection, statement
from consumer.postgres.figure_settings import FigureSettings
from schemas.certificates import Fact, description_of
from schemas.events import Event


class Arrived(NamedTuple):
    """The new events of a certificate, and what the database has of it. ``book`` is None where it is new."""

    key: Key
    book: Book | None
    facts: list[Fact]
    # By their ids; ``state`` is that of the event that becomes the current state.
    events: Mapping[str, Event]
    state: str | None


class Booked(NamedTuple):
    """What a booking writes of one certificate."""

    key: Key
    # None where only lines are taken back.
    row: tuple[Any, ...] | None
    entries: list[Entry]
    found: list[Finding]
    # Exceptions that stood and no longer hold.
    healed: list[Finding]


class Past(NamedTuple):
    """What the database knows of certificates whose past changes."""

    facts: Mapping[Key, list[Fact]]
    lines: Mapping[Key, Counter[Line]]
    found: Mapping[Key, list[Finding]]


NOTHING_PAST = Past({}, {}, {})


async def book(connection: Connection, arrived: Sequence[Arrived], *, facts_only: bool) -> tuple[Present, list[Booked]]:
    """Work out what the events of a batch come to. With ``facts_only`` (a shadow) nothing stands in the books.

    Reads after the certificates' rows were read: whoever changes what is read here moves the version of such a row.
    """
    past_keys = [one.key for one in arrived if one.book is not None and not _is_next(one.book, one.facts)]
    past = await read_past(connection, past_keys, facts_only=facts_only)
    histories = {
        one.key: in_order([*past.facts.get(one.key, ()), *one.facts])
        for one in arrived
        if one.book is None or one.key in past.facts
    }
    present = await read_present(connection, filter(None, map(definition_of, histories.values())))
    return present, [
        _append(one, one.book, present)
        if one.book is not None and one.key not in histories
        else restate(one, histories[one.key], past, present)
        for one in arrived
    ]


async def write_booked(
    connection: Connection, present: Present, booked: Sequence[Booked], *, facts_only: bool = False
) -> None:
    """Write certificates, lines and exceptions. Raises Raced where a certificate is no longer what was read."""
    await _merge(connection, [one.row for one in booked if one.row is not None])
    if not facts_only:
        # Behind the merge, which locks their rows.
        await publish_later(connection, [one.key for one in booked if one.row is not None], present.booked_at)
        await append(connection, present, [(one.key, one.entries) for one in booked])
        await mark(connection, [(one.key, one.found, one.healed) for one in booked], present.booked_at)


def corrections(booked: Iterable[Booked]) -> int:
    """Count the lines that are taken back."""
    return sum(entry.entry < 0 for one in booked for entry in one.entries)


async def publish_later(connection: Connection, keys: Sequence[Key], changed_at: datetime) -> None:
    """Note that certificates have changed, whose rows this transaction holds locked: their balances are published."""
    if keys:
        columns = [certificate_id for certificate_id, _ in keys], [livemode for _, livemode in keys]
        await connection.execute(statement("balances/changed"), *columns, changed_at)


async def _merge(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    await connection.copy_records_to_table("incoming_certificate", columns=certificate.COLUMNS, records=rows)
    updated = await connection.fetchval(statement("certificate/merge"))
    if updated != sum(row[certificate.SEEN] is not None for row in rows):
        raise Raced("another worker booked a certificate of this batch meanwhile")


async def read_past(connection: Connection, keys: Sequence[Key], *, facts_only: bool = False) -> Past:
    """Read the history, the standing lines and the exceptions of certificates."""
    facts: dict[Key, list[Fact]] = {key: [] for key in keys}
    found: dict[Key, list[Finding]] = {key: [] for key in keys}
    if not keys:
        return Past(facts, {}, found)
    columns = [key[0] for key in keys], [key[1] for key in keys]
    for row in await connection.fetch(statement("books/history"), *columns):
        facts[row[0], row[1]].append(Fact(*row))
    if facts_only:
        return Past(facts, {key: Counter() for key in keys}, found)
    for certificate_id, livemode, rule, severity, event_id, occurred_at, *rest in await connection.fetch(
        statement("books/exceptions"), *columns
    ):
        found[certificate_id, livemode].append(Finding(rule, severity, event_id, occurred_at, *rest))
    return Past(facts, await read_lines(connection, keys), found)


def _is_next(book: Book, facts: Sequence[Fact]) -> bool:
    """Tell whether all events come after what stands, and leave what it is booked under as it is."""
    return all(not fact.is_created and fact.place() > book.newest and book.terms.fit(fact) for fact in facts)


def _append(one: Arrived, book: Book, present: Present) -> Booked:
    """Add the newest events to what stands."""
    settings, standing = present.settings, book.standing
    entries: list[Entry] = []
    found: list[Finding] = []
    for fact in in_order(one.facts):
        before, (standing, made) = standing, step(standing, fact, book.terms, settings)
        entries += [Entry(line, 1, fact.event_id) for line in made]
        found += judge_event(before, fact, standing, book.terms)
    books = certificate.books_of(book.terms, standing, book.first_seen, book.began_at, book.events + len(one.facts))
    return Booked(one.key, _row(one, books, None, settings), entries, found, [])


def restate(one: Arrived, history: Sequence[Fact], past: Past, present: Present) -> Booked:
    """Work out all that should stand, and book what differs."""
    settings = present.settings
    terms, standing, should = stand(history, one.key, present)
    purchase = purchase_of(history)
    first_seen = None if purchase else history[0].balance
    books = certificate.books_of(terms, standing, first_seen, history[0].occurred_at, len(history))
    new = in_order(one.facts)
    places = {fact.event_id: fact.place() for fact in history}
    entries = [
        Entry(line, entry, _cause(places.get(line.event_id), new))
        for line, entry in correct(past.lines.get(one.key, Counter()), should)
    ]
    found = judge(history, terms, settings)
    known = past.found.get(one.key, [])
    return Booked(one.key, _row(one, books, purchase, settings), entries, *changes(known, found))


def stand(history: Sequence[Fact], key: Key, present: Present) -> tuple[Terms, Standing, list[Line]]:
    """Work out what a history that is in order comes to."""
    terms = terms_of(history, present.definitions[key[1]], present.settings)
    return terms, *walk(moving(history), terms, present.settings)


def _cause(place: Any, new: Sequence[Fact]) -> str:
    """Name the new event that made us book: the event itself, or the one that came before it at last.

    The line of an event that the history does not know (``place`` is None) another worker has booked meanwhile.
    """
    if place is None:
        return new[0].event_id
    return new[max(bisect(new, place, key=Fact.place) - 1, 0)].event_id


def changes(known: Iterable[Finding], found: Iterable[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Give the exceptions that are new, and those that no longer hold."""
    before, after = set(known), set(found)
    return list(after - before), list(before - after)


def _row(one: Arrived, books: tuple[Any, ...], purchase: Fact | None, settings: FigureSettings) -> tuple[Any, ...]:
    """Give the certificate's row: of newest event and purchase only what this batch brings."""
    newest = one.events[one.state] if one.state else None
    brought = one.events.get(purchase.event_id) if purchase else None
    return certificate.row_of(
        one.key,
        books,
        certificate.state_of(_fact(one, newest), description_of(newest), settings) if newest else None,
        certificate.purchase_columns(purchase, description_of(brought).agency_name, settings) if brought else None,
        data=newest.data if newest else None,
        seen=one.book.seen if one.book else None,
    )


def _fact(one: Arrived, event: Event) -> Fact:
    return next(fact for fact in one.facts if fact.event_id == event.order.event_id)
