"""What applying is measured against: COPY of the same rows, reading the topic alone, and decoding alone.

The rows are those that the worker writes, made by its own code before the clock runs and copied by its own database
client: what is left out is to read, to decode, to decide, and to find the row that an update replaces. COPY cannot
update, so each state of a certificate that the worker writes is a row of its own here, under an id of its own.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any, NamedTuple, TypeVar

from aiokafka.structs import ConsumerRecord

from consumer.apply.apply import HISTORY
from consumer.apply.attempts import beside
from consumer.apply.decode import decode
from consumer.apply.fold import brought, fold
from consumer.books import certificate, journal
from consumer.books.booking import Arrived, begin
from consumer.common.settings import Settings
from consumer.kafka.record import Record
from consumer.kafka.scan import scanning
from consumer.postgres.database import Pool, pool
from consumer.postgres.figure_settings import FigureSettings
from schemas.certificates import CERTIFICATES
from schemas.events import Changes, Head, Known, Outcome
from tests.bench.workload import Published, Workload

T = TypeVar("T")
Row = tuple[Any, ...]

ID_LENGTH = 24


class Batch(NamedTuple):
    """What one transaction copies: rows by table."""

    certificate: list[Row]
    certificate_document: list[Row]
    certificate_history: list[Row]
    journal: list[Row]


CURRENT = certificate.COLUMNS[: certificate.COLUMNS.index("data")]
COLUMNS = {
    "certificate": CURRENT,
    "certificate_document": ("certificate_id", "livemode", "data"),
    "certificate_history": HISTORY,
    "journal": journal.COLUMNS,
}
PRESENT = journal.Present(datetime(2026, 1, 1, tzinfo=UTC), FigureSettings("UTC", {}), {}, {True: {}, False: {}})


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
    others = "other_attempt, definition, settled, exception, rebooking_task, balance_outbox"
    await connections.execute(f"TRUNCATE {', '.join(COLUMNS)}, {others}")
    await connections.execute("CHECKPOINT")


def batches(workload: Workload, size: int) -> Iterator[Batch]:
    """Give the rows that the worker writes for a workload, in transactions of ``size`` records.

    Each state of a certificate stands alone, so that the line of each event is that of a new certificate.
    """
    numbers = count()
    known = Known(attempts={}, events={}, heads={})
    for records in _batched(map(as_record, workload), size):
        batch = [decode(record) for record in records]
        changes = fold(batch, known)
        known.attempts.update({event.attempt_key: brought(event) for event in batch})
        known.events.update({(event.entity, event.order.event_id): event.received_at for event in changes.entered})
        projections = changes.projections.get(CERTIFICATES, [])
        known.heads.update({p.entity: Head(p.newest.order) for p in projections if p.newest})
        yield _rows(changes, {p.newest.order.event_id for p in projections if p.newest}, numbers)


def _rows(changes: Changes, states: set[str], numbers: Iterator[int]) -> Batch:
    made = Batch([], [], [], [])
    for event in changes.entered:
        fact = event.snapshot
        made.certificate_history.append((*fact.history(), *beside(event, Outcome.APPLIED, PRESENT.booked_at)))
        key = (f"{fact.certificate_id[: ID_LENGTH - 8]}{next(numbers):08x}", fact.livemode)
        booked = begin(Arrived(key, None, [fact], fact), PRESENT)
        made.journal.extend(journal.row_of(PRESENT, key, entry) for entry in booked.entries)
        if fact.event_id in states and booked.row is not None:
            made.certificate.append(booked.row[: len(CURRENT)])
            made.certificate_document.append((*key, event.data))
    made.certificate_history.sort(key=lambda row: row[:3])
    return made


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
