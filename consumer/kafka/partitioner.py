"""Partitioner: to which partition a record goes, as Kafka's own client and aiokafka choose it.

The hash stands here because aiokafka's goes byte by byte, which took a twentieth of a webhook's time, and because no
package that is kept has it in C: MurmurHash3, which several have, is another one.
"""

import random
import struct
from collections.abc import Sequence

_SEED, _M, _32_BITS = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


def partition_of(key: bytes | None, partitions: Sequence[int], available: Sequence[int]) -> int:
    """Choose one of all ``partitions``, sorted, for a key; without a key, any of those that are available."""
    if key is None:
        return random.choice(available or partitions)  # noqa: S311 - anybody may guess it
    return partitions[(murmur2(key) & 0x7FFFFFFF) % len(partitions)]


def murmur2(data: bytes) -> int:
    """Hash as ``Utils.murmur2`` of Kafka's client does; 32 bits, without a sign."""
    words = len(data) // 4
    value = _SEED ^ len(data)
    for word in struct.unpack_from(f"<{words}I", data):
        mixed = word * _M & _32_BITS
        value = value * _M & _32_BITS ^ (mixed ^ mixed >> 24) * _M & _32_BITS
    if rest := data[4 * words :]:
        value = (value ^ int.from_bytes(rest, "little")) * _M & _32_BITS
    value = (value ^ value >> 13) * _M & _32_BITS
    return value ^ value >> 15
