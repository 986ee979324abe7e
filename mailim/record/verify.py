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
from mailim.wire.notes import NoteError, TreeHead, Verifier, split_notes

MAX_PROBLEMS: Final = 100
"""Problems told; more are only counted."""
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
    examination.expect_notes(noted, "checkpoints.txt", torn=True)
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
        self._expected: dict[int, list[tuple[TreeHead, str]]] = {}
        self._heads: set[tuple[int, bytes]] = set()
        self._problems: list[Problem] = []
        self._count = 0
        self._met_sound = 0  # size of the last checkpoint that held, for telling where

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
            self._expect(head, origin)

    def expect_notes(self, text: str, origin: str, torn: bool) -> None:
        """Take notes one after the other; `torn`: the last one may be incomplete."""
        notes = split_notes(text)
        if not notes and not torn:
            self._problem(None, f"{origin} is empty")
        for number, note in enumerate(notes, 1):
            try:
                head = self._verifier.open_checkpoint(note)
            except NoteError as error:
                if not (torn and number == len(notes)):
                    self._problem(None, f"{origin}, note {number}: {error}")
                continue
            self._expect(head, f"{origin} ({head.size} leaves)")

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
        self._edge.append(leaf.hash)
        self._next = leaf.seq + 1
        self._compare()

    def report(self) -> Report:
        """Tell the outcome, after the last leaf."""
        self._compare()
        for size in sorted(self._expected):
            for head, origin in self._expected[size]:
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

    def _expect(self, head: TreeHead, origin: str) -> None:
        if (head.size, head.root) not in self._heads:
            self._heads.add((head.size, head.root))
            self._expected.setdefault(head.size, []).append((head, origin))

    def _compare(self) -> None:
        """Compare the tree with the checkpoints of its present size."""
        for head, origin in self._expected.pop(self._edge.size, ()):
            if head.root == self._edge.root():
                self._covered = self._met_sound = head.size
            else:
                self._problem(
                    None,
                    f"{origin} does not fit: of the leaves {self._met_sound} to"
                    f" {head.size - 1}, some were changed, removed, added or moved",
                )

    def _gap(self, seq: int) -> None:
        if seq > self._next:
            last = seq - 1
            which = (
                f"leaf {last} is" if last == self._next else f"leaves {self._next} to {last} are"
            )
            self._problem(self._next, f"{which} missing")
        else:
            self._problem(seq, f"leaf {seq} stands behind leaf {self._next - 1}")

    def _problem(self, seq: int | None, text: str) -> None:
        self._count += 1
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(seq, text))


def _examine(examination: Examination, start: int, tx: ITransaction) -> int | None:
    """Take the next portion; gives where to go on, None at the end."""
    leaves = tx.record.leaves(start, _AT_ONCE)
    for leaf in leaves:
        examination.take(leaf)
    return leaves[-1].seq + 1 if leaves else None
