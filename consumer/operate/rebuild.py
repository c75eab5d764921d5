"""Rebuild: make the tables anew from the topics, beside the worker, and swap them in when they agree.

1. A shadow of the facts is filled from the beginning of the topics, while the worker goes on.
2. When the workers are nearly as far, shadow and live are compared as they are; what differs may only be on its way.
3. With the live tables locked, what the workers have not committed is applied to both, what differed is compared again,
   and the shadow takes the tables' place, in one transaction. Its lock is the only time that the worker waits.

Facts are made anew, books never: where the new facts say otherwise, the difference is booked in that transaction. What
depends on which came first stays, too: of an attempt id on two events the live ledger says which one it brought.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
from msgspec import Struct

from consumer.apply.apply import apply, look_up, write
from consumer.apply.decode import decoded
from consumer.apply.fold import brought, fold
from consumer.balances.outbox import publish_again
from consumer.books.rebooking import FIRST, PAGE, rebook
from consumer.common import metrics
from consumer.common.errors import Fatal
from consumer.common.progress import progress
from consumer.common.settings import Settings
from consumer.kafka.committed import committed_offsets
from consumer.kafka.scan import Positions, scanning
from consumer.postgres import reporting
from consumer.postgres.conflicts import until_undisturbed
from consumer.postgres.database import SCHEMA, Connection, connect_as_owner, make_row_types, statement
from consumer.worker.bisect import bisect
from schemas.events import Event, Outcome
from schemas.registry import FAMILIES

TABLES = ("other_attempt", "certificate", "certificate_document", "certificate_history", "definition")
SHADOW, OLD = "giftcert_shadow", "giftcert_old"
# So few records may be left for the time of the lock.
NEARLY_THERE = 1000
# How long workers that lag may come no nearer, and how often they are looked at.
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.5
# How long the lock is waited for: whoever comes behind us in the queue waits as long.
LOCK_TIMEOUT = "5s"


class Difference(Struct, frozen=True):
    """An entity whose rows differ between live and shadow."""

    table: str
    entity_id: str
    livemode: bool


class Rebuilt(Struct, frozen=True):
    """What a rebuild did; ``locked_seconds`` is how long the worker had to wait."""

    records: int
    refused: int
    differences: list[Difference]
    swapped: bool
    locked_seconds: float


async def rebuild(settings: Settings, *, partial: bool, accept_differences: bool) -> Rebuilt:
    """Rebuild and, if nothing differs or differences are accepted, swap.

    Raises Fatal when the topics no longer hold the beginning (and ``partial`` does not say that this is enough), when
    an old set of tables is still there, when the tables cannot be locked, and where this user may do none of it.
    """
    async with _alone(settings) as connection:
        await connection.execute(statement("rebuild/create_shadow"))
        try:
            return await _Rebuild(settings, connection).run(partial=partial, accept_differences=accept_differences)
        finally:
            await _drop_tables(connection, SHADOW)


async def drop_old(settings: Settings) -> bool:
    """Drop the tables that the last rebuild replaced; say whether there were any. Raises Fatal where one is in use."""
    async with _connected(settings) as connection:
        existed = await _holds_tables(connection, OLD)
        try:
            await _drop_tables(connection, OLD)
        except asyncpg.DependentObjectsStillExistError as error:
            raise Fatal(f"Nothing was dropped, for somebody uses the old tables: {error.detail}") from None
    return existed


class _Rebuild:
    """One rebuild on one connection: where it is in the topics, and what it met on the way."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.settings = settings
        self.connection = connection
        self.topics = [settings.topic(family.topic) for family in FAMILIES]
        self.positions: Positions = {}
        self.records = 0
        self.refused = 0

    async def run(self, *, partial: bool, accept_differences: bool) -> Rebuilt:
        await self._refuse_unless_whole(partial=partial)
        await self._read([SHADOW])
        await self._restate()
        await self._until_workers_are_near()
        compared_at = await self.connection.fetchval("SELECT clock_timestamp()")
        suspects = {difference.entity_id for difference in await self._differences(None)}
        while await self._read([SHADOW]) > NEARLY_THERE:
            pass
        at = self.positions, self.records, self.refused

        async def once() -> Rebuilt:
            # What a swap that was undone had read on both sides was undone with it.
            self.positions, self.records, self.refused = at
            return await self._swap(set(suspects), compared_at, accept_differences=accept_differences)

        return await until_undisturbed(once)

    async def _refuse_unless_whole(self, *, partial: bool) -> None:
        async with scanning(self.settings, self.topics) as scan:
            gone = sum(scan.positions.values())
        if gone and not partial:
            raise Fatal(
                f"The topics no longer hold their beginning ({gone} records are gone), so a rebuild would forget what "
                "they said. Use --partial if the part that is left is enough."
            )

    async def _read(self, schemas: Sequence[str], touched: set[str] | None = None) -> int:
        """Apply to ``schemas`` what the topics hold beyond our positions; give the number of records."""
        async with scanning(self.settings, self.topics, self.positions) as scan:
            with progress("rebuilding") as advance:
                async for records in scan.read():
                    # What cannot be decoded is in the dead-letter topic already.
                    events = [event for event in map(decoded, records) if isinstance(event, Event)]
                    refused = len(records) - len(events)
                    for schema in schemas:
                        refused += await self._apply(schema, events)
                    if touched is not None:
                        touched.update(event.entity.id for event in events)
                    self.refused += refused
                    advance(len(records), total=scan.total)
            self.positions = scan.positions
            self.records += scan.done
            return scan.done

    async def _until_workers_are_near(self) -> None:
        """Wait while workers that lag catch up. Raises Fatal where they do not: they would wait under the lock."""
        left = self._behind(await self._committed())
        looked_at = time.monotonic()
        with progress("waiting for the workers", left) as advance:
            while left > NEARLY_THERE:
                await asyncio.sleep(LOOK_SECONDS)
                before, left = left, self._behind(await self._committed())
                advance(before - left)
                if left < before:
                    looked_at = time.monotonic()
                elif time.monotonic() - looked_at > PATIENCE_SECONDS:
                    raise Fatal(
                        f"The workers have {left} records to apply and come no nearer: nothing was swapped. Start "
                        "them, or see what they wait for; rebuild when they have caught up."
                    )

    async def _go_back_to_workers(self) -> None:
        """Read again what the workers have not committed: what only the shadow knows of it is no difference."""
        committed = await self._committed()
        self.records -= self._behind(committed)
        self.positions = {
            partition: min(position, committed.get(partition, position))
            for partition, position in self.positions.items()
        }

    async def _committed(self) -> Positions:
        return await committed_offsets(self.settings, self.positions)

    def _behind(self, committed: Positions) -> int:
        """Count the records that we have read and the workers have to apply."""
        return sum(
            max(0, position - committed.get(partition, position)) for partition, position in self.positions.items()
        )

    async def _apply(self, schema: str, events: Sequence[Event]) -> int:
        """Apply events to one schema's tables; give the number of those that the database refuses."""
        await self.connection.execute(f"SET search_path TO {schema}")
        if schema == SHADOW and events:
            events = await self._undecided(events)

        async def once(part: Sequence[Event]) -> Sequence[Outcome]:
            return await apply(self.connection, part, facts_only=schema == SHADOW)

        outcomes = await bisect(events, once, lambda *_: None)
        return sum(isinstance(outcome, Exception) for outcome in outcomes)

    async def _undecided(self, events: Sequence[Event]) -> Sequence[Event]:
        """Give the events without those whose attempt id brought another one, as the live ledger knows."""
        rows = ((*brought(event), event.attempt_key) for event in events)
        decided = await self.connection.fetch(statement("rebuild/decided"), *map(list, zip(*rows, strict=True)))
        for number, is_brought in decided:
            if is_brought:
                await self._bring(events[number - 1])
        left_out = {number for number, _ in decided}
        return [event for number, event in enumerate(events, 1) if number not in left_out]

    async def _bring(self, event: Event) -> None:
        """Apply an event to the shadow although its attempt id has brought another one."""
        async with self.connection.transaction():
            known = await look_up(self.connection, [event])
            if known.attempts.get(event.attempt_key) != brought(event):
                known.attempts.clear()
            await write(self.connection, [event], fold([event], known), known, facts_only=True)

    async def _restate(self) -> None:
        """Bring the shadow's certificates up to definitions that came behind them: it has no tasks."""
        await self.connection.execute(f"SET search_path TO {SHADOW}")
        while rows := await self.connection.fetch(statement("books/stale"), *FIRST, PAGE):
            async with self.connection.transaction():
                await self.connection.execute(statement("books/enter"))
                await rebook(self.connection, [(row[0], row[1]) for row in rows], "rebuild", facts_only=True)

    async def _book(self, differences: Sequence[Difference]) -> None:
        """Book what the new facts say otherwise, in the transaction that swaps them in."""
        await self.connection.execute(f"SET search_path TO {SCHEMA}")
        keys = sorted({(one.entity_id, one.livemode) for one in differences if one.table.startswith("certificate")})
        for start in range(0, len(keys), PAGE):
            page = keys[start : start + PAGE]
            taken_back = await rebook(self.connection, page, "rebuild")
            # Also what differed in nothing that the books know: the tables are others now.
            await publish_again(self.connection, page)
            metrics.journal_corrections.labels("rebuild").inc(taken_back)

    async def _differences(self, entity_ids: Collection[str] | None) -> list[Difference]:
        rows = await self.connection.fetch(
            statement("rebuild/differences"), None if entity_ids is None else list(entity_ids)
        )
        return [Difference(*row) for row in rows]

    async def _swap(self, suspects: set[str], compared_at: datetime, *, accept_differences: bool) -> Rebuilt:
        """Lock, bring live and shadow to the same record, compare what may differ, and swap."""
        transaction = self.connection.transaction()
        await transaction.start()
        try:
            await self._lock()
            locked_at = time.monotonic()
            await self._go_back_to_workers()
            await self._read([SCHEMA, SHADOW], suspects)
            await self._restate()
            missing = await self.connection.fetchval(statement("rebuild/missing_attempts"), compared_at)
            if missing:
                raise Fatal(f"{missing} attempts that the worker applied are not in the topics: nothing was swapped")
            differences = await self._differences(suspects)
            swapped = accept_differences or not differences
            if swapped:
                await self.connection.execute(statement("rebuild/swap"))
                await self._book(differences)
                await reporting.install(self.connection)
                await transaction.commit()
        finally:
            if self.connection.is_in_transaction():
                await transaction.rollback()
        return Rebuilt(self.records, self.refused, differences, swapped, time.monotonic() - locked_at)

    async def _lock(self) -> None:
        await self.connection.execute(statement("books/enter"))
        await self.connection.execute(f"SET LOCAL lock_timeout TO '{LOCK_TIMEOUT}'")
        try:
            await self.connection.execute(f"LOCK TABLE {', '.join(f'{SCHEMA}.{table}' for table in TABLES)}")
        except asyncpg.LockNotAvailableError:
            raise Fatal(
                f"The tables could not be locked within {LOCK_TIMEOUT}: is a long report running? Nothing was swapped."
            ) from None


@asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[Connection]:
    """Connect, and be the only rebuild. Raises Fatal."""
    async with _connected(settings) as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock(hashtext('giftledger rebuild'))"):
            raise Fatal("Another rebuild is running.")
        if await _holds_tables(connection, OLD):
            raise Fatal(
                f"Schema {OLD} still holds the tables that the last rebuild replaced. Look at them if you must, then "
                "drop them: `giftledger rebuild --drop-old`."
            )
        # A shadow without a rebuild is what a killed one left.
        await _drop_tables(connection, SHADOW)
        yield connection


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Connection]:
    connection = await connect_as_owner(settings)
    try:
        await make_row_types(connection)
        yield connection
    finally:
        await connection.close()


async def _holds_tables(connection: Connection, schema: str) -> bool:
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1)", schema))


async def _drop_tables(connection: Connection, schema: str) -> None:
    """Drop all tables of a schema, also those of an earlier version."""
    if tables := [row[0] for row in await connection.fetch(_TABLES_OF, schema)]:
        await connection.execute(f"DROP TABLE {', '.join(tables)}")


_TABLES_OF = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = $1"
