"""Bodies outside of transactions: makes them ready, and gives them out in pieces.

Files, and the hashing of what is large, are the work of a small thread pool. Memory stays
bounded whatever the size of a body: a writer holds at most `INLINE_OCTETS` and one piece,
a stream at most `INLINE_OCTETS`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, BinaryIO, Final, TypeVar

from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from mailim.errors import NotFound, StoreUnavailable
from mailim.interfaces.bodies import IBodies, IBodyWriter, PreparedBody
from mailim.interfaces.store import ITransaction
from mailim.store.bodies import BodyRows
from mailim.store.body_files import BodyFiles
from mailim.store.growing_body import GrowingBody
from mailim.store.readers import Readers
from mailim.wire.octets import MappedOctets, mapped

T = TypeVar("T")

PIECE_OCTETS: Final = 64 * 1024
# Hashing so much takes less time than going to a thread and back.
HASHED_AT_ONCE: Final = 16 * 1024

InThread = Callable[..., Deferred[Any]]


@implementer(IBodyWriter)
class BodyWriter:
    """Takes one body in pieces; memory stays bounded whatever its size."""

    def __init__(self, body: GrowingBody, in_thread: InThread) -> None:
        self._body = body
        self._in_thread = in_thread

    def write(self, chunk: bytes) -> Deferred[None]:
        """Take a piece; wait for the Deferred before giving the next (back-pressure)."""
        if self._body.fits_in_memory(len(chunk)):
            return execute(self._body.put, chunk)
        return self._in_thread(self._body.put, chunk)

    def finish(self) -> Deferred[PreparedBody]:
        """Close the body; when it fires, a large one is durable on disk."""
        if self._body.fits_in_memory(0):
            return execute(self._body.finish)
        return self._in_thread(self._body.finish)

    def abort(self) -> Deferred[None]:
        """Forget what was written."""
        return self._in_thread(self._body.drop)


@implementer(IBodies)
class Bodies:
    """Makes bodies ready for a transaction and reads them in pieces."""

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorFromThreads,
        pool: ThreadPool,
        files: BodyFiles,
        readers: Readers,
    ) -> None:
        self._reactor = reactor
        self._pool = pool
        self._files = files
        self._readers = readers
        self._open = True

    def close(self) -> None:
        """Take no more work; what was begun goes on."""
        self._open = False

    def prepare(self, data: bytes) -> Deferred[PreparedBody]:
        """Make ready a body that is in memory already (a large one is hashed in a thread)."""

        def prepared() -> PreparedBody:
            body = GrowingBody(self._files, len(data))
            body.put(data)
            return body.finish()

        if self._open and len(data) <= HASHED_AT_ONCE:
            return execute(prepared)
        return self._in_thread(prepared)

    def writer(self, max_octets: int) -> BodyWriter:
        """Start a body whose size is not known yet; `LimitExceeded` beyond `max_octets`."""
        return BodyWriter(GrowingBody(self._files, max_octets), self._in_thread)

    def inspect(self, body: PreparedBody, look: Callable[[bytes | MappedOctets], T]) -> Deferred[T]:
        """Run `look` in a thread on the octets of a prepared body; large ones are mapped."""
        if body.data is not None:
            return self._in_thread(look, body.data)

        def look_at_file() -> T:
            with mapped(self._files.path(body.sha256)) as octets:
                return look(octets)

        return self._in_thread(look_at_file)

    def read(self, sha256: bytes, start: int = 0, end: int | None = None) -> Deferred[bytes]:
        """Give a slice of a stored body; raises `NotFound`."""
        return Deferred.fromCoroutine(self._read(sha256, start, end))

    async def stream(
        self, sha256: bytes, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Give a slice of a stored body in pieces of at most 64 KiB; raises `NotFound`."""
        size, data = await self._piece(sha256, start, end)
        if data is not None:
            for at in range(0, len(data), PIECE_OCTETS):
                yield data[at : at + PIECE_OCTETS]
            return
        left = _length(size, start, end)
        file: BinaryIO = await self._in_thread(self._opened, sha256, start)
        try:
            # The open file can be read to its end even if it is swept away meanwhile.
            while left > 0:
                piece: bytes = await self._in_thread(file.read, min(left, PIECE_OCTETS))
                if not piece:
                    raise StoreUnavailable("The body is shorter than it should be.")
                left -= len(piece)
                yield piece
        finally:
            file.close()

    async def _read(self, sha256: bytes, start: int, end: int | None) -> bytes:
        size, data = await self._piece(sha256, start, end)
        if data is None:
            length = _length(size, start, end)
            data = await self._in_thread(self._read_file, sha256, start, length)
        return data

    def _piece(
        self, sha256: bytes, start: int, end: int | None
    ) -> Deferred[tuple[int, bytes | None]]:
        def piece(tx: ITransaction) -> tuple[int, bytes | None]:
            assert isinstance(tx.bodies, BodyRows)  # noqa: S101 - our own
            return tx.bodies.piece(sha256, start, end)

        return self._readers.submit(piece)

    def _opened(self, sha256: bytes, start: int) -> BinaryIO:
        try:
            file = self._files.path(sha256).open("rb", buffering=0)
        except FileNotFoundError:
            self._log.error("the file of body {sha256} is missing", sha256=sha256.hex())
            raise NotFound("There is no such body.") from None
        file.seek(start)
        return file

    def _read_file(self, sha256: bytes, start: int, length: int) -> bytes:
        with self._opened(sha256, start) as file:
            data = file.read(length)
        if len(data) != length:
            raise StoreUnavailable("The body is shorter than it should be.")
        return data

    def _in_thread(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        if not self._open:
            return fail(StoreUnavailable("The store is closed."))

        def unable(failure: Failure) -> Failure:
            failure.trap(OSError)
            self._log.failure("a body could not be read or written", failure=failure)
            error = StoreUnavailable("Bodies cannot be read or written at the moment.")
            error.__cause__ = failure.value
            return Failure(error)

        return deferToThreadPool(self._reactor, self._pool, work, *args).addErrback(unable)


def _length(size: int, start: int, end: int | None) -> int:
    return max(0, (size if end is None else min(end, size)) - start)
