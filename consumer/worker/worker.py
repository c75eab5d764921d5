"""Worker: take what came, apply, send dead letters, commit; the offsets follow the database.

One task does it all in this order, so nothing of a batch is committed before all of it is in the database or in
the dead-letter topic; the answer to a commit is waited for beside the next batch. Beside it another task takes the
records of the next batch from Kafka and decodes them (inbox.py), whatever this one waits for.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.apply.apply import apply
from consumer.apply.attempts import settle_dead_letters
from consumer.apply.decode import Decoded
from consumer.apply.shards import join, split
from consumer.common import metrics
from consumer.common.bounds import running, together
from consumer.common.errors import CodeError, Unavailable, Verdict, database_verdict
from consumer.common.service import admin_app, serving
from consumer.common.settings import Settings
from consumer.kafka.options import consumer_options
from consumer.kafka.publisher import Publisher
from consumer.kafka.taking import Room
from consumer.kafka.topics import NEEDED_BY_WORKER
from consumer.letters.dead_letters import APPLY, DECODE, DeadLetter, DeadLetterLimit, DeadLetters, Refusal
from consumer.postgres.database import Connection, Pool
from consumer.worker.bisect import bisect
from consumer.worker.bookkeeping import keep_books
from consumer.worker.connecting import connected, reached, watch_requirements
from consumer.worker.deferred import Deferred, DeferredEvents
from consumer.worker.group import Group, Moved, Stopped
from consumer.worker.inbox import Arrived, Inbox
from consumer.worker.life import Life
from consumer.worker.report import Done, Report, naming
from consumer.worker.report_metrics import watch_reports
from consumer.worker.retry import Retry
from consumer.worker.row_locks import RowLocked, RowLocks
from consumer.worker.topic_watch import watch_topics
from consumer.worker.unfinished import watch_unfinished
from consumer.worker.watchdog import watch
from schemas.certificates import CERTIFICATES
from schemas.events import Event, Outcome
from schemas.registry import FAMILIES

if TYPE_CHECKING:
    from consumer.kafka.record import Record

log = structlog.get_logger()

# How long the worker waits for records before it looks around.
LOOK_SECONDS = 0.5
# A transaction is a handful of statements, each of which has the whole DATABASE_TIMEOUT_SECONDS.
TRANSACTION_TIMEOUTS = 2


class StillLocked(Exception):
    """The row that deferred events wait for is locked still."""


class Worker:
    """What a batch goes through."""

    def __init__(self, settings: Settings, group: Group, inbox: Inbox, pool: Pool, dead_letters: DeadLetters) -> None:
        self.group = group
        self.inbox = inbox
        self.retry = Retry(group)
        self.pool = pool
        self.dead_letters = dead_letters
        self.limit = DeadLetterLimit(settings)
        self.transaction_seconds = TRANSACTION_TIMEOUTS * settings.database_timeout_seconds
        self.row_locks = RowLocks(pool)
        self.deferred = DeferredEvents(group)
        self.report = Report()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until asked to stop. Raises what no retry can cure."""
        while not stop.is_set():
            try:
                if self.deferred.is_full:
                    await self.group.stay(LOOK_SECONDS)
                elif batch := await self.inbox.take(LOOK_SECONDS):
                    with naming([one.record for one in batch]):
                        await self.process(batch)
            except (Stopped, Moved) as reason:
                log.info("batch abandoned", reason=type(reason).__name__.lower())
            self.commit()

    async def process(self, batch: Sequence[Arrived]) -> None:
        """Take a batch to rows and dead letters; committing is next."""
        started = time.monotonic()
        self.limit.note([None if isinstance(read, Event) else _refusal(record, read) for record, read in batch])
        results = await self._results([one.decoded for one in batch])
        done = [Done(*one, result) for one, result in zip(batch, results, strict=True)]
        locked = [one for one in done if isinstance(one.result, RowLocked)]
        settled = [one for one in done if not isinstance(one.result, RowLocked)] if locked else done
        if letters := _dead_letters(settled):
            await self.retry.run("dead_letter", lambda: self.dead_letters.publish(letters))
            await self.retry.run("settle", lambda: settle_dead_letters(self.pool, [one.record for one in letters]))
        self.group.done([one.record for one in batch], [one.record for one in locked])
        self.deferred.defer(locked)
        self.report(settled, time.monotonic() - started)

    async def _results(self, read: Sequence[Decoded]) -> Sequence[Outcome | Exception]:
        """Apply what can be: not what cannot be read, nor what waits for a row that is known to be locked."""
        results: list[Outcome | Exception | None] = [
            one if not isinstance(one, Event) else RowLocked() if self.deferred.holds(one.entity) else None
            for one in read
        ]
        events = [one for one, result in zip(read, results, strict=True) if isinstance(one, Event) and result is None]
        applied = iter(await self._apply_all(events))
        return [next(applied) if result is None else result for result in results]

    async def _apply_all(self, events: Sequence[Event]) -> Sequence[Outcome | Exception]:
        self.row_locks.begin_batch()
        return join(events, await together(*(bisect(shard, self.apply, self._refused) for shard in split(events))))

    def _refused(self, event: Event, error: Exception) -> None:
        self.limit.note([_refusal(event, error)])

    async def apply(self, events: Sequence[Event]) -> Sequence[Outcome]:
        """Apply events in one transaction, for as long as it takes. Raises what is no matter of time, and RowLocked."""
        return await self.retry.run("apply", lambda: self._transaction(events))

    async def _transaction(self, events: Sequence[Event]) -> Sequence[Outcome]:
        async with self.pool.acquire(timeout=self.transaction_seconds) as connection:
            with metrics.db_transaction_duration.labels("apply").time():
                return await self._in_time(connection, events)

    async def settle_deferred(self, deferred: Sequence[Deferred]) -> bool:
        """Try once more to apply events of one entity whose row was locked; tell whether they are done with.

        Beside the stream: whatever else is in the way is the stream's to wait for.
        """
        started = time.monotonic()
        try:
            results = await bisect([one.event for one in deferred], self._whole, self._refused)
            done = [Done(*one, result) for one, result in zip(deferred, results, strict=True)]
            letters = _dead_letters(done)
            await self.dead_letters.publish(letters)
            await settle_dead_letters(self.pool, [one.record for one in letters])
        except (StillLocked, Unavailable):
            return False
        except Exception as error:
            if database_verdict(error) is not Verdict.TRANSIENT:
                with naming([one.record for one in deferred]):
                    raise
            return False
        self.group.progress.settle([one.record for one in deferred])
        self.report(done, time.monotonic() - started)
        return True

    async def _whole(self, events: Sequence[Event]) -> Sequence[Outcome]:
        """Apply events that wait for the same row: where it is locked still, their halves would wait as well."""
        try:
            return await self._transaction(events)
        except RowLocked:
            raise StillLocked from None

    async def _in_time(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outcome]:
        """Cut a connection that nobody answers on: asyncpg would wait on it even to roll back."""
        alarm = asyncio.get_running_loop().call_later(self.transaction_seconds, connection.terminate)
        try:
            return await self.row_locks.unless_locked(connection, apply(connection, events))
        except asyncpg.InternalClientError:
            connection.terminate()  # what it is in the middle of nobody knows: not for the pool
            raise
        finally:
            alarm.cancel()

    def commit(self) -> None:
        """Commit the offsets of what is done, while the next batch comes."""
        self.group.commit_beside()


def _refusal(source: "Record | Event", error: Exception) -> Refusal:
    """Describe a refusal; one that our own code is to blame for is logged with the way there."""
    refusal = Refusal.of(source, error)
    if isinstance(error, CodeError):
        log.error("our own code failed over a record", record=refusal.place, error=str(error), frames=error.frames)
    return refusal


def _dead_letters(done: Sequence[Done]) -> list[DeadLetter]:
    return [
        DeadLetter(one.record, APPLY if isinstance(one.decoded, Event) else DECODE, one.result)
        for one in done
        if isinstance(one.result, Exception)
    ]


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Work until ``stop`` is set. Raises Fatal, or whatever the worker does not understand."""
    life = Life(settings, stop)
    life.heartbeat.start()
    try:
        # Liveness knows the poll loop only: what is away elsewhere is no reason to be started again.
        admin = admin_app(live=life.heartbeat.reasons, ready=life.reasons_to_wait, metrics=metrics.WORKER)
        async with (
            serving(admin, settings.admin_host, settings.admin_port),
            connected(settings, life) as connections,
            publishing(settings) as publisher,
        ):
            if connections is not None and await reached(publisher, life):
                await _run_member(settings, life, connections, publisher)
    finally:
        life.heartbeat.stop()
    log.info("worker stopped")


async def _run_member(settings: Settings, life: Life, connections: Pool, publisher: Publisher) -> None:
    options = consumer_options(settings)
    topics = [settings.topic(family.topic) for family in FAMILIES]
    group = Group(
        lambda: AIOKafkaConsumer(**options),
        topics=topics,
        stop=life.stop,
        beat=life.heartbeat.beat,
    )
    inbox = Inbox(group, Room(settings.batch_max_records, settings.batch_max_bytes))
    worker = Worker(settings, group, inbox, connections, DeadLetters(settings, publisher))
    try:
        life.joins(group, worker.retry, publisher)
        await group.join()
        first = TopicPartition(settings.topic(CERTIFICATES.topic), 0)

        def is_first() -> bool:
            """Tell whether this worker is the one that does what only one has to."""
            return first in group.consumer.assignment()

        await _first_of(
            worker.run(life.stop),
            inbox.drain(),
            worker.deferred.run(worker.settle_deferred),
            watch(group, worker.retry, connections, settings.worker_stall_seconds),
            watch_topics(group, topics),
            watch_requirements(settings, connections, life),
            keep_books(connections, is_first),
            watch_unfinished(settings, connections, is_first),
            watch_reports(connections, is_first, lambda: inbox.behind),
        )
    finally:
        await group.leave()


async def _first_of(*ways: Coroutine[Any, Any, None]) -> None:
    """Go on until one of them ends, and raise what it raises."""
    async with running(*ways) as tasks:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


@asynccontextmanager
async def publishing(settings: Settings) -> AsyncIterator[Publisher]:
    """Have a way to the dead-letter topic; it is there when the topics are that the worker reads."""
    publisher = Publisher(settings, NEEDED_BY_WORKER)
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()
