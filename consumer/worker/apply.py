"""Apply: one transaction looks up what is known of a batch, folds it, and writes facts and books.

The look-up decides; the database guards. What another worker commits between our look-up and our write violates a key
of the ledger, of the history or of a certificate that is new, or has moved the version of a certificate's row: the
transaction fails, and a second look sees it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from consumer.books.booking import Arrived, book, corrections, write_booked
from consumer.books.certificate import book_of, order_of
from consumer.books.marks import mark_reused, mark_zones
from consumer.common import metrics
from consumer.common.errors import THE_WAY_THERE, CodeError, Raced
from consumer.postgres.database import Connection, statement
from consumer.worker.attempts import BESIDE, BY_ITSELF, attempt_key, beside, by_itself, settle
from consumer.worker.definitions import write_definitions
from consumer.worker.fold import fold
from schemas.certificates import CERTIFICATES, Fact, fact_of
from schemas.definitions import DEFINITIONS
from schemas.events import (
    KIND_NAMES,
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

HISTORY = (*Fact._fields, *BESIDE)
_KINDS = dict(zip(KIND_NAMES, Kind, strict=True))
# Where a row of <family>/known says what stands of the entity.
_HEAD = 6


async def apply(connection: Connection, events: Sequence[Event], *, facts_only: bool = False) -> list[Outcome]:
    """Apply a batch, whole or not at all; the outcomes stand in the batch's order.

    ``facts_only`` fills tables that no books belong to. Raises Raced, CodeError and what the database raises;
    ``consumer.common.errors`` says what to make of it.
    """
    try:
        outcomes, taken_back = await _transaction(connection, events, facts_only=facts_only)
    except (asyncpg.PostgresError, Raced, *THE_WAY_THERE, MemoryError):
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
                known.attempts[event.attempt_id, event.entity.livemode] = Brought(attempt_family, entity_id, event_id)
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
    facts = {id(event): fact_of(event) for event in entered.get(CERTIFICATES, ())}
    present, booked = await book(connection, _arrived(entered, changes, known, facts), facts_only=facts_only)
    await write_booked(connection, present, booked, facts_only=facts_only)
    await _write_attempts(connection, events, changes, facts, present.booked_at)
    if not facts_only:
        await mark_reused(connection, changes.reused, present.booked_at)
        await mark_zones(connection, facts.values(), present.booked_at)
        await settle(connection, events, changes.outcomes, present.booked_at)
    return 0 if facts_only else corrections(booked)


async def _write_attempts(
    connection: Connection, events: Sequence[Event], changes: Changes, facts: dict[int, Fact], applied_at: datetime
) -> None:
    """Write history and ledger. In one order, by entity, event and attempt: workers do not deadlock."""
    history, others = [], []
    for event, outcome in zip(events, changes.outcomes, strict=True):
        if outcome is Outcome.DUPLICATE:
            continue
        if outcome is not Outcome.RESEND and id(event) in facts:
            history.append((*facts[id(event)], *beside(event, outcome, applied_at)))
        else:
            others.append(by_itself(event, outcome, applied_at))
    if history:
        history.sort(key=_entity_and_event)
        await connection.copy_records_to_table("certificate_history", columns=HISTORY, records=history)
    if others:
        others.sort(key=_entity_and_event)
        await connection.copy_records_to_table("other_attempt", columns=BY_ITSELF, records=others)
    if changes.earlier:
        arrivals = [event.received_at for event in changes.earlier]
        await connection.execute(statement("certificate/received_earlier"), *_keys(changes.earlier)[:3], arrivals)


def _entity_and_event(row: tuple[Any, ...]) -> tuple[str, bool, str]:
    return row[0], row[1], row[2]


def _arrived(
    entered: dict[Family, list[Event]], changes: Changes, known: Known, facts: dict[int, Fact]
) -> list[Arrived]:
    """Gather what is new of each certificate."""
    by_entity: dict[Entity, list[Event]] = {}
    for event in entered.get(CERTIFICATES, ()):
        by_entity.setdefault(event.entity, []).append(event)
    states = {
        projection.entity: projection.newest.order.event_id
        for projection in changes.projections.get(CERTIFICATES, ())
        if projection.newest
    }
    return [
        Arrived(
            (entity.id, entity.livemode),
            known.heads[entity].standing if entity in known.heads else None,
            [facts[id(event)] for event in members],
            {event.order.event_id: event for event in members},
            states.get(entity),
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
        [attempt_key(event) for event in events],
    )


def _head_of_certificate(row: Sequence[Any]) -> Head:
    book = book_of(row)
    return Head(order_of(book), None, book)


def _head_of_definition(row: Sequence[Any]) -> Head:
    _, deleted_at, *newest = row
    *first, currency = newest[4:]
    return Head(_order(newest[:4]), deleted_at, (_order(first), currency) if currency else None)


def _order(columns: Sequence[Any]) -> OrderKey | None:
    kind, occurred_at, emitted_at, event_id = columns
    return (
        None
        if kind is None
        else OrderKey(kind != KIND_NAMES[Kind.CREATED], occurred_at, emitted_at, _KINDS[kind], -1, event_id)
    )


_HEAD_OF = {CERTIFICATES: _head_of_certificate, DEFINITIONS: _head_of_definition}
