"""Merkle trees: the known vectors of RFC 6962's reference implementation, and proofs of every leaf."""

import pytest

from consumer.close.signed.merkle import Tree, leaf_hash, path_of, root_from, root_of

# The inputs and roots of certificate-transparency's own tests (merkletree/merkle_tree_test.cc).
LEAVES = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes(range(0x60, 0x70)))
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


def test_no_leaf_has_the_root_of_nothing() -> None:
    assert root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_the_reference(size: int) -> None:
    assert root_of(HASHES[:size]).hex() == ROOTS[size - 1]


def test_a_tree_gives_its_root_at_any_size() -> None:
    tree = Tree()
    for size, leaf in enumerate(HASHES, 1):
        tree.add(leaf)
        assert (tree.size, tree.root().hex()) == (size, ROOTS[size - 1])


def test_an_audit_path_is_that_of_the_reference() -> None:
    path = [node.hex() for node in path_of(HASHES, 5)]

    assert path == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64, 100])
def test_every_leaf_is_proven_and_no_other_in_its_place(size: int) -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    root = root_of(leaves)
    for index, leaf in enumerate(leaves):
        path = path_of(leaves, index)
        assert root_from(leaf, index, size, path) == root
        assert root_from(leaf_hash(b"another"), index, size, path) != root
        assert root_from(leaf, index + 1, size, path) != root
        assert root_from(leaf, index, size, [*path, root]) is None


@pytest.mark.parametrize("index", [-1, 3, 10])
def test_a_place_outside_of_the_tree_proves_nothing(index: int) -> None:
    assert root_from(HASHES[0], index, 3, [HASHES[1], HASHES[2]]) is None
