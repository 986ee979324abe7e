"""What waits to be written: joined per reactor turn, bounded for clients that do not read."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer


@implementer(IPushProducer)
class Outbox:
    """Bytes on their way to one transport.

    write: writes to the transport. Joining the stanzas of one reactor turn saves a system
    call and a TLS record for each. `full` is called once if a client that does not read
    would make more than `limit` octets wait.
    """

    def __init__(
        self,
        clock: IReactorTime,
        write: Callable[[bytes], None],
        limit: int,
        full: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._write = write
        self._limit = limit
        self._full = full
        self._parts: list[bytes] = []
        self._size = 0
        self._blocked = False
        self._turn: IDelayedCall | None = None
        self._closing: Callable[[], None] | None = None
        self._stopped = False

    def put(self, data: bytes) -> None:
        """Write this with everything else of this turn."""
        if self._stopped or self._closing is not None:
            return
        self._parts.append(data)
        self._size += len(data)
        if self._blocked:
            if self._size > self._limit:
                self.stop()
                self._full()
        elif self._turn is None:
            self._turn = self._clock.callLater(0, self._flush)

    def flush(self) -> None:
        """Write now what waits."""
        if self._turn is not None:
            self._turn.cancel()
            self._flush()

    def finish(self, then: Callable[[], None]) -> None:
        """Write what waits, then call `then`; later writes are dropped."""
        if self._closing is not None or self._stopped:
            return
        self._closing = then
        if not self._blocked:
            self.flush()
            then()

    def stop(self) -> None:
        """Drop everything."""
        self._stopped = True
        self._parts.clear()
        self._size = 0
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _flush(self) -> None:
        self._turn = None
        if self._parts and not self._stopped:
            data = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
            self._write(data)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self._blocked = True
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def resumeProducing(self) -> None:
        """The transport takes more."""
        self._blocked = False
        self._flush()
        if self._closing is not None and not self._blocked:
            self._closing()

    def stopProducing(self) -> None:
        """The transport is gone."""
        self.stop()
