"""Apply: one transaction looks up what is known of a batch, folds it, and writes ledger, history and projections.

The look-up decides; the database guards. What another worker commits between our look-up and our write is caught
by the keys of ledger and history (the transaction fails, and a second look sees it) and by the guard in each
family's ``merge`` statement.
"""

from collections.abc import Sequence

import asyncpg

from consumer.common.errors import THE_WAY_THERE, CodeError
from consumer.postgres.database import Connection, statement
from consumer.worker.fold import fold
from schemas.events import KIND_NAMES, Changes, Entity, Event, Family, Head, Kind, Known, OrderKey, Outcome
from schemas.registry import FAMILIES

LEDGER = (
    *("entity_id", "livemode", "event_id", "attempt_id", "event", "emitted_at", "received_at"),
    *("topic", "kafka_partition", "kafka_offset", "outcome"),
)
_KINDS = dict(zip(KIND_NAMES, Kind, strict=True))


async def apply(connection: Connection, events: Sequence[Event]) -> list[Outcome]:
    """Apply a batch, whole or not at all; the outcomes stand in the batch's order.

    Raises what the database raises, and CodeError; ``consumer.common.errors`` says what to make of it.
    """
    try:
        async with connection.transaction():
            known = await look_up(connection, events)
            changes = fold(events, known)
            await write(connection, events, changes)
    except (asyncpg.PostgresError, *THE_WAY_THERE, MemoryError):
        raise
    except Exception as error:
        # A driver whose connection was cut in the middle of it says anything.
        if connection.is_closed():
            raise
        raise CodeError.of(error) from None
    return changes.outcomes


async def look_up(connection: Connection, events: Sequence[Event]) -> Known:
    """Ask which attempts and events of the batch are known, and how far its entities have come."""
    attempts: set[tuple[str, bool]] = set()
    known_events: set[tuple[Entity, str]] = set()
    heads: dict[Entity, Head] = {}
    for family, members in _by_family(events).items():
        attempt_ids = [event.attempt_id for event in members]
        for row in await connection.fetch(statement(f"{family.name}/known"), *_event_keys(members), attempt_ids):
            event = members[row["number"] - 1]
            if row["is_attempt_known"]:
                attempts.add((event.attempt_id, event.entity.livemode))
            if row["is_event_known"]:
                known_events.add((event.entity, event.order.event_id))
            heads[event.entity] = _head(row)
    return Known(frozenset(attempts), frozenset(known_events), heads)


async def write(connection: Connection, events: Sequence[Event], changes: Changes) -> None:
    """Write what a fold found to change."""
    # In one order, by entity, event and attempt: workers that write the same rows do not deadlock.
    ledger = sorted(
        ledger_row(event, outcome)
        for event, outcome in zip(events, changes.outcomes, strict=True)
        if outcome is not Outcome.DUPLICATE
    )
    if ledger:
        await connection.copy_records_to_table("webhook_attempt", columns=LEDGER, records=ledger)
    entered, resent = _by_family(changes.entered), _by_family(changes.resent)
    for family in FAMILIES:
        rows = family.rows(entered.get(family, ()), changes.projections.get(family, ()))
        if rows:
            await connection.copy_records_to_table(f"incoming_{family.name}", columns=family.columns, records=rows)
            await connection.execute(statement(f"{family.name}/merge"))
        if family.has_history and family in resent:
            arrivals = [event.received_at for event in resent[family]]
            keys = _event_keys(resent[family])
            await connection.execute(statement(f"{family.name}/received_earlier"), *keys, arrivals)


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
    kind = _KINDS[row["kind"]]
    key = OrderKey(
        kind is not Kind.CREATED,
        row["occurred_at"],
        row["emitted_at"],
        kind,
        row["transactions_paid"],
        row["event_id"],
    )
    return Head(key, row["deleted_at"])


def ledger_row(event: Event, outcome: Outcome) -> tuple[object, ...]:
    """Give the values of the columns ``LEDGER``."""
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
