"""Proving that the record is what was written, or saying where it is not.

Every leaf is recomputed: its place, its header against the columns used for searching, its
content against the salted inner hash, its hash. The tree over the hashes is compared with
every checkpoint: those in the database, those in the file of notes, and one kept elsewhere.
A leaf that was changed with its hash still breaks the tree; where it broke is told between
two checkpoints. What no checkpoint covers yet is checked leaf by leaf only, with the record's
private key also for who wrote it.

The record is read in portions in reader threads, and memory does not grow with it. What is
appended meanwhile may or may not be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from mailim.interfaces.record import Checkpoint, Leaf
from mailim.interfaces.store import IStore, ITransaction
from mailim.record.entries import Seal, damage
from mailim.wire.merkle import CompactRange
from mailim.wire.notes import NoteError, NotSigned, TreeHead, Verifier, split_notes

MAX_PROBLEMS: Final = 100
"""Problems told; more are only counted."""
NOTES: Final = "checkpoints.txt"
"""What the server's own file of notes is called."""
_FILLED: Final = 100_000  # missing leaves whose places in the tree are kept
_AT_ONCE: Final = 1_000  # leaves read in one unit


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written; `seq` is the leaf, if it is one."""

    seq: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """What verifying found.

    size, root: of the tree as it is. erased: leaves whose content was erased, which is sound.
    checkpoints: how many were compared. covered: leaves the largest sound one speaks of; those
    behind it are not signed yet. problems: at most MAX_PROBLEMS of `problem_count`.
    """

    size: int
    root: bytes
    erased: int
    checkpoints: int
    covered: int
    problems: tuple[Problem, ...]
    problem_count: int

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem_count == 0


async def verify(
    store: IStore,
    verifier: Verifier,
    seal: Seal | None = None,
    noted: str = "",
    external: str = "",
) -> Report:
    """Verify the whole record.

    seal: of the record's private key, where that is at hand: finds forged leaves also where
    no checkpoint speaks of them yet.
    noted: the text of the server's own file of notes; a note torn by a crash at its end is
    passed over. external: one note or several, kept elsewhere; each must be sound.
    """
    examination = Examination(verifier, seal)
    examination.expect_stored(await store.read(lambda tx: tx.record.checkpoints()))
    examination.expect_notes(noted, NOTES, torn=True)
    if external:
        examination.expect_notes(external, "the given checkpoint", torn=False)
    start: int | None = 0
    while start is not None:
        start = await store.read(partial(_examine, examination, start))
    return examination.report()


def verify_leaves(
    leaves: Iterable[Leaf],
    verifier: Verifier,
    seal: Seal | None = None,
    checkpoints: Sequence[Checkpoint] = (),
    external: str = "",
) -> Report:
    """Verify leaves given in the order of storage; arguments as for `verify`."""
    examination = Examination(verifier, seal)
    examination.expect_stored(checkpoints)
    if external:
        examination.expect_notes(external, "the given checkpoint", torn=False)
    for leaf in leaves:
        examination.take(leaf)
    return examination.report()


class Examination:
    """Takes checkpoints first, then all leaves in order, and tells what is wrong."""

    def __init__(self, verifier: Verifier, seal: Seal | None = None) -> None:
        self._verifier = verifier
        self._seal = seal
        self._edge = CompactRange()
        self._next = 0  # the number the next leaf should have
        self._erased = 0
        self._covered = 0
        self._expected: dict[int, list[tuple[TreeHead, str, str]]] = {}
        self._broken: set[str] = set()  # sources of checkpoints that did not hold
        self._heads: set[tuple[int, bytes]] = set()
        self._problems: list[Problem] = []
        self._count = 0

    def expect_stored(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Take the checkpoints of the database."""
        for row in checkpoints:
            origin = f"the stored checkpoint of {row.size} leaves"
            try:
                head = self._verifier.open_checkpoint(row.note)
            except NoteError as error:
                self._problem(None, f"{origin}: {error}")
                continue
            if (head.size, head.root) != (row.size, row.root):
                self._problem(None, f"{origin} differs from its own signed note")
            self._expect(head, "stored", origin)

    def expect_notes(self, text: str, source: str, torn: bool) -> None:
        """Take notes one after the other; `torn`: pieces a crash may have left are passed over."""
        notes = split_notes(text)
        if not notes and not torn:
            self._problem(None, f"{source} is empty")
        for number, note in enumerate(notes, 1):
            try:
                head = self._verifier.open_checkpoint(note)
            except NoteError as error:
                if isinstance(error, NotSigned) or not torn:
                    self._problem(None, f"{source}, note {number}: {error}")
                continue
            self._expect(head, source, f"{source} ({head.size} leaves)")

    def take(self, leaf: Leaf) -> None:
        """Take the next leaf in the order of storage."""
        if not self._edge.size:
            self._compare()  # with a checkpoint of no leaves
        if leaf.seq != self._next:
            self._gap(leaf.seq)
        wrong = damage(leaf, leaf.seq, self._seal)
        if wrong is not None:
            self._problem(leaf.seq, f"leaf {leaf.seq}: {wrong}")
        elif leaf.content is None:
            self._erased += 1
        self._append(leaf.hash if type(leaf.hash) is bytes else b"")
        self._next = leaf.seq + 1

    def unreadable(self, seq: int) -> None:
        """Take that there is a leaf which the store cannot read."""
        if seq != self._next:
            self._gap(seq)
        self._problem(seq, f"leaf {seq} cannot be read")
        self._append(b"")
        self._next = seq + 1

    def hidden(self, seq: int) -> None:
        """Take that a leaf would not be found by its text."""
        self._problem(seq, f"leaf {seq}: what a search by text looks at was changed")

    def report(self) -> Report:
        """Tell the outcome, after the last leaf."""
        self._compare()
        for size in sorted(self._expected):
            for head, _, origin in self._expected[size]:
                if head.size > self._edge.size:
                    self._problem(
                        None,
                        f"{origin} speaks of {head.size} leaves, but there are only"
                        f" {self._edge.size}: the end was cut off",
                    )
        return Report(
            size=self._edge.size,
            root=self._edge.root(),
            erased=self._erased,
            checkpoints=len(self._heads),
            covered=self._covered,
            problems=tuple(self._problems),
            problem_count=self._count,
        )

    def _expect(self, head: TreeHead, source: str, origin: str) -> None:
        if (head.size, head.root) not in self._heads or source not in ("stored", NOTES):
            self._heads.add((head.size, head.root))
            self._expected.setdefault(head.size, []).append((head, source, origin))

    def _append(self, hash_: bytes) -> None:
        self._edge.append(hash_)
        self._compare()

    def _compare(self) -> None:
        """Compare the tree with the checkpoints of its present size."""
        for head, source, origin in self._expected.pop(self._edge.size, ()):
            if head.root == self._edge.root():
                self._covered = head.size
            elif source not in self._broken:  # every later one fails as well
                self._broken.add(source)
                self._problem(
                    None,
                    f"{origin} does not fit: of the leaves {self._covered} to"
                    f" {head.size - 1}, some were changed, removed, added or moved",
                )

    def _gap(self, seq: int) -> None:
        if seq < self._next:
            self._problem(seq, f"leaf {seq} stands behind leaf {self._next - 1}")
            return
        last = seq - 1
        which = f"leaf {last} is" if last == self._next else f"leaves {self._next} to {last} are"
        self._problem(self._next, f"{which} missing")
        # So that what comes behind stands at its place in the tree, and only this is told.
        for _ in range(min(seq - self._next, _FILLED)):
            self._append(b"")

    def _problem(self, seq: int | None, text: str) -> None:
        self._count += 1
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(seq, text))


def _examine(examination: Examination, start: int, tx: ITransaction) -> int | None:
    """Take the next portion; gives where to go on, None at the end."""
    try:
        leaves = tx.record.leaves(start, _AT_ONCE)
        if not leaves:
            return None
        end = leaves[-1].seq + 1
        unfindable = frozenset(tx.record.unfindable(leaves[0].seq, end))
    except Exception:
        # A row holds what the driver cannot read, or its page is damaged: find out which.
        return _examine_each(examination, start, tx)
    for leaf in leaves:
        examination.take(leaf)
        if leaf.seq in unfindable:
            examination.hidden(leaf.seq)
    return end


def _examine_each(examination: Examination, start: int, tx: ITransaction) -> int | None:
    end = min(start + _AT_ONCE, tx.record.size())
    for seq in range(start, end):
        try:
            leaf = tx.record.get(seq)
        except Exception:
            examination.unreadable(seq)
            continue
        if leaf is not None:
            examination.take(leaf)
    return end if end < tx.record.size() else None
