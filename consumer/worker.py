"""Worker: poll, decode, apply, send dead letters, commit; the offsets follow the database.

One task does it all in this order, so nothing of a batch is committed before all of it is in the database or in
the dead-letter topic. While a part is away it waits with its partitions paused and keeps polling, so that it stays
in its consumer group.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from consumer import metrics
from consumer.apply import apply
from consumer.database import Pool, pool, publish_settings
from consumer.deadletter import APPLY, DECODE, DeadLetter, DeadLetterLimit, DeadLetters
from consumer.decode import Record, decode
from consumer.errors import Unavailable, Verdict, database_verdict
from consumer.isolate import isolate
from consumer.kafka import consumer_options
from consumer.publish import Publisher
from consumer.service import admin_app, serving
from consumer.settings import Settings
from schemas.events import Event, Outcome
from schemas.registry import FAMILIES, Malformed

log = structlog.get_logger()

T = TypeVar("T")

POLL_SECONDS = 0.5
COMMIT_TIMEOUT_SECONDS = 10.0
JOIN_TIMEOUT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 10.0
LEAVE_TIMEOUT_SECONDS = 5.0


class Stopped(Exception):
    """The worker was asked to stop while it waited: the batch is abandoned, and will be fetched again."""


class Worker:
    """One member of the consumer group."""

    def __init__(
        self,
        settings: Settings,
        consumer: AIOKafkaConsumer,
        pool: Pool,
        dead_letters: DeadLetters,
        stop: asyncio.Event,
    ) -> None:
        self.consumer = consumer
        self.pool = pool
        self.dead_letters = dead_letters
        self.limit = DeadLetterLimit(settings)
        self.stop = stop
        self.max_records = settings.batch_max_records
        # What the worker waits for before it can go on: the reasons why it is not ready.
        self.waiting_for: str | None = None
        self._uncommitted: dict[TopicPartition, int] = {}

    async def join(self, topics: Sequence[str]) -> None:
        """Join the consumer group, for as long as it takes."""
        while not self.stop.is_set():
            try:
                async with asyncio.timeout(JOIN_TIMEOUT_SECONDS):
                    await self.consumer.start()
            except (KafkaError, OSError, TimeoutError) as error:
                self.waiting_for = f"join: {type(error).__name__}"
                log.warning("will retry", stage="join", error=type(error).__name__)
                await asyncio.wait({asyncio.create_task(self.stop.wait())}, timeout=POLL_SECONDS)
            else:
                self.consumer.subscribe(topics, listener=Membership())
                self.waiting_for = None
                return

    def reasons_to_wait(self) -> list[str]:
        """Say why the worker is not ready."""
        reasons = [self.waiting_for] if self.waiting_for else []
        return reasons if self.consumer.assignment() else [*reasons, "no partitions assigned"]

    async def run(self) -> None:
        """Work until asked to stop. Raises what no retry can cure."""
        try:
            while not self.stop.is_set():
                if records := await self.poll(POLL_SECONDS):
                    await self.process(records)
                await self.commit()
        except Stopped:
            log.info("batch abandoned")

    async def poll(self, seconds: float) -> list[Record]:
        """Fetch the next batch; nothing when there is none within ``seconds``, or when asked to stop."""
        metrics.consumer_last_poll.set_to_current_time()
        fetching = asyncio.create_task(
            self.consumer.getmany(timeout_ms=int(seconds * 1000), max_records=self.max_records)
        )
        stopping = asyncio.create_task(self.stop.wait())
        await asyncio.wait({fetching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not fetching.done():
            fetching.cancel()
            await asyncio.wait({fetching})
            return []
        return [record for records in fetching.result().values() for record in records]

    async def process(self, records: Sequence[Record]) -> None:
        """Take a batch from Kafka's bytes to rows and dead letters; committing is next."""
        started = time.monotonic()
        decoded = [_decoded(record) for record in records]
        events = [event for event in decoded if isinstance(event, Event)]
        self.limit.note(good=len(events), refused=len(decoded) - len(events))

        applied = iter(await isolate(events, self.apply, lambda: self.limit.note(refused=1)))
        results = [next(applied) if isinstance(event, Event) else event for event in decoded]

        letters = [
            DeadLetter(record, DECODE if isinstance(result, Malformed) else APPLY, result)
            for record, result in zip(records, results, strict=True)
            if isinstance(result, Exception)
        ]
        await self.persist("dead_letter", lambda: self.dead_letters.publish(letters))
        self._uncommitted |= {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
        _report(records, decoded, results, time.monotonic() - started)

    async def apply(self, events: Sequence[Event]) -> Sequence[Outcome]:
        """Apply events in one transaction, for as long as it takes. Raises what is no matter of time."""

        async def once() -> Sequence[Outcome]:
            async with self.pool.acquire() as connection:
                with metrics.db_transaction_duration.labels("apply").time():
                    return await apply(connection, events)

        return await self.persist("apply", once)

    async def persist(self, stage: str, operation: Callable[[], Awaitable[T]]) -> T:
        """Repeat an operation until it succeeds or fails for good; polling, and paused, in between.

        Raises Stopped when asked to stop meanwhile, and whatever is not transient.
        """

        async def once() -> T:
            # tenacity awaits only what it sees to be a coroutine function: a lambda's coroutine would be dropped.
            return await operation()

        def note(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            self.waiting_for = f"{stage}: {type(error).__name__}"
            metrics.retries.labels(stage, type(error).__name__).inc()
            log.warning("will retry", stage=stage, error=type(error).__name__, attempt=state.attempt_number)

        attempts = AsyncRetrying(
            retry=retry_if_exception(_is_transient),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_WAIT_SECONDS),
            sleep=self.keep_polling,
            before_sleep=note,
            reraise=True,
        )
        result: T = await attempts(once)
        if self.waiting_for:
            self.waiting_for = None
            self.consumer.resume(*self.consumer.paused())
        return result

    async def keep_polling(self, seconds: float) -> None:
        """Wait, and stay in the consumer group: a member that does not poll is thrown out. Raises Stopped."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.consumer.pause(*self.consumer.assignment())
            # Partitions that were assigned between pause and poll: their records are for later.
            for record in reversed(await self.poll(min(left, POLL_SECONDS))):
                self.consumer.seek(TopicPartition(record.topic, record.partition), record.offset)
            if self.stop.is_set():
                raise Stopped

    async def commit(self) -> None:
        """Commit what is done. A failure costs nothing: the records come again and the ledger absorbs them."""
        mine = self.consumer.assignment()
        offsets = {partition: offset for partition, offset in self._uncommitted.items() if partition in mine}
        self._uncommitted = offsets
        if not offsets:
            return
        try:
            # aiokafka's commit waits for ever while the broker is away.
            await asyncio.wait_for(self.consumer.commit(offsets), COMMIT_TIMEOUT_SECONDS)
            self._uncommitted = {}
        except (CommitFailedError, IllegalStateError) as error:
            # The partitions moved: what their next owner does not find in the group's offsets it finds in the ledger.
            self._uncommitted = {}
            log.info("offsets not committed", error=type(error).__name__)
        except (KafkaError, TimeoutError) as error:
            metrics.retries.labels("commit", type(error).__name__).inc()
            log.warning("will retry", stage="commit", error=type(error).__name__)


def _decoded(record: Record) -> Event | Malformed:
    try:
        return decode(record)
    except Malformed as error:
        return error


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, Unavailable) or database_verdict(error) is Verdict.TRANSIENT


def _report(
    records: Sequence[Record],
    decoded: Sequence[Event | Malformed],
    results: Sequence[Outcome | Exception],
    seconds: float,
) -> None:
    """Count a batch, and log it as one wide event."""
    now = time.time()
    metrics.batch_size.observe(len(records))
    outcomes: Counter[str] = Counter()
    for record, event, result in zip(records, decoded, results, strict=True):
        outcome = "dead_lettered" if isinstance(result, Exception) else result.value
        outcomes[outcome] += 1
        metrics.messages_consumed.labels(record.topic).inc()
        metrics.messages_processed.labels(record.topic, outcome).inc()
        metrics.message_process_duration.labels(record.topic).observe(seconds)
        if isinstance(event, Event):
            metrics.event_age.labels(record.topic).observe(max(0.0, now - event.received_at.timestamp()))
            if result is Outcome.APPLIED:
                metrics.projection_last_applied.labels(event.entity.family.name).set(now)
    log.info("batch applied", records=len(records), seconds=round(seconds, 4), **outcomes)


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts what the group gives to and takes from this worker. aiokafka swallows exceptions in here."""

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        metrics.consumer_rebalances.inc()
        for family in FAMILIES:
            count = sum(partition.topic.endswith(f".{family.topic}") for partition in assigned)
            metrics.consumer_assigned_partitions.labels(family.topic).set(count)
        log.info("partitions assigned", count=len(assigned))

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing to do: what was applied is committed, and what was not the next owner applies."""


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Work until ``stop`` is set. Raises Fatal, or whatever the worker does not understand."""
    publisher = Publisher(settings)
    async with pool(settings) as connections:
        await publish_settings(connections, settings)
        consumer = AIOKafkaConsumer(**consumer_options(settings))
        worker = Worker(settings, consumer, connections, DeadLetters(settings, publisher), stop)
        admin = admin_app(live=list, ready=worker.reasons_to_wait)
        async with serving(admin, settings.admin_host, settings.admin_port):
            await publisher.start()
            try:
                await worker.join([settings.topic(family.topic) for family in FAMILIES])
                await worker.run()
            finally:
                await leave(consumer)
                await publisher.stop()
    log.info("worker stopped")


async def leave(consumer: AIOKafkaConsumer) -> None:
    """Leave the group and disconnect, within a bound: aiokafka's stop may wait for ever."""
    try:
        await asyncio.wait_for(consumer.stop(), LEAVE_TIMEOUT_SECONDS)
    except (KafkaError, OSError, TimeoutError) as error:
        log.warning("left the group without saying so", error=type(error).__name__)
