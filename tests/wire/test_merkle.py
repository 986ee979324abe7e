"""RFC 6962 hashing and proofs, against vectors and against a second, naive implementation."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire import merkle
from mailim.wire.merkle import CompactRange

# Inputs and roots of the reference log of Certificate Transparency (its test vectors).
VECTOR_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
VECTOR_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(hashes: list[bytes]) -> bytes:
    """MTH exactly as RFC 6962 section 2.1 writes it."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha256(b"\x01" + naive_root(hashes[:k]) + naive_root(hashes[k:])).digest()


def some_hashes(count: int) -> list[bytes]:
    return [merkle.leaf_hash(b"%d" % number) for number in range(count)]


class RootTests(SynchronousTestCase):
    def test_vectors(self) -> None:
        range_ = CompactRange()
        self.assertEqual(range_.root(), merkle.EMPTY_ROOT)
        for leaf, root in zip(VECTOR_LEAVES, VECTOR_ROOTS, strict=True):
            range_.append(merkle.leaf_hash(leaf))
            self.assertEqual(range_.root().hex(), root)

    def test_every_size_as_the_definition(self) -> None:
        hashes = some_hashes(130)
        range_ = CompactRange()
        for size in range(131):
            self.assertEqual(range_.root(), naive_root(hashes[:size]), size)
            if size < 130:
                range_.append(hashes[size])

    def test_copy_is_independent(self) -> None:
        first = CompactRange(some_hashes(5))
        second = first.copy()
        second.append(merkle.leaf_hash(b"more"))
        self.assertEqual(first.size, 5)
        self.assertEqual(first.root(), naive_root(some_hashes(5)))
        self.assertNotEqual(first.root(), second.root())


class InclusionTests(SynchronousTestCase):
    def test_every_leaf_of_every_size(self) -> None:
        hashes = some_hashes(40)
        for size in range(1, 41):
            root = naive_root(hashes[:size])
            for index in range(size):
                proof = merkle.inclusion_proof(hashes[:size], index)
                found = merkle.root_of_inclusion(hashes[index], index, size, proof)
                self.assertEqual(found, root)

    @given(st.integers(1, 200), st.data())
    def test_a_changed_proof_fails(self, size: int, data: st.DataObject) -> None:
        hashes = some_hashes(size)
        index = data.draw(st.integers(0, size - 1))
        other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index or size == 1))
        proof = merkle.inclusion_proof(hashes, index)
        root = naive_root(hashes)
        if size > 1:
            wrong = merkle.root_of_inclusion(hashes[other], index, size, proof)
            self.assertNotEqual(wrong, root)
            # A path of the right length at a wrong place leads elsewhere as well.
            self.assertNotEqual(merkle.root_of_inclusion(hashes[index], other, size, proof), root)
            short = merkle.root_of_inclusion(hashes[index], index, size, proof[:-1])
            self.assertNotEqual(short, root)
        longer = [*proof, merkle.leaf_hash(b"x")]
        self.assertNotEqual(merkle.root_of_inclusion(hashes[index], index, size, longer), root)

    def test_outside(self) -> None:
        self.assertRaises(ValueError, merkle.inclusion_proof, some_hashes(3), 3)
        self.assertRaises(ValueError, merkle.inclusion_proof, some_hashes(3), -1)
        self.assertIsNone(merkle.root_of_inclusion(b"x" * 32, 3, 3, []))

    def test_tiled_proofs_are_the_same(self) -> None:
        for size in (1, 1023, 1024, 1025, 2048, 2049, 3500):
            hashes = some_hashes(size)
            roots = merkle.tile_roots(hashes)
            for index in {0, size // 2, size - 1}:
                start = index - index % merkle.TILE
                tile = hashes[start : start + merkle.TILE]
                self.assertEqual(
                    merkle.tiled_proof(roots, tile, index), merkle.inclusion_proof(hashes, index)
                )


class ConsistencyTests(SynchronousTestCase):
    def test_every_pair_of_sizes(self) -> None:
        hashes = some_hashes(34)
        for size in range(1, 35):
            root = naive_root(hashes[:size])
            for old in range(1, size + 1):
                proof = merkle.consistency_proof(hashes[:size], old)
                old_root = naive_root(hashes[:old])
                self.assertTrue(merkle.is_consistent(old, old_root, size, root, proof))
                self.assertFalse(merkle.is_consistent(old, b"x" * 32, size, root, proof))
                self.assertFalse(merkle.is_consistent(old, old_root, size, b"x" * 32, proof))

    @given(st.integers(2, 100), st.data())
    def test_a_rewritten_beginning_fails(self, size: int, data: st.DataObject) -> None:
        old = data.draw(st.integers(1, size))
        changed = data.draw(st.integers(0, old - 1))
        before = some_hashes(size)
        after = before.copy()
        after[changed] = merkle.leaf_hash(b"rewritten")
        proof = merkle.consistency_proof(after, old)
        self.assertFalse(
            merkle.is_consistent(old, naive_root(before[:old]), size, naive_root(after), proof)
        )

    def test_refusals(self) -> None:
        hashes = some_hashes(4)
        self.assertRaises(ValueError, merkle.consistency_proof, hashes, 0)
        self.assertRaises(ValueError, merkle.consistency_proof, hashes, 5)
        root = naive_root(hashes)
        self.assertFalse(merkle.is_consistent(0, merkle.EMPTY_ROOT, 4, root, []))
        self.assertFalse(merkle.is_consistent(5, root, 4, root, []))
        self.assertFalse(merkle.is_consistent(3, naive_root(hashes[:3]), 4, root, []))
        self.assertFalse(merkle.is_consistent(4, root, 4, root, [root]))
