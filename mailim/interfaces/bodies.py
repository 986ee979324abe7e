"""Bodies: the immutable bytes of messages, stored once however many hold them.

A body is addressed by its SHA-256. Small ones stand inside the database, larger ones in
files; nobody above the store can tell. A body lives while it is held (by a spool entry,
an item, an upload); what nobody holds is swept away later.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailim.wire.octets import MappedOctets

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PreparedBody:
    """Bytes made ready outside a transaction: durable already if they went to a file."""

    sha256: bytes
    size: int  # octets
    data: bytes | None  # None: the bytes are in a file, fsynced with its directory


class IBodyWriter(Interface):
    """Takes one body in pieces; memory stays bounded whatever its size."""

    def write(chunk: bytes) -> Deferred[None]:
        """Take a piece; wait for the Deferred before giving the next (back-pressure)."""

    def finish() -> Deferred[PreparedBody]:
        """Close the body; when it fires, a large one is durable on disk."""

    def abort() -> Deferred[None]:
        """Forget what was written."""


class IBodies(Interface):
    """Makes bodies ready for a transaction and reads them in pieces."""

    def prepare(data: bytes) -> Deferred[PreparedBody]:
        """Make ready a body that is in memory already (a large one is hashed in a thread)."""

    def writer(max_octets: int) -> IBodyWriter:
        """Start a body whose size is not known yet; `LimitExceeded` beyond `max_octets`."""

    def inspect(body: PreparedBody, look: Callable[[bytes | MappedOctets], T]) -> Deferred[T]:
        """Run `look` in a thread on the octets of a prepared body; large ones are mapped.

        The octets are there for as long as `look` runs, no longer.
        """

    def read(sha256: bytes, start: int = 0, end: int | None = None) -> Deferred[bytes]:
        """Give a slice of a stored body; raises `NotFound`."""

    def stream(sha256: bytes, start: int = 0, end: int | None = None) -> AsyncIterable[bytes]:
        """Give a slice of a stored body in pieces of at most 64 KiB; raises `NotFound`."""


class IBodyRows(Interface):
    """Bodies inside a transaction."""

    def add(body: PreparedBody) -> int:
        """Store a prepared body, or find the same one; gives its id. Does not hold it."""

    def find(sha256: bytes) -> tuple[int, int] | None:
        """Give `(id, size)` of a stored body."""

    def get(body_id: int) -> tuple[bytes, int]:
        """Give `(sha256, size)`; raises `NotFound`."""

    def read(body_id: int) -> bytes:
        """Give all bytes of a body; for bodies the caller knows to be small enough."""

    def hold(body_id: int) -> None:
        """Count one more row that needs the body; raises `NotFound`."""

    def release(body_id: int) -> None:
        """Count one row less; at none the body may be swept. Raises `NotFound`."""

    def sweep(limit: int) -> int:
        """Remove up to `limit` bodies that nobody holds; gives how many."""
