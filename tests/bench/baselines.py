"""What applying is measured against: COPY of the same rows, reading the topic alone, and decoding alone.

The rows are those that the worker writes, made by its own code before the clock runs and copied by its own database
client: what is left out is to read, to decode, to decide, and to find the row that an update replaces. COPY cannot
update, so each state of a certificate that the worker writes is a row of its own here, under an id of its own.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any, NamedTuple, TypeVar

from aiokafka.structs import ConsumerRecord

from consumer.common.settings import Settings
from consumer.kafka.record import Record
from consumer.kafka.scan import scanning
from consumer.postgres.database import Pool, pool
from consumer.worker.apply import LEDGER, ledger_row
from consumer.worker.decode import decode
from consumer.worker.fold import fold
from schemas.certificates import CERTIFICATES
from schemas.events import Entity, Event, Head, Known, Outcome, Projection
from tests.bench.workload import Published, Workload

T = TypeVar("T")
Row = tuple[Any, ...]

ID_LENGTH = 24


class Batch(NamedTuple):
    """What one transaction copies: rows by table."""

    webhook_attempt: list[Row]
    certificate_history: list[Row]
    certificate: list[Row]


# What stands in the history alone, last of its columns.
OF_THE_EVENT = ("received_at", "doubts")
HISTORY = CERTIFICATES.columns[: CERTIFICATES.columns.index(OF_THE_EVENT[-1]) + 1]
CURRENT = tuple(column for column in CERTIFICATES.columns if column not in OF_THE_EVENT)
COLUMNS = {"webhook_attempt": LEDGER, "certificate_history": HISTORY, "certificate": CURRENT}


async def copied(settings: Settings, batches: Sequence[Batch]) -> float:
    """Copy all batches, each in a transaction, into empty tables; give the seconds."""
    async with pool(settings) as connections:
        await empty(connections)
        async with connections.acquire() as connection:
            started = time.perf_counter()
            for batch in batches:
                async with connection.transaction():
                    for table, rows in batch._asdict().items():
                        await connection.copy_records_to_table(table, columns=COLUMNS[table], records=rows)
            return time.perf_counter() - started


async def empty(connections: Pool) -> None:
    """Empty the tables, and have the disk's work on what was there done before the clock runs."""
    await connections.execute("TRUNCATE webhook_attempt, certificate, certificate_history, definition")
    await connections.execute("CHECKPOINT")


def batches(workload: Workload, size: int) -> Iterator[Batch]:
    """Give the rows that the worker writes for a workload, in transactions of ``size`` records."""
    numbers = count()
    attempts: set[tuple[str, bool]] = set()
    events: set[tuple[Entity, str]] = set()
    heads: dict[Entity, Head] = {}
    for records in _batched(map(as_record, workload), size):
        batch = [decode(record) for record in records]
        known = Known(
            frozenset(attempts.intersection((event.attempt_id, event.entity.livemode) for event in batch)),
            frozenset(events.intersection((event.entity, event.order.event_id) for event in batch)),
            {event.entity: heads[event.entity] for event in batch if event.entity in heads},
        )
        changes = fold(batch, known)
        attempts.update((event.attempt_id, event.entity.livemode) for event in batch)
        events.update((event.entity, event.order.event_id) for event in changes.entered)
        projections = changes.projections.get(CERTIFICATES, [])
        heads.update((p.entity, Head(p.newest.order)) for p in projections if p.newest)
        yield _rows(batch, changes.outcomes, changes.entered, projections, numbers)


def _rows(
    batch: list[Event],
    outcomes: list[Outcome],
    entered: list[Event],
    projections: list[Projection],
    numbers: Iterator[int],
) -> Batch:
    ledger = [
        ledger_row(event, outcome)
        for event, outcome in zip(batch, outcomes, strict=True)
        if outcome is not Outcome.DUPLICATE
    ]
    rows = sorted(CERTIFICATES.rows(entered, projections))
    states = [(*row[: len(HISTORY) - len(OF_THE_EVENT)], *row[len(HISTORY) :]) for row in rows if row[-1] is not None]
    current = [(f"{state[0][: ID_LENGTH - 8]}{next(numbers):08x}", *state[1:]) for state in states]
    return Batch(sorted(ledger), [row[: len(HISTORY)] for row in rows], current)


async def read(settings: Settings, topic: str, events: int) -> float:
    """Read a topic from its beginning with aiokafka and do nothing with it; give the seconds."""
    async with scanning(settings, [topic]) as scan:
        started = time.perf_counter()
        async for _ in scan.read():
            if scan.done >= events:
                break
        return time.perf_counter() - started


def decoded(records: Sequence[Record]) -> float:
    """Decode records and do nothing with them; give the seconds."""
    started = time.perf_counter()
    for record in records:
        decode(record)
    return time.perf_counter() - started


def as_record(published: Published) -> Record:
    """Give what a consumer makes of it."""
    return ConsumerRecord(
        *("certificates", 0, 0, 1_780_315_200_000, 0, published.key, published.value, None, -1, -1),
        tuple(published.headers),
    )


def _batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
