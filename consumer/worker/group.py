"""Group: this worker's place in the consumer group, and what of the topics it has done.

What aiokafka does otherwise than one expects is met here, and only here:

- ``getmany`` ignores its timeout during a rebalance: it runs in a task of its own, under our own timer.
- What was fetched waits to be taken, and until then it asks the broker for nothing else: ``fetch`` polls twice.
- A member that does not call it for five minutes is thrown out: ``stay`` polls paused partitions.
- A pause belongs to one assignment: ``stay`` pauses again before each poll, and keeps what a new assignment sent.
- A rebalance sets every position back to the committed offset: what was fetched before it comes again, so a batch
  from before is not committed (it could set back the next owner's offset) and need not be finished.
- ``commit`` without arguments commits what was fetched: ours names the offsets of what is done.
- ``commit`` and ``stop`` hang while the broker is away: both have a bound.
- Exceptions in the listener are swallowed, and a lock shared with it deadlocks: it only counts.
- A coordinator that answers a heartbeat or a sync with what aiokafka does not expect (one that is still loading, after
  a restart of the broker) ends the consumer's membership for good: another consumer takes its place.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from consumer.common import metrics
from consumer.common.bounds import give_up, pause, within
from consumer.common.errors import Verdict, kafka_verdict
from consumer.kafka.record import Record
from consumer.kafka.taking import Room, take

log = structlog.get_logger()

JOIN_TIMEOUT_SECONDS = 30.0
JOIN_AGAIN_SECONDS = 1.0
COMMIT_TIMEOUT_SECONDS = 5.0
LEAVE_TIMEOUT_SECONDS = 5.0
# A batch of at least one in so many of the most records shows a backlog.
BACKLOG_SHARE = 4
# How long a batch waits for the answer to what aiokafka asks the broker once it is free to.
REST_SECONDS = 0.005
# What aiokafka unpacks in a few milliseconds: so long do transactions wait that go on meanwhile.
POLLED_AT_ONCE = 200
# What a poll may take beyond its own timeout: then there is a rebalance, which has no bound.
POLL_GRACE_SECONDS = 0.5
# Consumers that may end one after the other without ever having had partitions: then it is no passing trouble.
MAX_REPLACEMENTS = 5


class Stopped(Exception):
    """The worker was asked to stop while it waited: the batch is abandoned, and will be fetched again."""


class Moved(Exception):
    """The partitions moved while the worker waited: whoever has them now fetches the batch again."""


class Batch(NamedTuple):
    """Records, and the number of revocations before they were fetched."""

    revocations: int
    records: list[Record]

    def and_then(self, later: "Batch") -> "Batch":
        """Put what was taken later behind these records, unless these are of an earlier assignment."""
        if not later.records:
            return self
        before = self.records if self.revocations == later.revocations else []
        return Batch(later.revocations, before + later.records)


class Group:
    """One member of the consumer group."""

    def __init__(
        self,
        connect: Callable[[], AIOKafkaConsumer],
        *,
        topics: Sequence[str],
        stop: asyncio.Event,
        most: Room,
        beat: Callable[[], None],
    ) -> None:
        self.consumer = connect()
        self.joined = False
        self.revocations = 0
        self.settled = False
        # The next offset to be done, of the partitions of which something was fetched.
        self.progress: dict[TopicPartition, int] = {}
        self._connect = connect
        self._topics = topics
        self._replacements = 0
        self._stop = stop
        self._most = most
        self._beat = beat
        self._held = Batch(0, [])
        self._early = Batch(0, [])
        self._taken = Batch(0, [])
        self._uncommitted: dict[TopicPartition, int] = {}
        self._deferred: dict[TopicPartition, set[int]] = {}
        self._set_back: set[TopicPartition] = set()
        self._committing: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Join, for as long as it takes."""
        while not self._stop.is_set():
            self._beat()
            try:
                async with asyncio.timeout(JOIN_TIMEOUT_SECONDS):
                    await self.consumer.start()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("will retry", stage="join", error=type(error).__name__)
                await pause(JOIN_AGAIN_SECONDS, self._stop)
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

    async def fetch(self, seconds: float) -> list[Record]:
        """Fetch the next batch; nothing when there is none within ``seconds``, or when asked to stop."""
        if self._early.revocations != self.revocations or not self._early.records:
            self._early = await self._poll(0)
            if not self._shows_backlog(self._early):
                # What was there at once is what came first after the last fetch: the rest waits at the broker, and
                # would miss this batch.
                rest = await self._poll(REST_SECONDS if self._early.records else seconds, self._room)
                self._early = self._early.and_then(rest)
        self._held, self._early = self._early, Batch(self.revocations, [])
        self._begin(self._held.records)
        return self._held.records

    @property
    def behind(self) -> bool:
        """Whether the batch in hand shows a backlog."""
        return self._shows_backlog(self._held)

    async def read_ahead(self) -> list[Record]:
        """Take what has come already for the next fetch, while the batch in hand is on its way to the database.

        Only where there is a backlog: else what comes until the next fetch is one batch, and waits less.
        """
        while self.behind and (room := self._room).is_left:
            polled = await self._poll(0, room._replace(records=min(room.records, POLLED_AT_ONCE)))
            if not polled.records:
                break
            self._early = self._early.and_then(polled)
        return self._early.records

    @property
    def _room(self) -> Room:
        """What of the next batch is free."""
        return self._most.less(self._early.records)

    def _shows_backlog(self, batch: Batch) -> bool:
        left = self._most.less(batch.records)
        return min(left.records / self._most.records, left.bytes / self._most.bytes) <= 1 - 1 / BACKLOG_SHARE

    async def stay(self, seconds: float) -> None:
        """Remain a member while the batch in hand waits. Raises Stopped, and Moved when it is ours no more."""
        self.consumer.pause(*self.consumer.assignment())
        # There are some if an assignment came between pause and poll.
        self._early = self._early.and_then(await self._poll(seconds))
        if self._stop.is_set():
            raise Stopped
        if self._held.revocations != self.revocations:
            raise Moved

    def go_on(self) -> None:
        """Take records again."""
        self.consumer.resume(*self.consumer.paused())

    async def _poll(self, seconds: float, room: Room | None = None) -> Batch:
        self._beat()
        metrics.consumer_last_poll.set(time.time())
        self._taken = Batch(self.revocations, [])
        fetching = asyncio.create_task(take(self.consumer, seconds, room or self._most, self._note_taken))
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait(
            {fetching, stopping}, timeout=seconds + POLL_GRACE_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        stopping.cancel()
        if not fetching.done():
            await give_up(fetching)
        if fetching.done() and not fetching.cancelled():
            try:
                fetching.result()
            except KafkaError as error:
                # The base class itself is how aiokafka says "unexpected". All else (no right to read) ends the worker.
                if type(error) is not KafkaError or self._replacements >= MAX_REPLACEMENTS:
                    raise
                await self._replace(error)
        # What is cancelled has told what it took before.
        return self._taken

    def _note_taken(self, records: list[Record]) -> None:
        self._taken = self._taken.and_then(Batch(self.revocations, records))

    def _begin(self, records: Sequence[Record]) -> None:
        following = dict(self.progress)
        for record in records:
            partition = _partition(record)
            expected = following.get(partition, record.offset)
            if record.offset != expected:
                # A reset to the earliest offset. Missing: retention took them before we did. Again: a broker that lost
                # its log, or another topic of the same name.
                kind = "missing" if record.offset > expected else "again"
                metrics.consumer_log_breaks.labels(record.topic, kind).inc()
                where = {"topic": record.topic, "partition": record.partition}
                what = "records are missing" if kind == "missing" else "records come again"
                log.error(what, **where, expected=expected, found=record.offset)
            following[partition] = record.offset + 1
            self.progress.setdefault(partition, record.offset)

    def done(self, records: Sequence[Record], deferred: Sequence[Record] = ()) -> None:
        """Note what is in the database or in the dead-letter topic, but for those deferred; committing is next."""
        if self._held.revocations == self.revocations:
            for record in deferred:
                self._deferred.setdefault(_partition(record), set()).add(record.offset)
            offsets = {_partition(record): record.offset + 1 for record in records}
            self.progress |= offsets
            self._uncommitted |= {partition: self._settled(partition) for partition in offsets}

    def settle(self, deferred: Sequence[Record]) -> None:
        """Note what was deferred and is done now, unless its partition has been revoked."""
        for record in deferred:
            partition = _partition(record)
            if partition in self._deferred:
                self._deferred[partition].discard(record.offset)
                self._uncommitted[partition] = self._settled(partition)

    def deferred(self, partition: TopicPartition) -> int:
        """Say how far the settled offset of a partition is behind its progress."""
        return self.progress[partition] - self._settled(partition) if partition in self.progress else 0

    def _settled(self, partition: TopicPartition) -> int:
        """Give the offset up to which all is done: what was deferred comes again to whoever has the partition next."""
        return min(self._deferred.get(partition) or {self.progress[partition]})

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
        offsets = {at: offset for at, offset in self._uncommitted.items() if at not in self._set_back}
        if not offsets:
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
        self._uncommitted = {
            partition: offset for partition, offset in self._uncommitted.items() if offset != offsets.get(partition)
        }

    async def set_back(self, topic: str) -> bool:
        """Commit the beginnings of the partitions of a topic that are ours, and nothing else of it any more."""
        partitions = [partition for partition in self.consumer.assignment() if partition.topic == topic]
        self._set_back.update(partitions)

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
        self.progress.clear()
        self._uncommitted.clear()
        self._deferred.clear()

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


def _partition(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


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
