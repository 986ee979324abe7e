"""One connection to a POP3 server: sockets and time around `wire.pop3`.

Events wait in a bounded queue; when too much waits, reading stops until it is worked off
(back-pressure), so a message of any size costs little memory. A server that is silent for
too long, or breaks the protocol, ends the connection.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from mailim.remote.multipop.words import VisitFailed
from mailim.wire.pop3 import (
    Chunk,
    Command,
    Continuation,
    Event,
    Greeting,
    Line,
    ListEnd,
    Pop3Client,
    Pop3ProtocolError,
    Reply,
)

_QUEUE_OCTETS = 1024 * 1024


class Pop3Connection(Protocol):
    """A connection whose events are awaited one after the other.

    clock: the reactor; silence: seconds without a byte while one is awaited.
    """

    def __init__(self, clock: Any, silence: float) -> None:
        self._clock = clock
        self._silence = silence
        self._client = Pop3Client()
        self._events: deque[Event] = deque()
        self._octets = 0
        self._paused = False
        self._waiting: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self._error: Exception | None = None
        self._hostile: Exception | None = None
        self._closed: Deferred[None] = Deferred()

    # --- Twisted calls these -----------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Take octets."""
        if self._hostile is not None:
            return
        if self._timer is not None and self._timer.active():
            self._timer.reset(self._silence)
        try:
            events = self._client.feed(data)
        except Pop3ProtocolError as error:
            events = list(error.events)  # type: ignore[arg-type]
            self._hostile = error
        for event in events:
            self._events.append(event)
            if isinstance(event, Chunk):
                self._octets += len(event.data)
        if self._octets > _QUEUE_OCTETS and not self._paused:
            self._paused = True
            self._transport.pauseProducing()
        if self._hostile is not None:
            self._fail(self._hostile)
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Take note of the end."""
        self._stop_timer()
        if self._error is None:
            try:
                self._client.eof()
            except Pop3ProtocolError as error:
                unclean = reason.value if reason.value is not None else error
                self._error = error if _is_plain_end(unclean) else _as_exception(unclean)
            else:
                self._error = VisitFailed("the server closed the connection")
        self._wake()
        self._closed.callback(None)

    # --- what a visit uses ---------------------------------------------------------------

    @property
    def _transport(self) -> Any:
        return self.transport

    async def event(self) -> Event:
        """Give the next event; raises what ended the connection once all were given."""
        while not self._events:
            if self._error is not None:
                raise self._error
            await self._wait()
        event = self._events.popleft()
        if isinstance(event, Chunk):
            self._octets -= len(event.data)
            if self._paused and self._octets <= _QUEUE_OCTETS // 2:
                self._paused = False
                self._transport.resumeProducing()
        return event

    async def _wait(self) -> None:
        self._timer = self._clock.callLater(self._silence, self._silent)
        self._waiting = Deferred()
        try:
            await self._waiting
        finally:
            self._waiting = None
            self._stop_timer()

    def send(self, *commands: Command) -> None:
        """Send commands, one after the other, without waiting.

        Raises `VisitFailed` for arguments that POP3 cannot carry.
        """
        if self._error is not None:
            raise self._error
        try:
            self._transport.write(b"".join(self._client.send(command) for command in commands))
        except ValueError:
            raise VisitFailed("the login name or the password holds a line break") from None

    def answer(self, response: bytes) -> None:
        """Answer a SASL challenge."""
        self._transport.write(self._client.answer(response))

    async def greeting(self) -> Greeting:
        """Give the server's greeting."""
        event = await self.event()
        assert isinstance(event, Greeting)  # noqa: S101 - the machine's promise
        return event

    async def ask(self, command: Command) -> Reply:
        """Send a command whose answer is one line; gives that."""
        self.send(command)
        return await self.reply()

    async def reply(self) -> Reply:
        """Give the next reply; a challenge nobody wants is answered by giving up."""
        event = await self.event()
        if isinstance(event, Continuation):
            self._transport.write(self._client.cancel())
            event = await self.event()
        assert isinstance(event, Reply)  # noqa: S101 - the machine's promise
        return event

    async def listing(self, command: Command) -> tuple[Reply, list[bytes]]:
        """Send CAPA, LIST or UIDL; gives reply and lines."""
        self.send(command)
        reply = await self.reply()
        lines: list[bytes] = []
        while reply.ok:
            event = await self.event()
            if isinstance(event, ListEnd):
                break
            assert isinstance(event, Line)  # noqa: S101 - the machine's promise
            lines.append(event.data)
        return reply, lines

    def start_tls(self, options: Any) -> None:
        """Start TLS after STLS's +OK; raises `Pop3ProtocolError` if something was injected."""
        self._client.expect_tls()
        if self._events:
            raise Pop3ProtocolError("the server spoke before TLS began")
        self._transport.startTLS(options)

    def close(self) -> Deferred[None]:
        """End the connection at once; fires when it is gone."""
        if self._error is None:
            self._error = VisitFailed("the visit was ended")
        self._abort()
        return self._closed

    def _silent(self) -> None:
        self._fail(VisitFailed(f"the server was silent for {self._silence:.0f} seconds"))
        self._wake()

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self._abort()

    def _abort(self) -> None:
        if not self._closed.called:  # TLS minds being aborted twice
            self._transport.abortConnection()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.called:
            self._waiting.callback(None)

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None


def _is_plain_end(error: BaseException) -> bool:
    return type(error).__name__ in ("ConnectionDone", "ConnectionLost", "ConnectionAborted")


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else VisitFailed("the connection was lost")
