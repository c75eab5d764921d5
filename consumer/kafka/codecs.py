"""Codecs: what was compressed is unpacked in pieces; each but the last is of PIECE_BYTES at least, and not much more.

cramjam, which aiokafka unpacks with, gives all at once, and 1 MB of zstd may be 32 GB. What is compressed as a single
block has no parts: Snappy without the frame that Java's clients write (at most 21 times its size), and LZ4 of linked
blocks (255 times), which no Kafka client writes.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator

import cramjam
from aiokafka.codec import lz4_decode, snappy_decode
from aiokafka.record.default_records import DefaultRecordBase as Layout
from backports.zstd import ZstdDecompressor

PIECE_BYTES = 1024 * 1024
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_XERIAL = b"\x82SNAPPY\0"
_XERIAL_HEADER_BYTES = 16
_LENGTH_BE, _LENGTH_LE = struct.Struct(">I"), struct.Struct("<I")
# Of an LZ4 frame's flags: whether blocks know nothing of each other, and which fields there are.
_LZ4_INDEPENDENT, _LZ4_BLOCK_CHECKSUM, _LZ4_CONTENT_SIZE, _LZ4_DICTIONARY = 0x20, 0x10, 0x08, 0x01
_LZ4_STORED = 0x80000000  # of a block's length: it was not compressed


def _gzip(packed: bytes) -> Iterator[bytes]:
    gzip = zlib.decompressobj(_GZIP_WINDOW)
    while unpacked := gzip.decompress(packed, PIECE_BYTES):
        yield unpacked
        packed = gzip.unconsumed_tail


def _zstd(packed: bytes) -> Iterator[bytes]:
    zstd = ZstdDecompressor()
    while not zstd.eof and (unpacked := zstd.decompress(packed, PIECE_BYTES)):
        yield unpacked
        packed = b""


def _snappy(packed: bytes) -> Iterator[bytes]:
    if not packed.startswith(_XERIAL):
        yield snappy_decode(packed)
        return
    at = _XERIAL_HEADER_BYTES
    while at < len(packed):
        (length,) = _LENGTH_BE.unpack_from(packed, at)
        at += _LENGTH_BE.size
        yield bytes(cramjam.snappy.decompress_raw(packed[at : at + length]))
        at += length


def _lz4(packed: bytes) -> Iterator[bytes]:
    flags, block = packed[4], bytearray(1 << 8 + 2 * (packed[5] >> 4 & 7))  # 64 kB to 4 MB
    if not flags & _LZ4_INDEPENDENT:
        yield lz4_decode(packed)
        return
    at = 7 + 8 * bool(flags & _LZ4_CONTENT_SIZE) + 4 * bool(flags & _LZ4_DICTIONARY)
    while length := _LENGTH_LE.unpack_from(packed, at)[0]:
        at += _LENGTH_LE.size
        stored, length = length & _LZ4_STORED, length & ~_LZ4_STORED
        written = packed[at : at + length]
        yield written if stored else bytes(block[: cramjam.lz4.decompress_block_into(written, block)])
        at += length + 4 * bool(flags & _LZ4_BLOCK_CHECKSUM)


_UNPACKED: dict[int, Callable[[bytes], Iterator[bytes]]] = {
    Layout.CODEC_GZIP: _gzip,
    Layout.CODEC_SNAPPY: _snappy,
    Layout.CODEC_LZ4: _lz4,
    Layout.CODEC_ZSTD: _zstd,
}


def unpacked(codec: int, packed: bytes) -> Iterator[bytes]:
    """Unpack what was compressed with one of Kafka's codecs, by its number. Raises what the codec's library does."""
    return _gathered(_UNPACKED[codec](packed))


def _gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Make pieces of parts that are smaller."""
    piece = bytearray()
    for part in parts:
        piece += part
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
