"""A compressed batch is unpacked piece by piece, whatever the codec, and gives what aiokafka would give."""

import itertools
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Any

import cramjam
import pytest
from aiokafka import TopicPartition
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from consumer.kafka.codecs import PIECE_BYTES, unpacked
from consumer.kafka.unpacking import PiecewiseRecords

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
GZIP = CODECS["gzip"]
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


@pytest.mark.parametrize("codec", [0, *CODECS.values()], ids=["none", *CODECS])
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


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_hundred_megabytes_take_little_memory(codec: int) -> None:
    fetched = batch([b"x" * 250_000] * 400, codec)
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


@pytest.mark.parametrize("values", [LARGE, SMALL * 34], ids=["large", "small"])
@pytest.mark.parametrize("off", [-1, 1])
@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_batch_of_more_or_fewer_records_than_it_says_is_corrupt(codec: int, off: int, values: list[bytes]) -> None:
    fetched = bytearray(batch(values, codec))
    said = len(values) + off
    fetched[57:61] = said.to_bytes(4, "big")
    fetched[17:21] = calc_crc32c(fetched[21:]).to_bytes(4, "big")

    with pytest.raises(CorruptRecordException):
        list(read(PiecewiseRecords(bytes(fetched))))


def _lz4(content: bytes, *, linked: bool) -> bytes:
    compressor = cramjam.lz4.Compressor(content_checksum=True, block_linked=linked)
    compressor.compress(content)
    return bytes(compressor.finish())


WRITERS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "gzip": (CODECS["gzip"], gzip_encode),
    "snappy of Java": (CODECS["snappy"], snappy_encode),
    "snappy of librdkafka": (CODECS["snappy"], partial(snappy_encode, xerial_compatible=False)),
    "lz4": (CODECS["lz4"], lz4_encode),
    "lz4 with a checksum": (CODECS["lz4"], partial(_lz4, linked=False)),
    "lz4 of linked blocks": (CODECS["lz4"], partial(_lz4, linked=True)),
    "zstd": (CODECS["zstd"], zstd_encode),
}
CONTENTS = (b"", b"x", b"x" * PIECE_BYTES, b"x" * (5 * PIECE_BYTES + 1), Random(1).randbytes(3 * PIECE_BYTES))


@pytest.mark.parametrize("content", CONTENTS, ids=["nothing", "a byte", "a piece", "nearly nothing", "random"])
@pytest.mark.parametrize(("codec", "compress"), WRITERS.values(), ids=WRITERS)
def test_pieces_make_the_whole_and_are_no_larger_than_they_need_be(
    codec: int, compress: Callable[[bytes], bytes], content: bytes
) -> None:
    pieces = list(unpacked(codec, bytes(compress(content))))

    assert b"".join(pieces) == content
    assert all(PIECE_BYTES <= len(piece) < 2 * PIECE_BYTES for piece in pieces[:-1])
