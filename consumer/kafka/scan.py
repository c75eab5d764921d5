"""Scan: read topics from their beginning, or from where an earlier scan stopped, to where they end now."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.common.settings import Settings
from consumer.kafka.options import reader_options
from consumer.kafka.record import Record
from consumer.kafka.taking import AT_ONCE, Room, take
from consumer.kafka.topics import partitions_of

# How long a broker that has nothing may wait, at the end of a partition; and until we look whether it answered.
FETCH_MAX_WAIT_MS = 50
POLL_SECONDS = 0.05
MOST = Room(records=5000, bytes=16 * 1024 * 1024)
# For whoever wants the first record of each partition, and nothing of what comes behind it.
# Not every broker bounds a partition: an answer may have a record of one partition only.
FEW = Room(records=AT_ONCE, bytes=64 * 1024)
_FETCH_FEW = {"max_partition_fetch_bytes": FEW.bytes, "fetch_max_bytes": FEW.bytes}

Positions = Mapping[TopicPartition, int]


class Scan:
    """One pass over some partitions, apart from any consumer group. A scan is read once."""

    def __init__(self, consumer: AIOKafkaConsumer, positions: dict[TopicPartition, int]) -> None:
        self._consumer = consumer
        # Where the next pass goes on.
        self.positions = positions
        # Records read, and records on the way as far as it is known.
        self.done = 0
        self.total = 0

    async def read(self) -> AsyncIterator[list[Record]]:
        """Give batches until every partition is read to the end that it had at this scan's first fetch."""
        ends: dict[TopicPartition, int] = {}
        while any(position < ends.get(partition, position + 1) for partition, position in self.positions.items()):
            records: list[Record] = []
            await take(self._consumer, POLL_SECONDS, MOST, records.extend)
            for partition, position in self.positions.items():
                # Of what brokers say of ends only the highwater of a fetch is right everywhere. The consumer is new,
                # so the fetch began after the scan did.
                highwater = self._consumer.highwater(partition)
                if partition not in ends and highwater is not None:
                    ends[partition] = highwater
                    self.total += highwater - position
                self.positions[partition] = await self._consumer.position(partition)
            if records:
                self.done += len(records)
                yield records

    async def first_records(self) -> dict[TopicPartition, Record]:
        """Give the next record of each partition that has one."""
        found: dict[TopicPartition, Record] = {}
        left = set(self.positions)
        while left:
            records: list[Record] = []
            await take(self._consumer, POLL_SECONDS, FEW, records.extend)
            for record in records:
                found.setdefault(TopicPartition(record.topic, record.partition), record)
            self._consumer.pause(*left & found.keys())
            left = {partition for partition in left - found.keys() if not await self._is_read(partition)}
        return found

    async def _is_read(self, partition: TopicPartition) -> bool:
        highwater = self._consumer.highwater(partition)
        return highwater is not None and await self._consumer.position(partition) >= highwater


@asynccontextmanager
async def scanning(
    settings: Settings,
    topics: Sequence[str],
    start: Positions | None = None,
    *,
    committed: bool = False,
    only_first: bool = False,
) -> AsyncIterator[Scan]:
    """Open a scan of topics; partitions that ``start`` does not name are read from their beginning.

    ``committed``: where the broker has transactions, only what was committed. ``only_first``: for ``first_records``,
    whatever stands behind them. Raises Fatal when a topic does not exist.
    """
    isolation = "read_committed" if committed and settings.kafka_enable_idempotence else "read_uncommitted"
    # At the end of a partition the scan waits for an answer without records: let it come soon. It wakes nobody.
    options = reader_options(settings) | (_FETCH_FEW if only_first else {})
    consumer = AIOKafkaConsumer(**options, fetch_max_wait_ms=FETCH_MAX_WAIT_MS, isolation_level=isolation)
    try:
        await consumer.start()
        partitions = await partitions_of(settings, topics)
        first = await consumer.beginning_offsets(partitions)
        consumer.assign(partitions)
        positions = {partition: (start or {}).get(partition, first[partition]) for partition in partitions}
        for partition, position in positions.items():
            consumer.seek(partition, position)
        yield Scan(consumer, positions)
    finally:
        await consumer.stop()
