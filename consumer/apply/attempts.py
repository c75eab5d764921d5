"""Attempts: every one that was applied stands beside the event that it brought, or by itself; and what was settled."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Range

from consumer.kafka.record import Record
from consumer.postgres.database import SCHEMA, Pool, statement
from schemas.events import Event, Outcome

# An attempt beside the event of a certificate that it brought.
BESIDE = (
    *("attempt_key", "attempt_id", "attempt_received_at", "applied_at"),
    *("kafka_topic", "kafka_partition", "kafka_offset", "outcome"),
)
# An attempt by itself.
BY_ITSELF = (
    *("entity_id", "livemode", "event_id", "attempt_key", "attempt_id", "event", "emitted_at", "received_at"),
    *("applied_at", "topic", "kafka_partition", "kafka_offset", "outcome"),
)
SETTLED = ("settled_at", "topic", "kafka_partition", "outcome", "newest_emitted_at", "newest_received_at", "offsets")


def beside(event: Event, outcome: Outcome, applied_at: datetime) -> tuple[Any, ...]:
    """Give the values of ``BESIDE``."""
    return (
        event.attempt_key,
        event.attempt_id,
        event.received_at,
        applied_at,
        event.topic,
        event.partition,
        event.offset,
        outcome.value,
    )


def by_itself(event: Event, outcome: Outcome, applied_at: datetime) -> tuple[Any, ...]:
    """Give the values of ``BY_ITSELF``."""
    return (
        event.entity.id,
        event.entity.livemode,
        event.order.event_id,
        event.attempt_key,
        event.attempt_id,
        event.name,
        event.order.emitted_at,
        event.received_at,
        applied_at,
        event.topic,
        event.partition,
        event.offset,
        outcome.value,
    )


def settlements(events: Sequence[Event], outcomes: Iterable[Outcome], settled_at: datetime) -> list[tuple[Any, ...]]:
    """Give the values of ``SETTLED``: which offsets a transaction settles."""
    groups: dict[tuple[str, int, str], list[Event]] = {}
    for event, outcome in zip(events, outcomes, strict=True):
        settlement = "duplicate" if outcome is Outcome.DUPLICATE else "applied"
        groups.setdefault((event.topic, event.partition, settlement), []).append(event)
    return [
        (
            settled_at,
            *group,
            max(event.order.emitted_at for event in members),
            max(event.received_at for event in members),
            tuple(ranges(event.offset for event in members)),
        )
        for group, members in groups.items()
    ]


async def settle_dead_letters(pool: Pool, records: Sequence[Record]) -> None:
    """Note the offsets of records whose dead letters are acknowledged."""
    groups: dict[tuple[str, int], list[int]] = {}
    for record in records:
        groups.setdefault((record.topic, record.partition), []).append(record.offset)
    if not groups:
        return
    rows = [(*group, "dead_lettered", list(ranges(offsets))) for group, offsets in groups.items()]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(statement("books/enter"))
        settled_at = await connection.fetchval("SELECT clock_timestamp()")
        await connection.copy_records_to_table(
            "settled",
            schema_name=SCHEMA,
            columns=("settled_at", "topic", "kafka_partition", "outcome", "offsets"),
            records=[(settled_at, *row) for row in rows],
        )


def ranges(offsets: Iterable[int]) -> Iterator[Any]:
    """Give offsets as ranges without their ends."""
    first = last = None
    for offset in sorted(set(offsets)):
        if first is None or last is None:
            first = last = offset
        elif offset == last + 1:
            last = offset
        else:
            yield Range(first, last + 1)
            first = last = offset
    if first is not None and last is not None:
        yield Range(first, last + 1)
