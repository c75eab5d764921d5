"""Apply: one transaction looks up what is known of a batch, folds it, and writes ledger, history and projections.

The look-up decides; the database guards. What another worker commits between our look-up and our write is caught
by the keys of ledger and history (the transaction fails, and a second look sees it) and by the guard in each
family's ``merge`` statement.
"""

from collections.abc import Sequence
from operator import itemgetter

import asyncpg

from consumer.database import Connection, statement
from consumer.fold import fold
from schemas.events import Changes, Entity, Event, Family, Head, Kind, Known, OrderKey, Outcome
from schemas.registry import FAMILIES

LEDGER = (
    *("entity_id", "livemode", "event_id", "attempt_id", "event", "emitted_at", "received_at"),
    *("topic", "kafka_partition", "kafka_offset", "outcome"),
)


async def apply(connection: Connection, events: Sequence[Event]) -> list[Outcome]:
    """Apply a batch, whole or not at all; the outcomes stand in the batch's order.

    Raises what the database raises; ``consumer.errors`` says what to make of it.
    """
    async with connection.transaction():
        known = await look_up(connection, events)
        changes = fold(events, known)
        await write(connection, events, changes)
    return changes.outcomes


async def look_up(connection: Connection, events: Sequence[Event]) -> Known:
    """Ask which attempts and events of the batch are known, and how far its entities have come."""
    attempts = await connection.fetch(
        statement("known_attempts"),
        [event.attempt_id for event in events],
        [event.entity.livemode for event in events],
    )
    known_events: set[tuple[Entity, str]] = set()
    heads: dict[Entity, Head] = {}
    for family, members in _by_family(events).items():
        rows = await connection.fetch(statement(f"{family.name}/known_events"), *_event_keys(members))
        known_events.update((Entity(family, id_, livemode), event_id) for id_, livemode, event_id in rows)
        entities = {event.entity for event in members}
        rows = await connection.fetch(
            statement(f"{family.name}/heads"),
            [entity.id for entity in entities],
            [entity.livemode for entity in entities],
        )
        heads.update((Entity(family, row[0], row[1]), _head(row)) for row in rows)
    return Known(frozenset((row[0], row[1]) for row in attempts), frozenset(known_events), heads)


async def write(connection: Connection, events: Sequence[Event], changes: Changes) -> None:
    """Write what a fold found to change."""
    await _copy(
        connection,
        "webhook_attempt",
        LEDGER,
        [
            _ledger_row(event, outcome)
            for event, outcome in zip(events, changes.outcomes, strict=True)
            if outcome is not Outcome.DUPLICATE
        ],
    )
    for family, members in _by_family(changes.entered).items():
        if family.history_row:
            await _copy(
                connection,
                f"{family.name}_history",
                family.history,
                [family.history_row(event) for event in members],
            )
    for family, members in _by_family(changes.resent).items():
        if family.history_row:
            arrivals = [event.received_at for event in members]
            await connection.execute(statement(f"{family.name}/received_earlier"), *_event_keys(members), arrivals)
    for family in filter(changes.projections.__contains__, FAMILIES):
        rows = [family.projection_row(projection) for projection in changes.projections[family]]
        await _copy(connection, f"incoming_{family.name}", family.projection, rows)
        await connection.execute(statement(f"{family.name}/merge"))


async def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    """Copy rows in one order, by entity, event and attempt: workers that write the same rows do not deadlock."""
    if rows:
        rows = sorted(rows, key=itemgetter(slice(4)))
        await connection.copy_records_to_table(table, columns=columns, records=rows)


def _by_family(events: Sequence[Event]) -> dict[Family, list[Event]]:
    """Group a batch; the families always in the same order, so that their tables are locked in the same order."""
    members: dict[Family, list[Event]] = {family: [] for family in FAMILIES}
    for event in events:
        members[event.entity.family].append(event)
    return {family: events for family, events in members.items() if events}


def _event_keys(events: Sequence[Event]) -> tuple[list[str], list[bool], list[str]]:
    return (
        [event.entity.id for event in events],
        [event.entity.livemode for event in events],
        [event.order.event_id for event in events],
    )


def _head(row: asyncpg.Record) -> Head:
    if row["occurred_at"] is None:
        return Head(None, row["deleted_at"])
    kind = Kind[row["kind"].upper()]
    return Head(OrderKey(row["occurred_at"], row["emitted_at"], kind, row["event_id"]), row["deleted_at"])


def _ledger_row(event: Event, outcome: Outcome) -> tuple[object, ...]:
    return (
        event.entity.id,
        event.entity.livemode,
        event.order.event_id,
        event.attempt_id,
        event.name,
        event.order.emitted_at,
        event.received_at,
        event.topic,
        event.partition,
        event.offset,
        outcome,
    )
