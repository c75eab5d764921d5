"""Publish: hand a record to Kafka and know when it is durable, or give up waiting in time.

What aiokafka's producer does otherwise than one expects is met here:

- While Kafka is away a batch hangs, an idempotent producer's for ever: ``acknowledged`` has a deadline.
- A batch that the broker refuses for good leaves a hole in the sequence numbers: from then on an idempotent producer
  fails for that partition, for ever, although its connection is fine. A producer that failed is replaced; for a batch
  that is too large the batcher closes the hole.
- It does not authenticate again (KIP-368): the broker cuts its connections now and then. What was on its way is sent
  again; ``_probe`` looks twice.
- It asks for the cluster's addresses once, at the start: when all have changed, it never comes back. It is replaced.
- ``stop`` waits for records that nobody takes, may leak CancelledError and then skips the connections: it is bounded.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from consumer.common import metrics
from consumer.common.bounds import give_up, within
from consumer.common.diagnosis import Diagnosis, diagnose_kafka
from consumer.common.errors import TooLarge, Unavailable, Verdict, kafka_verdict
from consumer.common.settings import Settings
from consumer.kafka.batcher import Batcher, Headers, Sending
from consumer.kafka.disconnect import disconnect
from consumer.kafka.options import connection_options, producer_options
from consumer.kafka.partitioner import partition_of
from consumer.kafka.topics import missing_topics

log = structlog.get_logger()

# How often the way to the broker is tried, and how long it may take; readiness follows it.
PROBE_SECONDS = 1.0
PROBE_TIMEOUT_SECONDS = 3.0
# In how many looks, one after the other, a topic is missing before a publisher that was ready believes it.
ENOUGH_MISSES = 3
# A record that is on its way for longer makes the process unready, and after REPLACE_SECONDS its producer the past.
OVERDUE_SECONDS = 10.0
REPLACE_SECONDS = 30.0
# How long a stop waits for records on their way, and then for the connection; aiokafka's own stop has no bound.
# With SHUTDOWN_GRACE_SECONDS it stays below the 30 s after which Kubernetes kills.
FLUSH_SECONDS = 5.0


class Publisher:
    """The way to Kafka: it bears a broker that is away, at the start and later."""

    def __init__(self, settings: Settings, topics: Sequence[str] = ()) -> None:
        """Give a way that is there when all of ``topics`` are: by their short names, as in ``schemas.registry``."""
        self._topics = [settings.topic(topic) for topic in topics]
        # Asked for once: the files that they name may be gone when Kafka is.
        self._connection = connection_options(settings)
        self._options = producer_options(settings)
        self._producer: Producer | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._answered_at = time.monotonic()
        self._answered = False
        self._misses = 0
        self.connected = False
        # Why Kafka cannot be reached, as it was when it was lost, or what it lacks.
        self.trouble: Diagnosis | None = None

    @classmethod
    @asynccontextmanager
    async def connected_to(cls, settings: Settings) -> "AsyncIterator[Publisher]":
        """Connect now, for a command that has nothing to do without Kafka. Raises Unavailable."""
        publisher = cls(settings)
        try:
            publisher._producer = await Producer.connect(publisher._options)
            publisher.connected = True
            yield publisher
        except KafkaError as error:
            raise Unavailable(f"Kafka cannot be reached: {type(error).__name__}") from error
        finally:
            await publisher.stop()

    @property
    def ready(self) -> bool:
        """Whether Kafka answers, and takes what it is sent."""
        return self.connected and self._producer is not None and self._producer.oldest_seconds() < OVERDUE_SECONDS

    async def start(self) -> None:
        """Connect in the background: a broker that is away delays nothing but readiness."""
        self._keeper = asyncio.create_task(self._keep_connected(), name="publisher")

    async def stop(self) -> None:
        """Wait for what is on its way, within a bound, then disconnect."""
        if self._keeper:
            await give_up(self._keeper)
        self.connected = False
        if self._producer:
            self._retire(self._producer)
        if self._retired:
            await asyncio.wait(self._retired)

    def send(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        settled: Callable[[], object] = bool,
    ) -> Sending:
        """Send a record, for ``acknowledged`` to wait for; ``settled`` is called when it is held no longer.

        Raises Unavailable, and then does not call it.
        """
        if self._producer is None or not self.connected:
            raise Unavailable("Kafka cannot be reached, or lacks our topics")
        return self._producer.send(topic, key, value, headers, settled)

    async def _keep_connected(self) -> None:
        while True:
            answered = await self._probe()
            if answered:
                self._found(await self._missing_topics())
            else:
                # Asked once, when Kafka is lost: it takes as long as connections may take.
                self.trouble = (None if self._answered else self.trouble) or await diagnose_kafka(self._connection)
                self.connected = False
                log.warning("kafka cannot be reached", cause=str(self.trouble))
            self._answered = answered
            await asyncio.sleep(PROBE_SECONDS)

    def _found(self, missing: Diagnosis | None) -> None:
        """Note which topics are missing, if any. A broker that comes up may for a moment not know what it has."""
        self._misses = self._misses + 1 if missing else 0
        if missing and self.connected and self._misses < ENOUGH_MISSES:
            return
        if missing:
            log.warning("kafka lacks topics", cause=str(missing))
        elif not self.connected:
            log.info("kafka connected")
        self.trouble, self.connected = missing, missing is None

    async def _missing_topics(self) -> Diagnosis | None:
        if not self._topics or self._producer is None:
            return None
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                return await self._producer.missing(self._topics)
        except (KafkaError, OSError, TimeoutError):
            return None  # the next probe finds out

    async def _probe(self) -> bool:
        """See whether Kafka answers, with a producer that is worth it."""
        if self._producer and (reason := self._beyond_repair(self._producer)):
            log.warning("producer replaced", reason=reason)
            self._retire(self._producer)
            self._producer = None
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                if self._producer is None:
                    self._producer = await Producer.connect(self._options)
                # A broker with connections.max.reauth.ms cuts connections that are well, for aiokafka does not
                # authenticate again: only a way that cannot be had anew is none.
                answered = await self._producer.answers() or await self._producer.answers()
        except Exception:  # noqa: BLE001 - whatever it is: if this ended, nothing would ever connect again
            answered = False
        if answered:
            self._answered_at = time.monotonic()
        return answered

    def _beyond_repair(self, producer: "Producer") -> str | None:
        unheard = time.monotonic() - self._answered_at
        reasons = {
            producer.failed or "": producer.failed is not None,
            "no answer": unheard > REPLACE_SECONDS and producer.age_seconds() > REPLACE_SECONDS,
            "records overdue": self.connected and producer.oldest_seconds() > REPLACE_SECONDS,
        }
        return next((reason for reason, applies in reasons.items() if applies), None)

    def _retire(self, producer: "Producer") -> None:
        retiring = asyncio.create_task(producer.close())
        self._retired.add(retiring)
        retiring.add_done_callback(self._retired.discard)


class Producer:
    """One producer of aiokafka, and what it has on its way."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._loop = asyncio.get_running_loop()
        self._started_at = time.monotonic()
        self._batchers: dict[tuple[str, int], Batcher] = {}
        # In the order in which they were sent.
        self._sending: dict[Sending, None] = {}
        self._looking_up: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        # Why it cannot be used any more.
        self.failed: str | None = None

    @classmethod
    async def connect(cls, options: dict[str, object]) -> "Producer":
        producer = cls(AIOKafkaProducer(**options))
        try:
            await producer._producer.start()
        except BaseException:
            await producer.close()
            raise
        return producer

    async def answers(self) -> bool:
        answered: bool = await self._producer.client.force_metadata_update()
        return answered

    async def missing(self, topics: Sequence[str]) -> Diagnosis | None:
        return await missing_topics(self._producer.client, topics)

    def age_seconds(self) -> float:
        return time.monotonic() - self._started_at

    def oldest_seconds(self) -> float:
        """Say for how long the oldest of the records on their way has been so."""
        oldest = next(iter(self._sending), None)
        return time.monotonic() - oldest.since if oldest else 0.0

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, settled: Callable[[], object]
    ) -> Sending:
        # Asking for the running loop costs Python 3.11 a system call, each time.
        sending = Sending(key, value, headers, self._loop.create_future(), settled)
        self._sending[sending] = None
        self._empty.clear()
        if partitions := self._producer.client.cluster.partitions_for_topic(topic):
            self._batcher(topic, partitions, key).add(sending)
        else:
            looking_up = asyncio.create_task(self._send_when_known(topic, sending))
            self._looking_up.add(looking_up)
            looking_up.add_done_callback(self._looking_up.discard)
        return sending

    async def _send_when_known(self, topic: str, sending: Sending) -> None:
        try:
            partitions = await self._producer.partitions_for(topic)
        except Exception as error:  # noqa: BLE001 - judged like what happens to a batch
            self._arrived(topic, [sending], error)
        else:
            self._batcher(topic, partitions, sending.key).add(sending)

    def _batcher(self, topic: str, partitions: Iterable[int], key: bytes | None) -> Batcher:
        """Choose the partition: the records of a key stay together."""
        cluster = self._producer.client.cluster
        available = cluster.available_partitions_for_topic(topic) if key is None else ()
        partition = partition_of(key, sorted(partitions), list(available))
        batcher = self._batchers.get((topic, partition))
        if batcher is None:
            batcher = self._batchers[topic, partition] = Batcher(self._producer, topic, partition, self._arrived)
        return batcher

    def _arrived(self, topic: str, batch: Sequence[Sending], error: Exception | None) -> None:
        refusal: Unavailable | None = None
        if error is None:
            metrics.messages_sent.labels(topic).inc(len(batch))
        elif isinstance(error, TooLarge):
            refusal = error
        else:
            refusal = Unavailable(f"Kafka did not take the record: {type(error).__name__}")
            refusal.__cause__ = error
            if kafka_verdict(error) is Verdict.UNKNOWN:
                self.failed = type(error).__name__
        for sending in batch:
            self._settle(sending, refusal)

    def _settle(self, sending: Sending, refusal: Unavailable | None) -> None:
        del self._sending[sending]
        sending.settle(refusal)
        if not self._sending:
            self._empty.set()

    async def close(self) -> None:
        """Let what is on its way arrive, within a bound, then disconnect and give up what did not."""
        if self._sending:
            await within(FLUSH_SECONDS, self._empty.wait())
        await disconnect(self._producer)
        for task in [*self._looking_up, *(batcher.flushing for batcher in self._batchers.values() if batcher.flushing)]:
            task.cancel()
        for sending in list(self._sending):
            self._settle(sending, Unavailable("Kafka did not acknowledge before the connection was given up"))
