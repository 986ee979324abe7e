"""One connection to a POP3 server: sockets and time around `wire.pop3`.

Events wait in a bounded queue; when too much waits, reading stops until it is worked off
(back-pressure), so a message of any size costs little memory. A server that breaks the
protocol ends the connection, and so does one that makes no progress: within the time of
silence an answer must be complete or a kilobyte of it must come.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from mailim.remote.multipop.words import VisitFailed
from mailim.wire.pop3 import (
    BodyStart,
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
_PROGRESS_OCTETS = 1024  # less than that within the time of silence is none
_INSIDE_AN_ANSWER = (Line, Chunk, BodyStart)


class Pop3Connection(Protocol):
    """A connection whose events are awaited one after the other.

    clock: the reactor; silence: seconds without progress while something is awaited.
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
        self._patience = silence  # seconds of waiting that are left without progress
        self._since = 0.0  # when this waiting, or the last progress in it, began
        self._trickle = 0  # octets since the last progress
        self._error: Exception | None = None
        self._hostile = False
        self._connected = False
        self._closed: list[Deferred[None]] = []

    # --- Twisted calls these -----------------------------------------------------------

    def connectionMade(self) -> None:
        """Take note of the beginning."""
        self._connected = True

    def dataReceived(self, data: bytes) -> None:
        """Take octets."""
        if self._hostile or self._error is not None:
            return
        error: Pop3ProtocolError | None = None
        try:
            events = self._client.feed(data)
        except Pop3ProtocolError as problem:
            events = list(problem.events)  # type: ignore[arg-type]
            error = problem
        self._trickle += len(data)
        if self._trickle >= _PROGRESS_OCTETS:
            self._progress()
        for event in events:
            self._events.append(event)
            if isinstance(event, Chunk):
                self._octets += len(event.data)
            elif not isinstance(event, _INSIDE_AN_ANSWER):
                self._progress()
        if self._octets > _QUEUE_OCTETS and not self._paused:
            self._paused = True
            self._transport.pauseProducing()
        if error is not None:
            self._hostile = True
            self._fail(error)
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Take note of the end."""
        self._connected = False
        self._stop_timer()
        if self._error is None:
            self._error = self._why_lost(reason.value)
        self._wake()
        closed, self._closed = self._closed, []
        for each in closed:
            each.callback(None)

    def _why_lost(self, reason: BaseException | None) -> Exception:
        if isinstance(reason, Exception) and not isinstance(reason, ConnectionClosed):
            return reason  # TLS, mostly
        try:
            self._client.eof()
        except Pop3ProtocolError as error:
            return error
        return VisitFailed("the server closed the connection")

    # --- what a visit uses ---------------------------------------------------------------

    @property
    def _transport(self) -> Any:
        return self.transport

    @property
    def ended(self) -> bool:
        """Nothing more can be sent; what came before may still wait."""
        return self._error is not None

    @property
    def junk_follows(self) -> bool:
        """What comes behind the last event is no answer to anything."""
        return self._hostile and not self._events

    async def event(self) -> Event:
        """Give the next event; raises what ended the connection once all were given."""
        while not self._events:
            if self._error is not None:
                raise self._error.with_traceback(None)
            await self._wait()
        event = self._events.popleft()
        if isinstance(event, Chunk):
            self._octets -= len(event.data)
            if self._paused and self._octets <= _QUEUE_OCTETS // 2:
                self._paused = False
                self._transport.resumeProducing()
        return event

    async def _wait(self) -> None:
        self._since = self._clock.seconds()
        self._timer = self._clock.callLater(self._patience, self._silent)
        self._waiting = Deferred()
        try:
            await self._waiting
        finally:
            self._waiting = None
            self._stop_timer()
            self._patience = max(0.0, self._patience - (self._clock.seconds() - self._since))

    def send(self, *commands: Command) -> None:
        """Send commands, one after the other, without waiting.

        Raises what ended the connection, `VisitFailed` for arguments that POP3 cannot carry.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
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
        if not isinstance(event, Reply):
            raise VisitFailed("the server asks again and again for the password")
        return event

    async def line(self) -> bytes | None:
        """Give the next line of a listing, None at its end."""
        event = await self.event()
        if isinstance(event, ListEnd):
            return None
        assert isinstance(event, Line)  # noqa: S101 - the machine's promise
        return event.data

    def start_tls(self, options: Any) -> None:
        """Start TLS after STLS's +OK; raises `Pop3ProtocolError` if something was injected."""
        self._client.expect_tls()
        if self._events:
            raise Pop3ProtocolError("the server spoke before TLS began")
        self._transport.startTLS(options)

    def give_up(self, error: Exception) -> None:
        """End the connection for a reason of ours; whoever waits gets it at once."""
        self._events.clear()
        self._fail(error)
        self._wake()

    def close(self) -> Deferred[None]:
        """End the connection at once; fires when it is gone."""
        closed: Deferred[None] = Deferred()
        if self._error is None:
            self._error = VisitFailed("the visit was ended")
        if self._connected:
            self._closed.append(closed)
            self._transport.abortConnection()
        else:
            closed.callback(None)
        return closed

    # --- time and ends -------------------------------------------------------------------

    def _progress(self) -> None:
        self._trickle = 0
        self._patience = self._silence
        self._since = self._clock.seconds()
        if self._timer is not None and self._timer.active():
            self._timer.reset(self._silence)

    def _silent(self) -> None:
        what = "is too slow" if self._trickle else f"was silent for {self._silence:.0f} seconds"
        self.give_up(VisitFailed(f"the server {what}"))

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        if self._connected:
            self._transport.abortConnection()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.called:
            self._waiting.callback(None)

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
