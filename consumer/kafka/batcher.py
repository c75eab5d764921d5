"""Batcher: sends records to one partition, one batch at a time.

Whatever comes while a batch is on its way is the next one, so batches grow with the load and nothing waits for more to
come. A record costs one future; tasks, and the wake-ups of aiokafka's sender, are a batch's.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from consumer.common.errors import Unavailable

Headers = Sequence[tuple[str, bytes]]


class Sending:
    """A record on its way: ``outcome`` becomes None when it is durable, else what Kafka did instead."""

    __slots__ = ("_settled", "headers", "key", "outcome", "since", "value")

    def __init__(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        outcome: "asyncio.Future[str | None]",
        settled: Callable[[], object],
    ) -> None:
        self.key, self.value, self.headers = key, value, headers
        self.outcome = outcome
        self.since = time.monotonic()
        self._settled = settled

    def settle(self, reason: str | None) -> None:
        """Tell whoever still waits, and let go of what the record holds."""
        self.conclude(reason)
        self._settled()

    def conclude(self, reason: str | None) -> None:
        """Tell whoever waits. Who has given up, or was cancelled, is not told."""
        if not self.outcome.done():
            self.outcome.set_result(reason)


async def acknowledged(sending: Sending, deadline: float) -> None:
    """Wait until a record is durable, for ``deadline`` seconds at most.

    Raises Unavailable. The record is not taken back, which is impossible in the middle of a batch, and may still be
    delivered later: whoever reads the topic must bear it twice.
    """
    late = sending.outcome.get_loop().call_later(deadline, sending.conclude, "did not acknowledge within the deadline")
    try:
        reason = await sending.outcome
    finally:
        late.cancel()
    if reason:
        raise Unavailable(f"Kafka {reason}")


class Batcher:
    """Sends the records of one partition; tells ``arrived`` of each batch and of Kafka's error, if any."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        partition: int,
        arrived: Callable[[str, Sequence[Sending], Exception | None], None],
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._arrived = arrived
        self._waiting: deque[Sending] = deque()
        self.flushing: asyncio.Task[None] | None = None

    def add(self, sending: Sending) -> None:
        """Send a record with the next batch."""
        self._waiting.append(sending)
        if self.flushing is None or self.flushing.done():
            self.flushing = asyncio.create_task(self._flush(), name=self._topic)

    async def _flush(self) -> None:
        while self._waiting:
            batch, batched = self._producer.create_batch(), list[Sending]()
            while self._waiting and _append(batch, self._waiting[0]):
                batched.append(self._waiting.popleft())
            error = None
            try:
                # The first wait is for a place in aiokafka's queue, the second for the broker.
                await (await self._producer.send_batch(batch, self._topic, partition=self._partition))
            except Exception as refusal:  # noqa: BLE001 - judged by ``arrived``; it is each record's answer
                error = refusal
            self._arrived(self._topic, batched, error)


def _append(batch: BatchBuilder, sending: Sending) -> bool:
    """Add a record, unless the batch is full; the first one has always room."""
    headers = list(sending.headers)
    return batch.append(timestamp=None, key=sending.key, value=sending.value, headers=headers) is not None
