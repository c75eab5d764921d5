"""Transactions: records that arrive all or not at all, from one producer at a time.

Whoever connects with a transactional id fences whoever had it before: of that one the broker takes nothing any more,
however long it was frozen or cut off. What aiokafka does otherwise than one expects:

- A transaction can be committed although a batch of it has failed. Here nothing is committed unless all has arrived.
- A producer that has failed once may be beyond repair (fenced, a hole in its sequence numbers, an id that the broker
  has forgotten). It gets its id once, when it starts, and never by itself again. So whatever fails, the producer is
  given up with its transaction, which the broker ends when the next one connects, or after ``TIMEOUT_SECONDS``.

What was read before a producer connected may be old by then: read it in the transaction that sends it.
"""

import asyncio
from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from aiokafka import AIOKafkaProducer

from consumer.common import metrics
from consumer.common.settings import Settings
from consumer.kafka.batcher import TOO_LARGE, Headers
from consumer.kafka.disconnect import disconnect
from consumer.kafka.options import producer_options
from consumer.kafka.partitioner import partition_of

if TYPE_CHECKING:
    from aiokafka.producer.message_accumulator import BatchBuilder

# How long a transaction may take: to its end, whoever reads what is committed waits for it.
TIMEOUT_SECONDS = 10.0


class Outgoing(NamedTuple):
    """A record to send."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers

    @property
    def size(self) -> int:
        """Give the bytes of its key, value and headers; what frames them is much less."""
        return len(self.key) + len(self.value or b"") + sum(len(name) + len(text) for name, text in self.headers)


class BatchTooLarge(Exception):
    """A batch that its topic does not take: its ``max.message.bytes`` is lower."""

    def __init__(self, topic: str, records: Sequence[Outgoing]) -> None:
        super().__init__(f"{topic} takes no batch so large")
        self.topic = topic
        self.records = records


class Transactions:
    """A producer of transactions; where the broker has none, of records that arrive one by one."""

    def __init__(self, producer: AIOKafkaProducer, partitions: Mapping[str, Sequence[int]], *, fences: bool) -> None:
        self._producer = producer
        self._partitions = {topic: sorted(numbers) for topic, numbers in partitions.items()}
        # Whether others with the same id are fenced, and what was sent is committed as a whole.
        self.fences = fences

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, settings: Settings, transactional_id: str, partitions: Mapping[str, Sequence[int]]
    ) -> AsyncIterator["Transactions"]:
        """Connect, and fence whoever has the id; keys go to these partitions of the topics, and no others.

        Raises KafkaError, OSError and TimeoutError.
        """
        options = producer_options(settings)
        fences = settings.kafka_enable_idempotence
        if fences:
            timeout = int(TIMEOUT_SECONDS * 1000)
            options |= {"transactional_id": transactional_id, "transaction_timeout_ms": timeout}
        producer = AIOKafkaProducer(**options)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await producer.start()
            yield cls(producer, partitions, fences=fences)
        finally:
            await disconnect(producer)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit what is sent in the block, if nothing fails. Raises KafkaError, OSError and TimeoutError."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            if self.fences:
                await self._producer.begin_transaction()
            yield
            if self.fences:
                await self._producer.commit_transaction()

    async def send(self, records: Iterable[Outgoing], one_by_one: Container[str] = ()) -> None:
        """Send records, and wait until all in-sync replicas have them; those of some topics in batches of one.

        Raises KafkaError and BatchTooLarge.
        """
        batches: dict[tuple[str, int], list[_Batch]] = {}
        counts: dict[str, int] = {}
        for record in records:
            numbers = self._partitions[record.topic]
            place = record.topic, partition_of(record.key, numbers, numbers)
            self._append(batches.setdefault(place, []), record, alone=record.topic in one_by_one)
            counts[record.topic] = counts.get(record.topic, 0) + 1
        await asyncio.gather(*(self._deliver(*place, of_partition) for place, of_partition in batches.items()))
        for topic, count in counts.items():
            metrics.messages_sent.labels(topic).inc(count)

    def _append(self, batches: "list[_Batch]", record: Outgoing, *, alone: bool) -> None:
        if alone or not batches or not batches[-1].append(record):
            batches.append(_Batch(self._producer.create_batch(), []))
            batches[-1].append(record)  # the first one has always room

    async def _deliver(self, topic: str, partition: int, batches: "Iterable[_Batch]") -> None:
        """Send the batches of a partition, one after the other: their order is that of the records."""
        for batch in batches:
            try:
                await (await self._producer.send_batch(batch.builder, topic, partition=partition))
            except TOO_LARGE as error:
                raise BatchTooLarge(topic, batch.records) from error


class _Batch(NamedTuple):
    builder: "BatchBuilder"
    records: list[Outgoing]

    def append(self, record: Outgoing) -> bool:
        """Add a record; False where there is no room."""
        _, key, value, headers = record
        if self.builder.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
            return False
        self.records.append(record)
        return True
