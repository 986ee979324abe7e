"""The files of large bodies: `bodies/ab/ab12…` by SHA-256 in hex, never changed.

A file is written to `bodies/tmp/`, fsynced, renamed to its name, and its directory
fsynced, before the transaction that needs it begins; so a row never names a file that a
power cut could take away. A crash in between leaves a file without a row: each sweep looks
for those in one of the 256 directories. `tmp/` is emptied at start.

Between its rename and the commit a file has no row yet. It is pinned for that time, and a
pinned file is never removed. A pin ends by itself after `PIN_SECONDS`: whoever prepared a
body and never stored it need not say so. Paths are built from the hash alone.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from mailim.errors import Unavailable

PIN_SECONDS: Final = 3600.0
SHARDS: Final = 256


def sync_directory(path: Path) -> None:
    """Make names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class BodyFiles:
    """Blocking work on the files; every method may be called from any thread."""

    def __init__(self, directory: Path, seconds: Callable[[], float]) -> None:
        self._directory = directory
        self._temporary = directory / "tmp"
        self._seconds = seconds
        self._lock = threading.Lock()
        self._pins: dict[bytes, float] = {}
        self._next_shard = 0

    def open(self) -> None:
        """Make the directory and empty `tmp/`; only the process that owns the store may."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(mode=0o700, exist_ok=True)
        sync_directory(self._directory)

    def path(self, sha256: bytes) -> Path:
        """Give the path of a body."""
        name = sha256.hex()
        if len(name) != 64:
            raise ValueError("not a SHA-256")
        return self._directory / name[:2] / name

    def create(self) -> tuple[Path, BinaryIO]:
        """Open a new file below `tmp/` for writing."""
        path = self._temporary / secrets.token_hex(16)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return path, os.fdopen(descriptor, "wb")

    def keep(self, temporary: Path, file: BinaryIO, sha256: bytes) -> None:
        """Give a written file its name; it is durable and pinned when this returns."""
        file.flush()
        os.fsync(file.fileno())
        file.close()
        path = self.path(sha256)
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            sync_directory(self._directory)
        with self._lock:
            self._pins[sha256] = self._seconds() + PIN_SECONDS
            os.replace(temporary, path)
        sync_directory(path.parent)

    def require(self, sha256: bytes) -> None:
        """Pin a prepared file again, for a transaction; raises `Unavailable` if it is gone."""
        with self._lock:
            if not self.path(sha256).exists():
                raise Unavailable("The body was prepared too long ago, please send it again.")
            self._pins[sha256] = self._seconds() + PIN_SECONDS

    def discard(self, hashes: Sequence[bytes]) -> None:
        """Remove files no committed row names, but not the pinned ones."""
        now = self._seconds()
        with self._lock:
            self._pins = {sha: until for sha, until in self._pins.items() if until > now}
        for sha256 in hashes:
            with self._lock:
                if sha256 not in self._pins:
                    self.path(sha256).unlink(missing_ok=True)

    def shard(self) -> list[bytes]:
        """Give the hashes of the unpinned files in one directory, the next at each call."""
        with self._lock:
            number = self._next_shard
            self._next_shard = (number + 1) % SHARDS
        try:
            names = os.listdir(self._directory / f"{number:02x}")
        except FileNotFoundError:
            return []
        hashes = [bytes.fromhex(name) for name in names if len(name) == 64]
        with self._lock:
            return [sha256 for sha256 in hashes if sha256 not in self._pins]
