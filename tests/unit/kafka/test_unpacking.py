"""A large compressed batch is unpacked piece by piece, and gives what aiokafka would give."""

import itertools
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from consumer.kafka.unpacking import PIECE_BYTES, PiecewiseRecords

GZIP = 1
FIRST = 1000
MiB = 1024 * 1024


def batch(values: Sequence[bytes], codec: int = GZIP, first: int = FIRST) -> bytes:
    """Write a batch as a producer does, and give it its place as a broker does."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 2**31 - 1)
    for number, value in enumerate(values):
        assert builder.append(number, 1_780_315_200_000 + number, b"key", value, [("event", b"created")])
    return first.to_bytes(8, "big") + bytes(builder.build())[8:]


def read(records: object, start: int = FIRST) -> Iterator[Any]:
    """Read what a fetch brought as aiokafka does."""
    partition = TopicPartition("giftcert.certificates", 0)
    checked = True
    return iter(PartitionRecords(partition, records, [], start, None, None, checked, READ_UNCOMMITTED))


SMALL = [b"x" * size for size in (0, 10, 100)]
LARGE = [b"%d" % number * 50_000 for number in range(100)]
HUGE = [b"a", b"x" * (3 * PIECE_BYTES), b"c"]


@pytest.mark.parametrize("codec", [0, GZIP])
@pytest.mark.parametrize("values", [SMALL, LARGE, HUGE, LARGE + HUGE + SMALL])
def test_what_is_read_is_what_aiokafka_reads(values: list[bytes], codec: int) -> None:
    fetched = batch(values, codec) + batch(LARGE, codec, FIRST + len(values)) + batch(SMALL, codec, FIRST + 500)

    assert list(read(PiecewiseRecords(fetched))) == list(read(MemoryRecords(fetched)))


def test_who_begins_in_the_midst_of_a_large_batch_gets_the_rest_of_it() -> None:
    offsets = [record.offset for record in read(PiecewiseRecords(batch(LARGE)), FIRST + 70)]

    assert offsets == [*range(FIRST + 70, FIRST + 100)]


def test_what_is_taken_bit_by_bit_goes_on_where_it_was() -> None:
    records = read(PiecewiseRecords(batch(LARGE) + batch(LARGE, first=FIRST + 100)))

    offsets = [record.offset for _ in range(20) for record in itertools.islice(records, 10)]

    assert offsets == [*range(FIRST, FIRST + 200)]


def test_the_next_fetch_is_where_the_batch_ends_though_its_last_records_were_compacted_away() -> None:
    fetched = bytearray(batch(LARGE))
    fetched[23:27] = (150).to_bytes(4, "big")
    fetched[17:21] = calc_crc32c(fetched[21:]).to_bytes(4, "big")
    records = PiecewiseRecords(bytes(fetched))

    assert records.next_batch().next_offset == FIRST + 151


def test_a_hundred_megabytes_take_little_memory() -> None:
    fetched = batch([b"x" * 250_000] * 400)
    tracemalloc.start()
    try:
        count = sum(1 for _ in read(PiecewiseRecords(fetched)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 400
    assert peak < 16 * MiB


def test_a_batch_that_was_damaged_is_no_record() -> None:
    fetched = bytearray(batch(LARGE))
    fetched[-100] ^= 1

    with pytest.raises(CorruptRecordException):
        next(read(PiecewiseRecords(bytes(fetched))))


@pytest.mark.parametrize("said", [99, 101])
def test_a_batch_of_more_or_fewer_records_than_it_says_is_corrupt(said: int) -> None:
    fetched = bytearray(batch(LARGE))
    fetched[57:61] = said.to_bytes(4, "big")
    fetched[17:21] = calc_crc32c(fetched[21:]).to_bytes(4, "big")

    with pytest.raises(CorruptRecordException):
        list(read(PiecewiseRecords(bytes(fetched))))
