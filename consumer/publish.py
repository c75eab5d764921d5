"""Publish: hand a record to Kafka and know when it is durable, or give up waiting in time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from consumer import metrics
from consumer.errors import Unavailable
from consumer.kafka import producer_options
from consumer.settings import Settings

log = structlog.get_logger()

Headers = Sequence[tuple[str, bytes]]

# How often the way to the broker is tried, and how long it may take; readiness follows it.
PROBE_SECONDS = 1.0
PROBE_TIMEOUT_SECONDS = 3.0
# How long a stop waits for records on their way, and then for the connection; aiokafka's own stop has no bound.
# With SHUTDOWN_GRACE_SECONDS it stays below the 30 s after which Kubernetes kills.
FLUSH_SECONDS = 5.0
CLOSE_SECONDS = 2.0


class Publisher:
    """A producer that bears a broker that is away, at the start and later."""

    def __init__(self, settings: Settings) -> None:
        self._options = producer_options(settings)
        self._producer: AIOKafkaProducer | None = None
        self._sending: set[asyncio.Task[object]] = set()
        self._keeper: asyncio.Task[None] | None = None
        self.connected = False

    @classmethod
    @asynccontextmanager
    async def connected_to(cls, settings: Settings) -> "AsyncIterator[Publisher]":
        """Connect now, for a command that has nothing to do without Kafka. Raises Unavailable."""
        publisher = cls(settings)
        try:
            publisher._producer = await _connect(publisher._options)
            publisher.connected = True
            yield publisher
        except KafkaError as error:
            raise Unavailable(f"Kafka cannot be reached: {type(error).__name__}") from error
        finally:
            await publisher.stop()

    async def start(self) -> None:
        """Connect in the background: a broker that is away delays nothing but readiness."""
        self._keeper = asyncio.create_task(self._keep_connected(), name="publisher")

    async def stop(self) -> None:
        """Wait for what is on its way, within a bound, then disconnect."""
        if self._keeper:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        if self._sending:
            await asyncio.wait(self._sending, timeout=FLUSH_SECONDS)
        self.connected = False
        if self._producer:
            await _close(self._producer)

    def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers) -> asyncio.Task[object]:
        """Send a record; the task ends when all in-sync replicas have it. Raises Unavailable."""
        if self._producer is None or not self.connected:
            raise Unavailable("Kafka cannot be reached")
        sending = asyncio.create_task(
            self._producer.send_and_wait(topic, value, key=key, headers=list(headers)), name=topic
        )
        self._sending.add(sending)
        sending.add_done_callback(self._sent)
        return sending

    def _sent(self, sending: asyncio.Task[object]) -> None:
        self._sending.discard(sending)
        if not sending.cancelled() and sending.exception() is None:
            metrics.messages_sent.labels(sending.get_name()).inc()

    async def _keep_connected(self) -> None:
        while True:
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                    if self._producer is None:
                        self._producer = await _connect(self._options)
                    connected = await self._producer.client.force_metadata_update()
            except (KafkaError, OSError, TimeoutError):
                connected = False
            if connected != self.connected:
                log.info("kafka connected") if connected else log.warning("kafka cannot be reached")
            self.connected = connected
            await asyncio.sleep(PROBE_SECONDS)


async def acknowledged(sending: asyncio.Task[object], deadline: float) -> None:
    """Wait until a record is durable, for ``deadline`` seconds at most.

    Raises Unavailable. The record is not taken back, which is impossible in the middle of a batch, and may still be
    delivered later: whoever reads the topic must bear it twice.
    """
    done, _ = await asyncio.wait({sending}, timeout=deadline)
    if not done:
        raise Unavailable("Kafka did not acknowledge within the deadline")
    if error := sending.exception():
        raise Unavailable(f"Kafka did not take the record: {type(error).__name__}") from error


async def _connect(options: dict[str, object]) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(**options)
    try:
        await producer.start()
    except BaseException:
        await _close(producer)
        raise
    return producer


async def _close(producer: AIOKafkaProducer) -> None:
    """Close within a bound, the client in any case: aiokafka's stop may wait for ever or skip it."""
    try:
        await asyncio.wait_for(producer.stop(), CLOSE_SECONDS)
    except (KafkaError, OSError, TimeoutError, asyncio.CancelledError):
        await producer.client.close()
