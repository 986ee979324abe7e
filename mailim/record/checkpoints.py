"""Signed checkpoints: what the record was at a moment, in a form nobody can deny later.

A checkpoint states the number of leaves and the root of the Merkle tree over them (RFC 6962),
signed with the Ed25519 key in `etc/record.key`, as a C2SP tlog-checkpoint note. It is kept in
the database and appended to `var/record/checkpoints.txt`; a copy elsewhere (mailed, printed)
is what a rewritten record cannot get around. `record.pub` beside that file has the public key.

The tree's right edge is kept in memory and grows with each committed leaf, so what is signed
is what this process wrote, not what stands in the file by now. On start it is rebuilt from
the stored hashes. A record that does not continue its own last checkpoint is never signed
again (C2SP tlog-checkpoint: a log must not sign what contradicts what it signed before);
recording goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from mailim.background import spawn
from mailim.errors import Invalid, Unavailable
from mailim.interfaces.record import Checkpoint, Leaf
from mailim.interfaces.store import IStore, ITransaction, Priority
from mailim.wire.merkle import CompactRange
from mailim.wire.notes import NoteError, Signer, split_notes

T = TypeVar("T")
_TAIL = 65_536  # octets of the file of notes looked at on start
_AT_ONCE = 20_000  # hashes read in one unit


def load_signer(name: str, path: Path) -> Signer:
    """Read the private key of the record, a PEM file only its owner may read.

    name: the record's origin, such as "mail.example.test/record". Raises `Invalid`.
    """
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except OSError as error:
        raise Invalid(f"the record's key cannot be read: {error.strerror}", str(path)) from None
    if mode & 0o077:
        raise Invalid("the record's key may be read by others; chmod 600 it", str(path))
    try:
        return Signer.from_pem(name, pem)
    except NoteError as error:
        raise Invalid(f"the record's key: {error}", str(path)) from None


class Checkpoints:
    """Signs the record from time to time.

    reactor: a clock with threads.
    path: the file notes are appended to.
    every_leaves, every_seconds: when to sign, whichever comes first; nothing new, no note.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        store: IStore,
        signer: Signer,
        path: Path,
        *,
        every_leaves: int = 1000,
        every_seconds: float = 600.0,
    ) -> None:
        self._reactor = reactor
        self._store = store
        self._signer = signer
        self._path = path
        self._every_leaves, self._every_seconds = every_leaves, every_seconds
        self._range = CompactRange()
        self._seen = 0  # leaves there are, as far as is known here
        self._last: Checkpoint | None = None
        self._broken = ""
        self._lock = DeferredLock()
        self._started = False
        self._due_soon = False
        self._timer: IDelayedCall | None = None

    @property
    def signer(self) -> Signer:
        """Name and key of the record."""
        return self._signer

    @property
    def path(self) -> Path:
        """The file of notes."""
        return self._path

    async def start(self) -> None:
        """Rebuild the tree's edge, in a reader's thread, and check it against the last note."""
        await self._lock.run(lambda: Deferred.fromCoroutine(self._rebuild()))
        vkey = self._signer.verifier.vkey
        try:
            await self._in_thread(partial(_publish, self._path.with_name("record.pub"), vkey))
        except OSError as error:
            self._log.error("the record's public key: {error}", error=str(error))
        self._started = True
        self._plan()

    async def stop(self) -> None:
        """Sign what is new, and stop."""
        self._started = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._seen and not self._broken:
            await self.checkpoint()

    def add(self, leaf: Leaf) -> None:
        """Take a committed leaf."""
        if leaf.seq == self._range.size and self._started:
            self._range.append(leaf.hash)
        self._seen = max(self._seen, leaf.seq + 1)
        if self._started:
            self._plan()

    async def checkpoint(self) -> Checkpoint:
        """Sign the record as it is now; gives the last checkpoint if nothing is new.

        Raises `Unavailable` if the record contradicts its last checkpoint, or cannot be read
        or written.
        """
        return await self._lock.run(lambda: Deferred.fromCoroutine(self._sign()))

    async def _sign(self) -> Checkpoint:
        if not self._started or self._range.size < self._seen:
            await self._rebuild()
        if self._broken:
            raise Unavailable(self._broken)
        size, root = self._range.size, self._range.root()
        if self._last is not None and self._last.size == size:
            return self._last
        now = int(self._reactor.seconds() * 1_000_000)
        made = Checkpoint(size, root, now, self._signer.checkpoint(size, root))
        await self._store.write(lambda tx: tx.record.add_checkpoint(made), Priority.BACKGROUND)
        self._last = made
        try:
            await self._in_thread(partial(_append, self._path, made.note))
        except OSError as error:
            self._log.error(
                "checkpoint of {size} leaves is stored, but could not be written to {path}:"
                " {error}",
                size=size,
                path=str(self._path),
                error=error.strerror,
            )
        return made

    async def _rebuild(self) -> None:
        """Take in stored hashes until none is left, and look whether the last note holds."""
        if self._last is None:
            self._last = await self._newest()
        edge, last = self._range.copy(), self._last
        held = last is None or last.size < edge.size or _holds(edge, last)
        while True:
            found, count = await self._store.read(partial(_take_in, edge, last))
            held = held or found
            if not count:
                break
        self._range = edge
        self._seen = max(self._seen, edge.size)
        if not held:
            size = 0 if last is None else last.size
            self._alarm(
                f"the record ({edge.size} leaves) contradicts its checkpoint of {size} leaves:"
                " it was changed or cut"
            )

    async def _newest(self) -> Checkpoint | None:
        """Give the newest checkpoint there is a trace of, in the database or in the file."""
        rows = await self._store.read(lambda tx: tx.record.checkpoints(1))
        stored = rows[0] if rows else None
        if stored is not None:
            self._keep_name(stored.note)
            try:
                head = self._signer.verifier.open_checkpoint(stored.note)
                genuine = (head.size, head.root) == (stored.size, stored.root)
            except NoteError:
                genuine = False
            if not genuine:
                self._alarm("the record's newest checkpoint is not signed by its key")
        noted = await self._in_thread(partial(_last_note, self._path, self._signer))
        if noted is not None and (stored is None or noted.size > stored.size):
            return noted
        return stored

    def _keep_name(self, note: str) -> None:
        """Go on under the name the record began with, though the server may have a new one."""
        name = note.partition("\n")[0]
        if name == self._signer.name:
            return
        try:
            before = self._signer.renamed(name)
            before.verifier.open_checkpoint(note)
        except NoteError:
            return  # of another key: that is told where the note is opened
        self._signer = before

    def _alarm(self, text: str) -> None:
        """Sign no more, and say so once."""
        if not self._broken:
            self._broken = f"{text}; it is signed no more"
            self._log.critical("ALARM: {text}; run `mailim record verify`", text=text)

    def _plan(self) -> None:
        """Have the next checkpoint signed in time."""
        new = self._seen - (self._last.size if self._last else 0)
        if new <= 0 or self._broken or self._due_soon:
            return
        if new >= self._every_leaves:
            self._due_soon = True
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._reactor.callLater(0, self._due)
        elif self._timer is None:
            self._timer = self._reactor.callLater(self._every_seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        spawn(self._signed_in_time(), "signing a checkpoint of the record")

    async def _signed_in_time(self) -> None:
        try:
            await self.checkpoint()
        finally:
            self._due_soon = False
            if self._started and self._timer is None and not self._broken:
                new = self._seen - (self._last.size if self._last else 0)
                if new > 0:  # leaves that came meanwhile, or signing failed: not at once again
                    self._timer = self._reactor.callLater(self._every_seconds, self._due)

    def _in_thread(self, work: Callable[[], T]) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)


def _take_in(edge: CompactRange, last: Checkpoint | None, tx: ITransaction) -> tuple[bool, int]:
    """Append the next stored hashes; tells whether `last` was met and held, and how many."""
    hashes = tx.record.hashes(edge.size, _AT_ONCE)
    held = False
    for hash_ in hashes:
        edge.append(hash_)
        if last is not None and edge.size == last.size:
            held = _holds(edge, last)
    return held, len(hashes)


def _holds(edge: CompactRange, checkpoint: Checkpoint) -> bool:
    return edge.size == checkpoint.size and edge.root() == checkpoint.root


def _publish(path: Path, vkey: str) -> None:
    """Have the public key in a file, for those who want to check a checkpoint."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = f"{vkey}\n"
    if not path.exists() or path.read_text("utf-8") != line:
        path.write_text(line, "utf-8")


def _append(path: Path, note: str) -> None:
    """Append a note durably, with an empty line behind it, and before it if need be."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 2, max(0, size - 2)) != b"\n\n"
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write((b"\n\n" if torn else b"") + f"{note}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_note(path: Path, signer: Signer) -> Checkpoint | None:
    """Give the largest checkpoint at the end of the file of notes that our key signed."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    found = None
    for note in split_notes(text):
        try:
            head = signer.verifier.open_checkpoint(note)
        except NoteError:
            continue  # torn by a crash, cut by the seek, or of another key
        if found is None or head.size > found.size:
            found = Checkpoint(head.size, head.root, 0, note)
    return found
