"""A body that is being written: in memory while small, in a file below `tmp/` after that.

Blocking; the asynchronous face is in `body_access`.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import BinaryIO, Final

from mailim.errors import LimitExceeded
from mailim.interfaces.bodies import PreparedBody
from mailim.store.bodies import INLINE_OCTETS
from mailim.store.body_files import BodyFiles

_HASHED_IN_SLICES: Final = 16 * 1024
_UNDER_THE_LOCK: Final = 2047  # octets


class GrowingBody:
    """Takes pieces; safe to `drop` from another thread than the one that writes."""

    def __init__(self, files: BodyFiles, max_octets: int) -> None:
        self._files = files
        self._max_octets = max_octets
        self._lock = threading.Lock()
        self._digest = hashlib.sha256()
        self._size = 0
        self._pieces: list[bytes] = []
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._over = False

    def fits_in_memory(self, octets: int) -> bool:
        """Say whether so many octets more touch no file."""
        return self._size + octets <= min(INLINE_OCTETS, self._max_octets)

    def put(self, piece: bytes) -> None:
        """Take a piece; raises `LimitExceeded` or `OSError`, and is over then."""
        with self._lock:
            self._check()
            try:
                self._put(piece)
            except BaseException:
                self._drop()
                raise

    def finish(self) -> PreparedBody:
        """Close it; a large one is durable on disk when this returns."""
        with self._lock:
            self._check()
            sha256 = self._digest.digest()
            try:
                if self._file is None or self._path is None:
                    return PreparedBody(sha256, self._size, b"".join(self._pieces))
                self._files.keep(self._path, self._file, sha256)
                self._path = None
                return PreparedBody(sha256, self._size, None)
            finally:
                self._drop()

    def drop(self) -> None:
        """Forget what was written."""
        with self._lock:
            self._drop()

    def _check(self) -> None:
        if self._over:
            raise RuntimeError("this body is finished or was given up")

    def _put(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max_octets:
            raise LimitExceeded(f"More than {self._max_octets} octets.")
        self._hash(piece)
        if self._file is None:
            self._pieces.append(bytes(piece))
            if self._size <= INLINE_OCTETS:
                return
            self._path, self._file = self._files.create()
            self._file.writelines(self._pieces)
            self._pieces.clear()
        else:
            self._file.write(piece)

    def _hash(self, piece: bytes) -> None:
        if len(piece) > _HASHED_IN_SLICES:
            self._digest.update(piece)
            return
        # hashlib lets go of the interpreter's lock for more than 2047 octets, and getting it
        # back from busy threads takes longer than to hash a small mail.
        octets = memoryview(piece)
        for at in range(0, len(piece), _UNDER_THE_LOCK):
            self._digest.update(octets[at : at + _UNDER_THE_LOCK])

    def _drop(self) -> None:
        self._over = True
        self._pieces = []
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None
