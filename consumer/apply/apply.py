"""Apply: one transaction looks up what is known of a batch, folds it, and writes facts and books.

The look-up decides; the database guards. What another worker commits between our look-up and our write violates a key
of the ledger, of the history or of a certificate that is new, or has moved the version of a certificate's row: the
transaction fails, and a second look sees it.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import asyncpg

from consumer.apply.attempts import BESIDE, BY_ITSELF, beside, by_itself, settlements
from consumer.apply.definitions import write_definitions
from consumer.apply.fold import fold
from consumer.books.booking import Arrived, Row, are_many, book, corrections, write_booked
from consumer.books.certificate import book_of
from consumer.books.marks import mark_reused, mark_zones
from consumer.common import metrics
from consumer.common.errors import THE_WAY_THERE, CodeError, Raced, is_unwritable
from consumer.postgres.database import Connection, statement
from schemas import certificates
from schemas.certificates import CERTIFICATES
from schemas.definitions import DEFINITIONS
from schemas.events import (
    KIND_NAMES,
    KINDS,
    Brought,
    Changes,
    Entity,
    Event,
    Family,
    Head,
    Kind,
    Known,
    OrderKey,
    Outcome,
)
from schemas.registry import FAMILIES

HISTORY = (*certificates.HISTORY, *BESIDE)
# Where a row of <family>/known says what stands of the entity.
_HEAD = 6
_order_of = attrgetter("order")


async def apply(connection: Connection, events: Sequence[Event], *, facts_only: bool = False) -> list[Outcome]:
    """Apply a batch, whole or not at all; the outcomes stand in the batch's order.

    ``facts_only`` fills tables that no books belong to. Raises Raced, CodeError and what the database raises;
    ``consumer.common.errors`` says what to make of it.
    """
    try:
        outcomes, taken_back = await _transaction(connection, events, facts_only=facts_only)
    except (asyncpg.PostgresError, Raced, *THE_WAY_THERE, MemoryError) as error:
        if is_unwritable(error):
            # The driver's own text quotes the row.
            raise CodeError.of(error.__cause__ or error) from None
        raise
    except Exception as error:
        # A driver whose connection was cut in the middle of it says anything.
        if connection.is_closed():
            raise
        raise CodeError.of(error) from None
    if taken_back:
        metrics.journal_corrections.labels("event").inc(taken_back)
    return outcomes


async def _transaction(
    connection: Connection, events: Sequence[Event], *, facts_only: bool
) -> tuple[list[Outcome], int]:
    async with connection.transaction():
        await connection.execute(statement("books/enter"))
        known = await look_up(connection, events)
        changes = fold(events, known)
        return changes.outcomes, await write(connection, events, changes, known, facts_only=facts_only)


async def look_up(connection: Connection, events: Sequence[Event]) -> Known:
    """Ask which attempts and events of the batch are known, and how far its entities have come."""
    known = Known(attempts={}, events={}, heads={})
    for family, members in _by_family(events).items():
        for row in await connection.fetch(statement(f"{family.name}/known"), *_keys(members)):
            number, attempt_family, entity_id, event_id, is_event_known, received_at, *head = row
            event = members[number - 1]
            if entity_id is not None:
                known.attempts[event.attempt_key] = Brought(attempt_family, entity_id, event_id)
            if is_event_known:
                known.events[event.entity, event.order.event_id] = received_at
            if head[0] is not None:
                known.heads[event.entity] = _HEAD_OF[family](head)
    return known


async def write(
    connection: Connection, events: Sequence[Event], changes: Changes, known: Known, *, facts_only: bool = False
) -> int:
    """Write what a fold found to change; give the number of lines that were taken back. Raises Raced."""
    entered = _by_family(changes.entered)
    # Definitions first: their certificates are booked under them in the same transaction.
    await write_definitions(
        connection,
        entered.get(DEFINITIONS, ()),
        changes.projections.get(DEFINITIONS, ()),
        known.heads,
        facts_only=facts_only,
    )
    arrived = _arrived(entered.get(CERTIFICATES, ()), changes, known)
    present, booked = await book(connection, arrived, facts_only=facts_only)
    history, others = _attempts(events, changes, present.booked_at)
    await write_booked(
        connection,
        present,
        booked,
        history=() if are_many(history) else history,
        settled=() if facts_only else settlements(events, changes.outcomes, present.booked_at),
        facts_only=facts_only,
    )
    if are_many(history):
        await connection.copy_records_to_table("certificate_history", columns=HISTORY, records=history)
    if others:
        await connection.copy_records_to_table("other_attempt", columns=BY_ITSELF, records=others)
    if changes.earlier:
        arrivals = [event.received_at for event in changes.earlier]
        await connection.execute(statement("certificate/received_earlier"), *_keys(changes.earlier)[:3], arrivals)
    if not facts_only:
        await mark_reused(connection, changes.reused, present.booked_at)
        await mark_zones(connection, (fact for one in arrived for fact in one.facts), present.booked_at)
    return 0 if facts_only else corrections(booked)


def _attempts(events: Sequence[Event], changes: Changes, applied_at: datetime) -> tuple[list[Row], list[Row]]:
    """Give the rows of the history, and of other attempts. In one order: workers do not deadlock."""
    history, others = [], []
    for event, outcome in zip(events, changes.outcomes, strict=True):
        if outcome is Outcome.DUPLICATE:
            continue
        if outcome is not Outcome.RESEND and event.entity.family is CERTIFICATES:
            history.append((*event.snapshot.history(), *beside(event, outcome, applied_at)))
        else:
            others.append(by_itself(event, outcome, applied_at))
    return sorted(history, key=_entity_and_event), sorted(others, key=_entity_and_event)


def _entity_and_event(row: tuple[Any, ...]) -> tuple[str, bool, str]:
    return row[0], row[1], row[2]


def _arrived(entered: Sequence[Event], changes: Changes, known: Known) -> list[Arrived]:
    """Gather what is new of each certificate, in its own order."""
    by_entity: dict[Entity, list[Event]] = {}
    for event in entered:
        by_entity.setdefault(event.entity, []).append(event)
    for members in by_entity.values():
        members.sort(key=_order_of)
    states = {
        projection.entity: projection.newest.snapshot
        for projection in changes.projections.get(CERTIFICATES, ())
        if projection.newest
    }
    return [
        Arrived(
            (entity.id, entity.livemode),
            known.heads[entity].standing if entity in known.heads else None,
            [event.snapshot for event in members],
            states.get(entity),
            members[-1].traceparent,
        )
        for entity, members in by_entity.items()
    ]


def _by_family(events: Sequence[Event]) -> dict[Family, list[Event]]:
    """Group a batch; the families always in the same order, so that their tables are locked in the same order."""
    members: dict[Family, list[Event]] = {family: [] for family in FAMILIES}
    for event in events:
        members[event.entity.family].append(event)
    return {family: events for family, events in members.items() if events}


def _keys(events: Sequence[Event]) -> tuple[list[str], list[bool], list[str], list[bytes]]:
    return (
        [event.entity.id for event in events],
        [event.entity.livemode for event in events],
        [event.order.event_id for event in events],
        [event.attempt_key for event in events],
    )


def _head_of_certificate(row: Sequence[Any]) -> Head:
    book = book_of(row)
    return Head(book.newest, None, book)


def _head_of_definition(row: Sequence[Any]) -> Head:
    _, deleted_at, *newest = row
    *first, currency = newest[4:]
    return Head(_order(newest[:4]), deleted_at, (_order(first), currency) if currency else None)


def _order(columns: Sequence[Any]) -> OrderKey | None:
    kind, occurred_at, emitted_at, event_id = columns
    return (
        None
        if kind is None
        else OrderKey(kind != KIND_NAMES[Kind.CREATED], occurred_at, emitted_at, KINDS[kind], -1, event_id)
    )


_HEAD_OF = {CERTIFICATES: _head_of_certificate, DEFINITIONS: _head_of_definition}
