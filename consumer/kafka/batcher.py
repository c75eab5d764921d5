"""Batcher: sends records to one partition, one batch at a time.

Whatever comes while a batch is on its way is the next one, so batches grow with the load and nothing waits for more to
come. A record costs one future; tasks, and the wake-ups of aiokafka's sender, are a batch's.

A topic may hold less than a batch (``max.message.bytes``): a batch that the broker refuses for its size is halved until
the record that is too large stands alone.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder

from consumer.common.errors import TooLarge, Unavailable

Headers = Sequence[tuple[str, bytes]]

# Larger than the topic's max.message.bytes, or than its segment.bytes.
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class Sending:
    """A record on its way: ``outcome`` becomes None when it is durable, else why it is not."""

    __slots__ = ("_settled", "headers", "key", "outcome", "since", "value")

    def __init__(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        outcome: "asyncio.Future[Unavailable | None]",
        settled: Callable[[], object],
    ) -> None:
        self.key, self.value, self.headers = key, value, headers
        self.outcome = outcome
        self.since = time.monotonic()
        self._settled = settled

    def settle(self, refusal: Unavailable | None) -> None:
        """Tell whoever still waits, and let go of what the record holds."""
        self.conclude(refusal)
        self._settled()

    def conclude(self, refusal: Unavailable | None) -> None:
        """Tell whoever waits. Who has given up, or was cancelled, is not told."""
        if not self.outcome.done():
            self.outcome.set_result(refusal)


async def acknowledged(sending: Sending, deadline: float) -> None:
    """Wait until a record is durable, for ``deadline`` seconds at most.

    Raises Unavailable, and TooLarge for what the topic never takes. The record is not taken back, which is impossible
    in the middle of a batch, and may still be delivered later: whoever reads the topic must bear it twice.
    """
    overdue = Unavailable("Kafka did not acknowledge within the deadline")
    late = sending.outcome.get_loop().call_later(deadline, sending.conclude, overdue)
    try:
        refusal = await sending.outcome
    finally:
        late.cancel()
    if refusal:
        raise type(refusal)(str(refusal))  # the whole batch has that one: it would gather everybody's traceback


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
        # How large a batch of several records may be for the topic, once it has refused one.
        self._room = sys.maxsize
        self.flushing: asyncio.Task[None] | None = None

    def add(self, sending: Sending) -> None:
        """Send a record with the next batch."""
        self._waiting.append(sending)
        if self.flushing is None or self.flushing.done():
            self.flushing = asyncio.create_task(self._flush(), name=self._topic)

    async def _flush(self) -> None:
        while self._waiting:
            batch, batched = self._producer.create_batch(), list[Sending]()
            while self._waiting and batch.size() < self._room and _append(batch, self._waiting[0]):
                batched.append(self._waiting.popleft())
            await self._deliver(batch, batched)

    async def _deliver(self, batch: BatchBuilder, batched: Sequence[Sending]) -> None:
        """Send a batch and tell of it; where it is too large for the topic, its halves."""
        error = await self._send(batch)
        if not isinstance(error, TOO_LARGE):
            self._arrived(self._topic, batched, error)
            return
        self._take_back(len(batched))
        if len(batched) == 1:
            too_large = f"{self._topic} takes no record of {batch.size()} bytes: its max.message.bytes is lower"
            self._arrived(self._topic, batched, TooLarge(too_large))
            return
        self._room = batch.size() // 2
        middle = len(batched) // 2
        for half in (batched[:middle], batched[middle:]):
            smaller = self._producer.create_batch()
            for sending in half:
                _append(smaller, sending)
            await self._deliver(smaller, half)

    async def _send(self, batch: BatchBuilder) -> Exception | None:
        try:
            # The first wait is for a place in aiokafka's queue, the second for the broker.
            await (await self._producer.send_batch(batch, self._topic, partition=self._partition))
        except Exception as refusal:  # noqa: BLE001 - judged by ``arrived``; it is each record's answer
            return refusal
        return None

    def _take_back(self, count: int) -> None:
        """Give the sequence numbers of a refused batch to the next one, as Kafka's own client does.

        The broker has counted none of its records, and would miss them: an idempotent producer could send nothing more
        to this partition. There is no other batch of ours on the way to it.
        """
        if transactions := self._producer._txn_manager:  # noqa: SLF001 - aiokafka never takes them back
            transactions.increment_sequence_number(TopicPartition(self._topic, self._partition), -count)


def _append(batch: BatchBuilder, sending: Sending) -> bool:
    """Add a record, unless the batch is full; the first one has always room."""
    headers = list(sending.headers)
    return batch.append(timestamp=None, key=sending.key, value=sending.value, headers=headers) is not None
