"""Progress: how far the partitions of one assignment are done, and what of that may be committed.

Offsets are committed by name, and only of what is done: aiokafka's own commit would name what was fetched.
"""

from collections.abc import Iterable, Mapping, Sequence

import structlog
from aiokafka import TopicPartition

from consumer.common import metrics
from consumer.kafka.record import Record

log = structlog.get_logger()


class Progress:
    """What of an assignment has come, is done, and is committed."""

    def __init__(self) -> None:
        # The next offset to be done, of the partitions of which something has come.
        self.offsets: dict[TopicPartition, int] = {}
        # The next offset to come.
        self._following: dict[TopicPartition, int] = {}
        self._uncommitted: dict[TopicPartition, int] = {}
        self._deferred: dict[TopicPartition, set[int]] = {}
        self._set_back: set[TopicPartition] = set()

    def arrived(self, records: Iterable[Record]) -> None:
        """Note what has come, and say loudly where a partition does not go on where it should."""
        for record in records:
            partition = partition_of(record)
            expected = self._following.get(partition, record.offset)
            if record.offset != expected:
                _say_broken(record, expected)
            self._following[partition] = record.offset + 1
            self.offsets.setdefault(partition, record.offset)

    def done(self, records: Sequence[Record], deferred: Sequence[Record] = ()) -> None:
        """Note what is in the database or in the dead-letter topic, but for those deferred; committing is next."""
        for record in deferred:
            self._deferred.setdefault(partition_of(record), set()).add(record.offset)
        offsets = {partition_of(record): record.offset + 1 for record in records}
        self.offsets |= offsets
        self._uncommitted |= {partition: self._settled(partition) for partition in offsets}

    def settle(self, deferred: Sequence[Record]) -> None:
        """Note what was deferred and is done now, unless its partition has been revoked."""
        for record in deferred:
            partition = partition_of(record)
            if partition in self._deferred:
                self._deferred[partition].discard(record.offset)
                self._uncommitted[partition] = self._settled(partition)

    def deferred(self, partition: TopicPartition) -> int:
        """Say how far the settled offset of a partition is behind its progress."""
        return self.offsets[partition] - self._settled(partition) if partition in self.offsets else 0

    def _settled(self, partition: TopicPartition) -> int:
        """Give the offset up to which all is done: what was deferred comes again to whoever has the partition next."""
        return min(self._deferred.get(partition) or {self.offsets[partition]})

    @property
    def uncommitted(self) -> Mapping[TopicPartition, int]:
        """The offsets that are to be committed."""
        return {at: offset for at, offset in self._uncommitted.items() if at not in self._set_back}

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note what was committed; what was done meanwhile is next."""
        self._uncommitted = {at: offset for at, offset in self._uncommitted.items() if offset != offsets.get(at)}

    def set_back(self, partitions: Iterable[TopicPartition]) -> None:
        """Let nothing more of these partitions be committed."""
        self._set_back.update(partitions)

    def forget(self) -> None:
        """Forget what belonged to the assignment that ends."""
        for of_partitions in (self.offsets, self._following, self._uncommitted, self._deferred):
            of_partitions.clear()


def partition_of(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _say_broken(record: Record, expected: int) -> None:
    """Report a reset to the earliest offset.

    Missing: retention took records before we did. Again: a broker that lost its log, or another topic of the same name.
    """
    kind = "missing" if record.offset > expected else "again"
    metrics.consumer_log_breaks.labels(record.topic, kind).inc()
    what = "records are missing" if kind == "missing" else "records come again"
    log.error(what, topic=record.topic, partition=record.partition, expected=expected, found=record.offset)
