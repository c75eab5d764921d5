"""Merkle trees as in RFC 6962, section 2.1: one root for many leaves, and short proofs that a leaf is among them."""

from collections.abc import Iterable, Sequence
from hashlib import sha256


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf; the zero in front of it tells it from a node."""
    return sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that takes leaf after leaf and holds one node a level."""

    def __init__(self) -> None:
        self.size = 0
        # Full subtrees from left to right, each smaller than the one before it: the ones of the size in binary.
        self._full: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        size, node = 1, leaf
        while self._full and self._full[-1][0] == size:
            node = _node(self._full.pop()[1], node)
            size *= 2
        self._full.append((size, node))
        self.size += 1

    def root(self) -> bytes:
        """Give the root over the leaves so far."""
        if not self._full:
            return sha256(b"").digest()
        *others, (_, root) = self._full
        for _, node in reversed(others):
            root = _node(node, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Give the root over hashes of leaves."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def path_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Give the audit path of a leaf, from it to the root: what stands beside it on each level."""
    path: list[bytes] = []
    first, end = 0, len(leaves)
    while end - first > 1:
        split = first + _left(end - first)
        if index < split:
            path.append(root_of(leaves[split:end]))
            end = split
        else:
            path.append(root_of(leaves[first:split]))
            first = split
    return path[::-1]


def root_from(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Give the root that a path leads to from a leaf; None where no tree of this size has such a path."""
    sides: list[bool] = []
    first, end = 0, size
    if not 0 <= index < size:
        return None
    while end - first > 1:
        split = first + _left(end - first)
        is_left = index < split
        sides.append(is_left)
        first, end = (first, split) if is_left else (split, end)
    if len(sides) != len(path):
        return None
    node = leaf
    for is_left, beside in zip(reversed(sides), path, strict=True):
        node = _node(node, beside) if is_left else _node(beside, node)
    return node


def _left(size: int) -> int:
    """Give how many of several leaves stand in the left subtree: the largest power of two below their number."""
    return int(1 << (size - 1).bit_length() - 1)
