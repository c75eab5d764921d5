"""Unpacking: a batch that was compressed is unpacked piece by piece, as its records are taken.

aiokafka unpacks a batch as a whole when its first record is taken. A batch is bounded by what it was compressed to:
1 MB may be 1 GB of records.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.default_records import _DefaultRecordBatchPy as Layout
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint_py

from consumer.kafka.codecs import PIECE_BYTES, unpacked

_MAGIC = 2  # of the only format that Kafka still writes
# Where a batch says how long it is, after these bytes, where its format and where its codec.
_LENGTH, _MAGIC_AT, _CODEC_AT = slice(8, 12), 16, 22
# Of its header's fields (see aiokafka's default_records.py) those that its pieces do not share.
_ATTRIBUTES, _COUNT = 5, 12


def unpack_in_pieces() -> None:
    """Let all consumers of this process unpack batches so."""
    fetcher.MemoryRecords = PiecewiseRecords


class PiecewiseRecords:
    """What a fetch brought of a partition, batch by batch: stands in for aiokafka's MemoryRecords."""

    def __init__(self, fetched: bytes) -> None:
        self._batches = MemoryRecords(fetched)
        self._rest = memoryview(fetched)
        self.has_next = self._batches.has_next
        self.size_in_bytes = self._batches.size_in_bytes

    def next_batch(self) -> Any:
        batch = self._batches.next_batch()
        size = _LENGTH.stop + int.from_bytes(self._rest[_LENGTH], "big")
        packed, self._rest = self._rest[:size], self._rest[size:]
        return CompressedBatch(batch, packed) if _is_compressed(packed) else batch


def _is_compressed(packed: memoryview) -> bool:
    return packed[_MAGIC_AT] == _MAGIC and bool(packed[_CODEC_AT] & Layout.CODEC_MASK)


class CompressedBatch:
    """A batch of aiokafka's, but for its records: of those about PIECE_BYTES are unpacked at a time."""

    def __init__(self, batch: Any, packed: memoryview) -> None:
        self._batch = batch
        self._packed = packed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        """Give its records. Raises CorruptRecordException when there are fewer than it says, or more."""
        header = list(Layout.HEADER_STRUCT.unpack_from(self._packed))
        codec = header[_ATTRIBUTES] & Layout.CODEC_MASK
        header[_ATTRIBUTES] -= codec
        left, records = header[_COUNT], bytearray()
        for piece in unpacked(codec, bytes(self._packed[Layout.HEADER_STRUCT.size :])):
            records += piece
            is_last = len(piece) < PIECE_BYTES
            header[_COUNT], end = (left, len(records)) if is_last else _whole(records, left)
            left -= header[_COUNT]
            yield from DefaultRecordBatch(Layout.HEADER_STRUCT.pack(*header) + records[:end])
            del records[:end]
        if left or records:
            raise CorruptRecordException(f"A batch has {left} records less than it says, and {len(records)} bytes")


def _whole(records: bytearray, most: int) -> tuple[int, int]:
    """Count the records, at most so many, that are here as a whole, and give where they end."""
    count = end = 0
    with suppress(IndexError):  # a length that is not whole itself
        while count < most:
            length, start = decode_varint_py(records, end)
            if start + length > len(records):
                break
            count, end = count + 1, start + length
    return count, end
