"""A request's body: collected, or read while it arrives."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from twisted.internet.defer import Deferred

HIGH_WATER: Final = 256 * 1024  # octets waiting; above, the peer is not read any more


class Body(AsyncIterator[bytes]):
    """The octets of a body as they arrive; iterate once.

    The peer is paused while more than `HIGH_WATER` octets wait to be taken (`pause` and
    `resume` are called then), so memory stays bounded however large the body is. Whatever
    ends the body early (`fail`) is raised where the next piece was wanted.
    """

    def __init__(
        self,
        pause: Callable[[], None],
        resume: Callable[[], None],
        seconds: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.received = 0  # octets
        self.paused_seconds = 0.0  # how long the peer was kept waiting, in all
        self._paused_at = 0.0
        self._seconds = seconds
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._paused = False
        self._pause = pause
        self._resume = resume
        self._ended = False
        self._error: Exception | None = None
        self._reader: Deferred[None] | None = None

    def wanted_whole(self) -> None:
        """Never pause the peer: nobody looks at the body before it is complete.

        Whoever says so bounds its size.
        """
        self._pause = self._resume = lambda: None

    def feed(self, piece: bytes) -> None:
        """Take a piece from the wire."""
        if self._ended or not piece:
            return
        self.received += len(piece)
        self._waiting += len(piece)
        self._pieces.append(piece)
        if self._waiting > HIGH_WATER and not self._paused:
            self._paused = True
            self._paused_at = self._seconds()
            self._pause()
        self._wake()

    def end(self) -> None:
        """Everything arrived."""
        self._ended = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """Nothing more will arrive; what waits is thrown away."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._pieces.clear()
            self._waiting = 0
        self._wake()

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._reader = Deferred()
            await self._reader
        piece = self._pieces.popleft()
        self._waiting -= len(piece)
        if self._paused and self._waiting <= HIGH_WATER // 2:
            self._paused = False
            self.paused_seconds += self._seconds() - self._paused_at
            self._resume()
        return piece

    async def all(self) -> bytes:
        """Give the whole body; only for routes that do not stream, which have a small cap."""
        return b"".join([piece async for piece in self])

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.called:
            reader.callback(None)
