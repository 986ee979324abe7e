"""The central record as the store keeps it: append-only leaves and signed checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf of the record, `seq` counting from 0 without a gap.

    `hash` = SHA-256(0x00 ‖ header ‖ SHA-256(salt ‖ content)) (RFC 6962 2.1 leaf hash over
    the header and a salted inner hash, so that content can be erased and proofs hold).
    `content` has the serialised stanza as text under "stanza"; archives are served from it.
    `header` is canonical JSON of time, kind, from, to, refers and id. The columns behind
    it repeat it for searching; `verify` compares them.
    """

    seq: int
    hash: bytes
    header: bytes
    inner: bytes
    salt: bytes | None
    content: bytes | None  # canonical JSON with body and stanza; None = erased
    time: int
    kind: str  # message, presence, subscription, login, logout, refusal, operation, disposition
    sender: str  # bare JID or address, "" if none
    recipient: str
    refers: int | None  # the seq of the leaf this one is about
    body: str  # text of an IM, for searching; "" if none


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement of size and root (C2SP tlog-checkpoint)."""

    size: int
    root: bytes
    time: int
    note: str


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """What to look for; `before` is a seq (for paging), results are newest first."""

    sender: str | None = None
    recipient: str | None = None
    since: int | None = None
    until: int | None = None
    text: str | None = None
    kinds: tuple[str, ...] = ()
    before: int | None = None
    limit: int = 100


class IRecordRows(Interface):
    """Leaves and checkpoints. There is no update and no removal."""

    def append(leaf: Leaf) -> None:
        """Write a leaf; its seq must be the next one, else `Invalid`."""

    def size() -> int:
        """Give the number of leaves."""

    def leaves(start: int, limit: int) -> Sequence[Leaf]:
        """Give leaves from a seq on, in the order of storage."""

    def get(seq: int) -> Leaf | None:
        """Find one."""

    def unfindable(start: int, end: int) -> Sequence[int]:
        """Give those of the leaves from start to before end a search by text would miss.

        None, unless what the store derives from `body` for searching was changed.
        """

    def hashes(start: int, limit: int) -> Sequence[bytes]:
        """Give stored leaf hashes from a seq on."""

    def search(query: RecordQuery) -> Sequence[Leaf]:
        """Look for leaves, newest first; dispositions only if their kind is asked for."""

    def about(seqs: Sequence[int]) -> Sequence[Leaf]:
        """Give the leaves that refer to these, by seq."""

    def add_checkpoint(checkpoint: Checkpoint) -> None:
        """Keep a checkpoint."""

    def checkpoints(limit: int = 0) -> Sequence[Checkpoint]:
        """Give all (0) or the newest ones, newest first."""
