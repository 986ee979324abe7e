"""Large messages without a copy: a mapped file that the scanner takes for bytes."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Final, cast

_PIECE: Final = 1024 * 1024


class MappedOctets(mmap.mmap):
    """A read-only mapped file with what the scanner uses of `bytes` besides.

    Indexes give numbers and slices give bytes, as with `bytes`; regular expressions and
    `find` work on it. The file must not change while it is mapped.
    """

    def startswith(self, prefix: bytes, start: int = 0) -> bool:
        """Tell whether `prefix` stands at `start`."""
        return bool(self[start : start + len(prefix)] == prefix)

    def count(self, one: bytes, start: int, end: int) -> int:
        """Count an octet in [start, end)."""
        pieces = (self[at : min(at + _PIECE, end)] for at in range(start, end, _PIECE))
        return sum(piece.count(one) for piece in pieces)


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
