"""Taking: what a consumer has fetched is taken in slices, within bounds of records and of bytes.

Kafka's fetch limits, and aiokafka's, count bytes as they were compressed, and 2,000 bodies of 250 kB may be compressed
to next to nothing. How large a record is shows only when it is unpacked, which is done as records are taken: about 1 MB
at a time (unpacking.py).
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer

from consumer.kafka.record import Record

# Records that are unpacked before their size is looked at: by so many may a batch be larger than its bound.
AT_ONCE = 32


class Room(NamedTuple):
    """What may still be taken."""

    records: int
    bytes: int

    @property
    def is_left(self) -> bool:
        return self.records > 0 and self.bytes > 0

    def less(self, taken: Iterable[Record]) -> "Room":
        """Give what is left beside the records."""
        sizes = [len(record.key or b"") + len(record.value or b"") for record in taken]
        return Room(self.records - len(sizes), self.bytes - sum(sizes))


async def take(consumer: AIOKafkaConsumer, seconds: float, room: Room, taken: Callable[[list[Record]], object]) -> None:
    """Take what has been fetched, or what is within ``seconds``; ``taken`` is given it slice by slice.

    It stops at the bounds, or when all is taken. Who cancels it has what was taken so far.
    """
    while room.is_left:
        most = min(AT_ONCE, room.records)
        fetched = await consumer.getmany(timeout_ms=int(seconds * 1000), max_records=most)
        records = [record for of_partition in fetched.values() for record in of_partition]
        if records:
            taken(records)
        if len(records) < most:
            return
        room, seconds = room.less(records), 0
