"""Merkle tree hashing of an append-only log, without I/O (RFC 6962 section 2.1).

A leaf is hashed with a 0x00 before it, an inner node with a 0x01, so that neither can pass
for the other. All functions take leaf hashes (32 octets each), not leaves.

`CompactRange` is the log's right edge: it takes one leaf hash after the other and tells the
root at any moment, in O(log n) memory. `inclusion_proof` and `consistency_proof` are what
RFC 6962 sections 2.1.1 and 2.1.2 call audit path and consistency proof; `root_of_inclusion`
and `is_consistent` check them without the log (RFC 9162 sections 2.1.3.2 and 2.1.4.2).

A proof of a log of millions of leaves needs no list of millions: `TILE` leaves at a time
have a root of their own (`tile_roots`), and `tiled_proof` joins the path inside a tile with
the path over the tiles. Splitting is at powers of two, so it is the same proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a log without leaves."""
TILE: Final = 1024
"""Leaves of a full tile; a power of two."""


def leaf_hash(data: bytes) -> bytes:
    """Give the hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Give the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The roots of the full subtrees a log of `size` leaves consists of, largest first."""

    __slots__ = ("_nodes", "size")

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._nodes: list[bytes] = []
        self.extend(hashes)

    def append(self, hash_: bytes) -> None:
        """Take the next leaf hash."""
        size, nodes = self.size, self._nodes
        self.size = size + 1
        while size & 1:  # each set bit is a full subtree of the same height to join with
            hash_ = sha256(b"\x01" + nodes.pop() + hash_).digest()
            size >>= 1
        nodes.append(hash_)

    def extend(self, hashes: Iterable[bytes]) -> None:
        """Take several."""
        for hash_ in hashes:
            self.append(hash_)

    def root(self) -> bytes:
        """Give the root of all leaves taken so far (RFC 6962 section 2.1, MTH)."""
        if not self._nodes:
            return EMPTY_ROOT
        root = self._nodes[-1]
        for node in reversed(self._nodes[:-1]):
            root = node_hash(node, root)
        return root

    def copy(self) -> CompactRange:
        """Give an independent copy."""
        other = CompactRange()
        other.size, other._nodes = self.size, self._nodes.copy()
        return other


def root_of(hashes: Iterable[bytes]) -> bytes:
    """Give the root of a whole log."""
    return CompactRange(hashes).root()


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Give the audit path of leaf `index`, from the leaf up (RFC 6962 section 2.1.1)."""
    if not 0 <= index < len(hashes):
        raise ValueError("no such leaf")
    path: list[bytes] = []
    start, end = 0, len(hashes)
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root_of(hashes[middle:end]))
            end = middle
        else:
            path.append(root_of(hashes[start:middle]))
            start = middle
    path.reverse()
    return path


def tile_roots(hashes: Iterable[bytes]) -> list[bytes]:
    """Give the root of every `TILE` leaves; the last tile may be shorter."""
    roots: list[bytes] = []
    tile = CompactRange()
    for hash_ in hashes:
        tile.append(hash_)
        if tile.size == TILE:
            roots.append(tile.root())
            tile = CompactRange()
    if tile.size:
        roots.append(tile.root())
    return roots


def tiled_proof(roots: Sequence[bytes], tile: Sequence[bytes], index: int) -> list[bytes]:
    """Give the audit path of leaf `index` of the whole log.

    `roots` are all `tile_roots`, `tile` the leaf hashes of the tile the leaf stands in.
    """
    return inclusion_proof(tile, index % TILE) + inclusion_proof(roots, index // TILE)


def root_of_inclusion(hash_: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Give the root an audit path leads to; None if it cannot be a path of such a log.

    The caller compares it with the root of a checkpoint it trusts.
    """
    if not 0 <= index < size:
        return None
    node, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return None
        if node & 1 or node == last:
            hash_ = node_hash(sibling, hash_)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            hash_ = node_hash(hash_, sibling)
        node >>= 1
        last >>= 1
    return hash_ if last == 0 else None


def consistency_proof(hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Prove that the log's first `old_size` leaves are unchanged (RFC 6962 section 2.1.2)."""
    if not 0 < old_size <= len(hashes):
        raise ValueError("no such earlier size")
    proof: list[bytes] = []
    start, end, whole = 0, len(hashes), True
    while old_size != end - start:
        split = _split(end - start)
        middle = start + split
        if old_size <= split:
            proof.append(root_of(hashes[middle:end]))
            end = middle
        else:
            proof.append(root_of(hashes[start:middle]))
            start, old_size, whole = middle, old_size - split, False
    if not whole:
        proof.append(root_of(hashes[start:end]))
    proof.reverse()
    return proof


def is_consistent(
    old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether a proof shows the old log to be the beginning of the new one."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and old_root == root
    rest = list(proof)
    if old_size & (old_size - 1) == 0:  # a power of two: the old root is itself a node
        rest.insert(0, old_root)
    if not rest:
        return False
    node, last = old_size - 1, size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = rest[0]
    for sibling in rest[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        node >>= 1
        last >>= 1
    return last == 0 and old == old_root and new == root


def _split(size: int) -> int:
    """Give the largest power of two below `size` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)
