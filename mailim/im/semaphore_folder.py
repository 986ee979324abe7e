"""The folder of semaphore files: what is ready is claimed, read, and taken away.

Everything here blocks and runs in a thread. The folder is shared with programs nobody here
controls, so nothing in it is trusted: names are only ever used relative to an open folder,
links are not followed, only regular files with one name are read.

    IM-7.SEM, IM-7.LCK    a message and its lock; LOCKSEMS.SEM stops everything
    .claimed/             claimed files, `<claim>-IM-7.SEM`; only the server goes there
    bad/                  what was refused, and beside each a `.txt` with the reason

A file is claimed by renaming it into `.claimed/` under a name of its own, and that is made
durable before anybody acts on it: from then on the claim's number, not the file, decides
whether its message was handed in before. A file found there at the start is finished.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Final

from mailim.errors import Invalid, Unavailable
from mailim.wire.semaphore import MAX_OCTETS, SemaphoreMessage, parse_semaphore

MODE: Final = 0o1770  # of the folder: its group writes there, and removes only its own files
AT_ONCE: Final = 100  # files claimed in one look
LOOKED_AT: Final = 10_000  # files one look examines, the lowest numbers first
SETTLED_SECONDS: Final = 2.0  # a file so old is whole; a younger one …
STEADY_SECONDS: Final = 0.4  # … must have stayed as it is for so long
EMPTY_SECONDS: Final = 60.0  # an empty file may still be written to
BAD_FILES: Final = 500  # refused files kept, the newest
BAD_OCTETS: Final = 64 * 1024 * 1024  # ... and of all of them, but the newest always stays
STUCK: Final = 1000  # names remembered that cannot be moved

# No program needs more digits; a file's name has at most 255 octets.
_SEM: Final = re.compile(r"IM-([0-9]{1,100})\.SEM", re.IGNORECASE | re.ASCII)
_LCK: Final = re.compile(r"(IM-[0-9]{1,100})\.LCK", re.IGNORECASE | re.ASCII)
_CLAIMED: Final = re.compile(r"([0-9a-f]{16})-(IM-[0-9]{1,100}\.SEM)", re.IGNORECASE | re.ASCII)
_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_NO_FILE: Final = -1
_Look = tuple[int, int, int, int]  # inode, size, time of change, names


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file in `.claimed/`: its claim, the name it had, and what it says or why not."""

    claim: str
    name: str
    message: SemaphoreMessage | None
    reason: str = ""

    @property
    def file(self) -> str:
        """Its name there."""
        return f"{self.claim}-{self.name}"


@dataclass(frozen=True, slots=True)
class _Folders:
    main: int
    claimed: int
    bad: int


class SemaphoreFolder:
    """Works on one folder; used by one thread at a time.

    step: told of each step by name, so that a test can end the process there.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        step: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._path = path
        self._now = now
        self._steady = steady
        self._step = step
        self._seen: dict[str, tuple[_Look, float]] = {}  # and since when it looks so
        self._stuck: dict[str, _Look] = {}
        self._ready: list[tuple[str, _Look]] = []
        self.left: list[str] = []
        """Names the last look found impossible to move."""

    def prepare(self) -> None:
        """Make the folders; raises `Unavailable` if one of them is not ours."""
        try:
            make_folder(self._path)
            for name, mode in ((".claimed", 0o700), ("bad", 0o750)):
                place = self._path / name
                try:
                    place.mkdir(mode)
                except FileExistsError:
                    found = place.lstat()
                    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                        raise Unavailable(f"{name} in the folder is not the server's") from None
        except OSError as error:
            raise Unavailable(f"the folder cannot be used: {error.strerror}") from None

    def recover(self) -> list[Claimed]:
        """Give what is claimed already; for the start."""
        with self._open() as folders:
            names = sorted(os.listdir(folders.claimed))
            found = [match for name in names if (match := _CLAIMED.fullmatch(name))]
            return [self._read(folders, match[1], match[2]) for match in found]

    def scan(self, limit: int = AT_ONCE) -> list[Claimed]:
        """Claim what is ready, lowest numbers first, at most `limit`; gives what it says."""
        self.left = []
        with self._open() as folders:
            ready = self._next(folders, limit)
            claimed = []
            for name in ready:
                claim = token_hex(8)
                try:
                    os.rename(name, f"{claim}-{name}", src_dir_fd=folders.main,
                              dst_dir_fd=folders.claimed)  # fmt: skip
                except FileNotFoundError:
                    continue  # its program took it back
                except OSError:
                    self._give_up(folders, name)
                    continue
                self._seen.pop(name, None)
                claimed.append((claim, name))
            if not claimed:
                return []
            self._step("claimed")
            # After a power cut the file must not stand at both places, nor at the first one.
            os.fsync(folders.claimed)
            os.fsync(folders.main)
            self._step("durable")
            return [self._read(folders, claim, name) for claim, name in claimed]

    def finish(self, claimed: Sequence[Claimed]) -> None:
        """Remove files whose messages are handed in."""
        with self._open() as folders:
            for one in claimed:
                self._step("removing")
                try:
                    os.unlink(one.file, dir_fd=folders.claimed)
                except FileNotFoundError:
                    continue
            self._step("removed")

    def set_aside(self, claimed: Claimed, reason: str) -> None:
        """Put a refused file into `bad/`, with the reason beside it."""
        with self._open() as folders:
            stem = f"{claimed.name[:-4]}-{claimed.claim}"
            text = f"{claimed.name}: {reason}\n".encode(errors="replace")
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            note = os.open(f"{stem}.txt", flags, 0o640, dir_fd=folders.bad)
            try:
                os.write(note, text)
            finally:
                os.close(note)
            self._step("setting aside")
            try:
                os.rename(claimed.file, f"{stem}.SEM", src_dir_fd=folders.claimed,
                          dst_dir_fd=folders.bad)  # fmt: skip
            except FileNotFoundError:
                pass
            self._step("set aside")
            _trim(folders.bad)

    @contextmanager
    def _open(self) -> Iterator[_Folders]:
        """Open the folders anew each time: one may have been taken away and made again."""
        opened: list[int] = []
        try:
            opened.append(os.open(self._path, _FOLDER))
            for name in (".claimed", "bad"):
                opened.append(os.open(name, _FOLDER, dir_fd=opened[0]))
            yield _Folders(*opened)
        finally:
            for each in opened:
                os.close(each)

    # --- what is ready -----------------------------------------------------------------

    def _next(self, folders: _Folders, limit: int) -> list[str]:
        """Give names of ready files; many are found in one look and taken by and by."""
        if self._ready and _stopped(os.listdir(folders.main)):
            self._ready = []
        if not self._ready:
            self._ready = self._find(folders)
        some, self._ready = self._ready[:limit], self._ready[limit:]
        return [name for name, look in some if self._look(folders, name) == look]

    def _find(self, folders: _Folders) -> list[tuple[str, _Look]]:
        """Give whole files without a lock, in the order of their numbers.

        The locks are listed after the files: a program makes the lock first, so a lock
        that belongs to a file of the first list is in the second one or gone for good.
        """
        listed = [match for name in os.listdir(folders.main) if (match := _SEM.fullmatch(name))]
        others = os.listdir(folders.main) if listed else []
        if _stopped(others):
            self._seen.clear()
            return []
        locks = {match[1].upper() for name in others if (match := _LCK.fullmatch(name))}
        free = [match for match in listed if match[0][:-4].upper() not in locks]
        free.sort(key=lambda match: (int(match[1]), match[0]))
        before, self._seen = self._seen, {}
        ready: list[tuple[str, _Look]] = []
        now = self._steady()
        for match in free[:LOOKED_AT]:
            name = match[0]
            look = self._look(folders, name)
            if look is None or self._stuck.get(name) == look:
                continue
            old, since = before.get(name, (look, now))
            if look != old:
                since = now
            self._seen[name] = (look, since)
            if self._is_settled(look, now - since):
                ready.append((name, look))
        return ready

    @staticmethod
    def _look(folders: _Folders, name: str) -> _Look | None:
        try:
            found = os.stat(name, dir_fd=folders.main, follow_symlinks=False)
        except OSError:
            return None
        size = found.st_size if stat.S_ISREG(found.st_mode) else _NO_FILE
        return (found.st_ino, size, found.st_mtime_ns, found.st_nlink)

    def _is_settled(self, look: _Look, steady: float) -> bool:
        _, size, changed, names = look
        age = self._now() - changed / 1e9
        if size == 0 and 0 <= age < EMPTY_SECONDS:
            return False
        # Programs that publish a file by link() and unlink() have two names for a moment.
        return steady >= STEADY_SECONDS or (age >= SETTLED_SECONDS and names == 1)

    def _give_up(self, folders: _Folders, name: str) -> None:
        """Leave what cannot be moved (a foreign folder, a mount) until it changes."""
        look = self._look(folders, name)
        if look is not None:
            if len(self._stuck) >= STUCK:
                self._stuck.clear()
            self._stuck[name] = look
            self.left.append(name)

    def _read(self, folders: _Folders, claim: str, name: str) -> Claimed:
        try:
            data = _content(folders.claimed, f"{claim}-{name}")
            return Claimed(claim, name, parse_semaphore(data))
        except Invalid as error:
            return Claimed(claim, name, None, error.text)
        except OSError as error:
            return Claimed(claim, name, None, f"it cannot be read: {error.strerror}")


def _stopped(names: Sequence[str]) -> bool:
    return any(name.upper() == "LOCKSEMS.SEM" for name in names)


def make_folder(path: Path) -> None:
    """Make the folder programs write into, if it is not there."""
    try:
        path.mkdir(MODE)
    except FileExistsError:
        return
    path.chmod(MODE)  # whatever the umask is


def _content(folder: int, name: str) -> bytes:
    """Read a regular file with one name; raises `Invalid`, `OSError`."""
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode):  # not even opened: a device may act on that
        raise Invalid("it is no regular file")
    file = os.open(name, _OPEN, dir_fd=folder)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise Invalid("it is no regular file")
        if found.st_nlink != 1:
            raise Invalid("it has more than one name (a hard link)")
        if found.st_size > MAX_OCTETS:
            raise Invalid(f"the file has more than {MAX_OCTETS} octets")
        data = b""
        while len(data) <= MAX_OCTETS and (part := os.read(file, MAX_OCTETS + 1 - len(data))):
            data += part
        return data
    finally:
        os.close(file)


def _trim(bad: int) -> None:
    """Keep the newest refused files, within the limits."""
    found = []
    for name in os.listdir(bad):
        if name.endswith(".SEM"):
            facts = os.stat(name, dir_fd=bad, follow_symlinks=False)
            found.append((facts.st_ctime_ns, name, facts))
    octets = 0
    for number, (_, name, facts) in enumerate(sorted(found, reverse=True)):
        octets += facts.st_size
        if number and (number >= BAD_FILES or octets > BAD_OCTETS):
            _remove(bad, name, facts)


def _remove(bad: int, name: str, facts: os.stat_result) -> None:
    if stat.S_ISDIR(facts.st_mode):
        shutil.rmtree(name, ignore_errors=True, dir_fd=bad)
    else:
        os.unlink(name, dir_fd=bad)
    try:
        os.unlink(f"{name[:-4]}.txt", dir_fd=bad)
    except FileNotFoundError:
        pass
