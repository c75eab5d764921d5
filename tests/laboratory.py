"""A laboratory for property tests: a database that is emptied for each example, and workers to apply with."""

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

import uvloop

from consumer.apply.apply import apply, look_up, write
from consumer.apply.fold import fold
from consumer.books.rebooking import run_tasks
from consumer.common.errors import Verdict, database_verdict
from consumer.common.settings import load
from consumer.postgres.database import Connection, Pool, pool
from schemas.events import Event
from tests.applying import CONVERGING, tables
from tests.builders import event
from tests.reference import Delivery, Row
from tests.reference_books import AMOUNTS, GROUPS

T = TypeVar("T")

Batch = Sequence[Delivery]

LEDGER = ("other_attempt", "settled")
BOOKS = ("journal", "exception", "rebooking_task", "balance_outbox")
# Each race that a batch loses was won by another one: a few tries are enough for a few workers.
MOST_TRIES = 50


class Laboratory:
    """Runs coroutines on a loop of its own, so that hypothesis can call it; close() when done."""

    def __init__(self, database_url: str) -> None:
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.connections = self.run(_connect(database_url))
        # Histories that were begun with empty tables.
        self.histories = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def close(self) -> None:
        self.run(self.connections.close())
        self.runner.close()

    async def empty(self) -> None:
        self.histories += 1
        for table in (*LEDGER, *CONVERGING, *BOOKS):
            await self.connections.execute(f"TRUNCATE {table}")

    async def applied_by_workers(self, shares: Sequence[Sequence[Batch]]) -> dict[str, Any]:
        """Start from nothing, let each worker apply its share of batches at the same time, and read the tables."""
        await self.empty()
        await asyncio.gather(*(self.work(share) for share in shares))
        return await self.read()

    async def read(self) -> dict[str, Any]:
        """Read the tables and the lines that stand, when what is known later has been booked again."""
        await run_tasks(self.connections)
        return await comparable(self.connections) | {"journal": await self.journal()}

    async def journal(self, known_at: datetime | None = None) -> Counter[tuple[Any, ...]]:
        """Read the lines that stand, or stood then: what sums to nothing is left out."""
        groups, sums = ", ".join(GROUPS), ", ".join(f"sum({amount})" for amount in AMOUNTS)
        rows = await self.connections.fetch(
            f"SELECT {groups}, {sums} FROM journal"  # noqa: S608 - names of ours
            " WHERE booked_at <= coalesce($1::timestamptz, 'infinity')"
            f" GROUP BY {groups} HAVING sum(entry) <> 0 OR sum(change) <> 0 OR sum(change_at_consideration) <> 0",
            known_at,
        )
        lines: Counter[tuple[Any, ...]] = Counter()
        for *group, entries, change, paid in rows:
            assert entries > 0, f"taken back more often than booked: {group}"
            lines[(*group, int(change) // entries, int(paid) // entries)] += entries
        return lines

    async def ledger(self) -> list[tuple[Any, ...]]:
        """Read which attempts stand in the ledger, and whether as their event's first."""
        rows = await self.connections.fetch(
            "SELECT attempt_id, livemode, entity_id, event_id, event, outcome <> 'resend' FROM webhook_attempt"
        )
        return [tuple(row) for row in rows]

    async def work(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            await self.persist(decoded(batch))

    async def persist(self, events: Sequence[Event]) -> None:
        """Apply until it is done, as the worker does after a race; but not for ever."""
        for _ in range(MOST_TRIES):
            try:
                async with self.connections.acquire() as connection:
                    await apply(connection, events)
            except Exception as error:
                if database_verdict(error) is not Verdict.TRANSIENT:
                    raise
            else:
                return
        raise AssertionError(f"a batch was not applied in {MOST_TRIES} tries")

    async def crash_before_commit(self, batch: Batch) -> None:
        """Die with everything written and nothing committed."""
        events = decoded(batch)
        async with self.connections.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            known = await look_up(connection, events)
            await write(connection, events, fold(events, known), known)
            await transaction.rollback()


async def _connect(database_url: str) -> Pool:
    """Connect on the running loop: a pool belongs to the loop that made it."""
    return await pool(load({"DATABASE_URL": database_url}), size=8)


def decoded(batch: Batch) -> list[Event]:
    return [
        event(delivery.body, offset=offset, received_at=delivery.received_at.isoformat())
        for offset, delivery in enumerate(batch)
    ]


async def comparable(source: "Pool | Connection") -> dict[str, list[Row]]:
    """Read the tables, the data as values."""
    read = await tables(source)
    for rows in read.values():
        for row in rows:
            if row.get("data") is not None:
                row["data"] = json.loads(row["data"])
    return read
