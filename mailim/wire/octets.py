"""Large messages without a copy: a mapped file that the scanner takes for bytes."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, Final, cast

_PIECE: Final = 1024 * 1024
_LONG: Final = 64 * 1024


class MappedOctets(mmap.mmap):
    """A read-only mapped file with what the scanner uses of `bytes` besides.

    Indexes give numbers and slices give bytes, as with `bytes`; regular expressions and
    `find` work on it. The file must not change while it is mapped. What was searched is let
    go of at once, so that no more than some pieces of it are resident at any time.
    """

    _begin = 0  # of what may be resident, a multiple of _PIECE

    def __getitem__(self, key: Any) -> Any:
        """Give an octet or a slice; behind a long one nothing of it stays resident."""
        found = super().__getitem__(key)
        if isinstance(key, slice) and len(found) >= _LONG:
            start, stop, _ = key.indices(len(self))
            self._begin = min(self._begin, start - start % _PIECE)
            self._passed(stop)
        return found

    def startswith(self, prefix: bytes, start: int = 0) -> bool:
        """Tell whether `prefix` stands at `start`."""
        return bool(self[start : start + len(prefix)] == prefix)

    def count(self, one: bytes, start: int, end: int) -> int:
        """Count an octet in [start, end)."""
        found = 0
        for at in range(start, end, _PIECE):
            found += self[at : min(at + _PIECE, end)].count(one)
            self._passed(at)
        return found

    def find(self, sub: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        """Give where `sub` stands first in [start, end), or -1; neither may be negative."""
        end = len(self) if end is None else min(end, len(self))
        while start < end:
            stop = min(start + _PIECE, end)
            at: int = super().find(sub, start, min(stop + len(sub) - 1, end))
            self._passed(start if at < 0 else at)
            if at >= 0:
                return at
            start = stop
        return -1

    def _passed(self, place: int) -> None:
        """Let go of the pages before `place`; they come back from the file if needed."""
        place -= place % _PIECE
        if place > self._begin:
            self.madvise(mmap.MADV_DONTNEED, self._begin, place - self._begin)
        self._begin = place


def mapped(path: Path) -> MappedOctets:
    """Map a file that is not empty; use it in a `with` statement. Raises `OSError`."""
    with path.open("rb") as file:
        return MappedOctets(file.fileno(), 0, access=mmap.ACCESS_READ)


def whole(data: bytes | memoryview | MappedOctets) -> bytes:
    """Give what the scanner works on; only a memoryview is copied."""
    if isinstance(data, bytes):
        return data
    if isinstance(data, MappedOctets):
        return cast(bytes, data)
    return bytes(data)
