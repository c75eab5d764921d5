"""Group: this worker's place in the consumer group.

What aiokafka does otherwise than one expects is met here, in inbox.py and in progress.py, and only there:

- ``getmany`` ignores its timeout during a rebalance: only a task that does nothing else calls it.
- A member that does not call it for five minutes is thrown out: paused partitions are polled.
- A pause belongs to one assignment: ``poll_paused`` pauses again before each poll.
- A rebalance sets every position back to the committed offset: what was fetched before it comes again, so a batch
  from before is not committed (it could set back the next owner's offset) and need not be finished.
- ``commit`` and ``stop`` hang while the broker is away: both have a bound.
- Exceptions in the listener are swallowed, and a lock shared with it deadlocks: it only counts.
- A coordinator that answers a heartbeat or a sync with what aiokafka does not expect (one that is still loading, after
  a restart of the broker) ends the consumer's membership for good: another consumer takes its place.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from consumer.common import metrics
from consumer.common.bounds import pause, within
from consumer.common.errors import Verdict, kafka_verdict
from consumer.kafka.record import Record
from consumer.worker.progress import Progress

log = structlog.get_logger()

JOIN_TIMEOUT_SECONDS = 30.0
JOIN_AGAIN_SECONDS = 1.0
COMMIT_TIMEOUT_SECONDS = 5.0
LEAVE_TIMEOUT_SECONDS = 5.0
# Consumers that may end one after the other without ever having had partitions: then it is no passing trouble.
MAX_REPLACEMENTS = 5


class Stopped(Exception):
    """The worker was asked to stop while it waited: the batch is abandoned, and will be fetched again."""


class Moved(Exception):
    """The partitions moved while the worker waited: whoever has them now fetches the batch again."""


class Group:
    """One member of the consumer group."""

    def __init__(
        self,
        connect: Callable[[], AIOKafkaConsumer],
        *,
        topics: Sequence[str],
        stop: asyncio.Event,
        beat: Callable[[], None],
    ) -> None:
        self.consumer = connect()
        self.stop = stop
        self.beat = beat
        self.joined = False
        # Whether there is an assignment, and how many ended.
        self.settled = False
        self.revocations = 0
        self.progress = Progress()
        self._connect = connect
        self._topics = topics
        self._replacements = 0
        # The number of revocations before the batch in hand came.
        self._held = 0
        self._committing: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Join, for as long as it takes."""
        while not self.stop.is_set():
            self.beat()
            try:
                async with asyncio.timeout(JOIN_TIMEOUT_SECONDS):
                    await self.consumer.start()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("will retry", stage="join", error=type(error).__name__)
                await pause(JOIN_AGAIN_SECONDS, self.stop)
            else:
                self.consumer.subscribe(self._topics, listener=Listener(self))
                self.joined = True
                return

    async def _replace(self, error: KafkaError) -> None:
        """Join again with another consumer, as after any other loss of the partitions."""
        log.warning("joins again", error=str(error))
        metrics.retries.labels("group", type(error).__name__).inc()
        self._replacements += 1
        self.joined = False
        self.revoked()
        await self.leave()
        self.consumer = self._connect()
        await self.join()

    async def poll(self, seconds: float, most: int) -> list[Record]:
        """Take at most so many records of what has been fetched, or of what is within ``seconds``.

        They belong to the present assignment. Raises KafkaError that no other consumer could do without.
        """
        metrics.consumer_last_poll.set(time.time())
        try:
            fetched = await self.consumer.getmany(timeout_ms=int(seconds * 1000), max_records=most)
        except KafkaError as error:
            # The base class itself is how aiokafka says "unexpected". All else (no right to read) ends the worker.
            if type(error) is not KafkaError or self._replacements >= MAX_REPLACEMENTS:
                raise
            await self._replace(error)
            return []
        return [record for of_partition in fetched.values() for record in of_partition]

    async def poll_paused(self, most: int) -> list[Record]:
        """Remain a member without taking anything but what a new assignment brought meanwhile."""
        self.consumer.pause(*self.consumer.assignment())
        return await self.poll(0, most)

    def resume(self) -> None:
        """Take records again."""
        self.consumer.resume(*self.consumer.paused())

    def hold(self) -> None:
        """Take a batch of the present assignment in hand."""
        self._held = self.revocations

    @property
    def is_ours(self) -> bool:
        """Whether the partitions of the batch in hand have not been revoked since it came."""
        return self._held == self.revocations

    async def stay(self, seconds: float) -> None:
        """Wait with the batch in hand. Raises Stopped, and Moved when it is ours no more."""
        self.beat()
        await pause(seconds, self.stop)
        if self.stop.is_set():
            raise Stopped
        if not self.is_ours:
            raise Moved

    def done(self, records: Sequence[Record], deferred: Sequence[Record] = ()) -> None:
        """Note what is done of the batch in hand, but for those deferred; committing is next."""
        if self.is_ours:
            self.progress.done(records, deferred)

    def commit_beside(self) -> None:
        """Commit what is done beside the next batch, one commit at a time. Raises what no retry can cure."""
        if self._committing is None or self._committing.done():
            if self._committing:
                self._committing.result()
            self._committing = asyncio.create_task(self._commit())

    async def commit(self) -> None:
        """Commit what is done. Raises what no retry can cure."""
        if self._committing:
            await self._committing
        await self._commit()

    async def _commit(self) -> None:
        """Commit what is done. A failure costs nothing: the records come again and the ledger absorbs them."""
        if not (offsets := self.progress.uncommitted):
            return
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
                await self.consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            # The partitions moved: what their next owner does not find in the group's offsets it finds in the ledger.
            log.info("offsets not committed", error=type(error).__name__)
        except (KafkaError, TimeoutError) as error:
            if kafka_verdict(error) is Verdict.UNKNOWN:
                raise
            metrics.retries.labels("commit", type(error).__name__).inc()
            log.warning("will retry", stage="commit", error=type(error).__name__)
            return
        self.progress.committed(offsets)

    async def set_back(self, topic: str) -> bool:
        """Commit the beginnings of the partitions of a topic that are ours, and nothing else of it any more."""
        partitions = [partition for partition in self.consumer.assignment() if partition.topic == topic]
        self.progress.set_back(partitions)

        async def commit_beginnings() -> None:
            if self._committing:
                await self._committing
            await self.consumer.commit(await self.consumer.beginning_offsets(partitions))

        return not partitions or await within(COMMIT_TIMEOUT_SECONDS, commit_beginnings())

    async def leave(self) -> None:
        """Commit what is done, leave the group and disconnect, within bounds."""
        await within(COMMIT_TIMEOUT_SECONDS, self.commit())
        if not await within(LEAVE_TIMEOUT_SECONDS, self.consumer.stop()):
            log.warning("left the group without saying so")
            await within(LEAVE_TIMEOUT_SECONDS, self.consumer._client.close())  # noqa: SLF001 - stop() may not get to it

    def revoked(self) -> None:
        """Forget what belonged to the assignment that ends."""
        self.revocations += 1
        self.settled = False
        self.progress.forget()

    def assigned(self, partitions: set[TopicPartition]) -> None:
        """Show what the new assignment is."""
        self.settled = True
        self._replacements = 0
        metrics.consumer_rebalances.inc()
        metrics.consumer_lag.clear()
        for topic in self._topics:
            count = sum(partition.topic == topic for partition in partitions)
            metrics.consumer_assigned_partitions.labels(topic).set(count)
        for topic in {partition.topic for partition in partitions}:
            for kind in ("missing", "again"):  # there from the start: an increase does not see a series' first value
                metrics.consumer_log_breaks.labels(topic, kind)
        log.info("partitions assigned", count=len(partitions))


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells the group's member what the group gives and takes."""

    def __init__(self, group: Group) -> None:
        self._group = group

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """After the first poll of the new assignment is possible, so nothing here may concern a batch."""
        self._group.assigned(assigned)

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - always all of them
        """Before every new assignment, and after the last poll of the old one."""
        self._group.revoked()
