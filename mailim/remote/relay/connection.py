"""One connection to an SMTP server: sockets and time around `wire.smtp_client`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailim.remote.relay.words import HostFailed, TlsFailed
from mailim.wire.smtp_client import Reply, SmtpClient, SmtpProtocolError

_QUIT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds to wait for the server (RFC 5321 4.5.3.2)."""

    connect: float = 30.0
    greeting: float = 300.0
    command: float = 300.0
    data: float = 120.0  # for the reply to DATA
    block: float = 180.0  # for room for the next piece of the message
    end: float = 600.0  # for the reply to the end of the message
    again: float = 20.0  # for the first reply to the next mail: is it still there?
    transaction: float = 7200.0  # for all of one mail


@implementer(IHandshakeListener, IPushProducer)
class SmtpConnection(Protocol):
    """A connection whose replies are awaited one after the other."""

    def __init__(self, clock: Any, times: Times) -> None:
        self._clock = clock
        self.times = times
        self._client = SmtpClient()
        self._replies: deque[Reply] = deque()
        self._error: Exception | None = None
        self._waiting: Deferred[None] | None = None
        self._paused = False
        self._handshaking = False
        self._connected = False
        self._dismissed = False  # by 421
        self._closed: list[Deferred[None]] = []
        self.secured = False

    # --- Twisted calls these -----------------------------------------------------------

    def connectionMade(self) -> None:
        """Take note of the beginning."""
        self._connected = True

    def handshakeCompleted(self) -> None:
        """Take note that TLS protects all from now on."""
        self._handshaking = False
        self.secured = True

    def dataReceived(self, data: bytes) -> None:
        """Take octets."""
        if self._error is not None:
            return
        try:
            self._replies.extend(self._client.feed(data))
        except SmtpProtocolError as error:
            self._replies.extend(error.replies)
            self._fail(HostFailed(error.text))
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Take note of the end."""
        self._connected = False
        if self._error is None:
            self._error = self._why_lost(reason.value)
        self._wake()
        closed, self._closed = self._closed, []
        for each in closed:
            each.callback(None)

    def _why_lost(self, reason: BaseException | None) -> Exception:
        if self._handshaking:
            return TlsFailed("TLS failed")
        if isinstance(reason, Exception) and not isinstance(reason, ConnectionClosed):
            return reason
        return HostFailed("the server closed the connection")

    def pauseProducing(self) -> None:
        """The socket is full."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The socket has room again."""
        self._paused = False
        self._wake()

    def stopProducing(self) -> None:
        """The connection is gone; `connectionLost` says so, too."""

    # --- what a session uses -----------------------------------------------------------

    @property
    def tcp(self) -> Any:
        """The transport."""
        return self.transport

    @property
    def fit(self) -> bool:
        """Whether another mail may go on this connection: it is there, and nothing is due."""
        due = self._replies or self._client.outstanding or self._dismissed
        return self._connected and self._error is None and not due

    async def reply(self, seconds: float) -> Reply:
        """Give the next reply; raises what ended the connection once all were given."""
        giving_up = self._clock.callLater(seconds, self._late, seconds)
        try:
            while not self._replies:
                if self._error is not None:
                    raise self._error.with_traceback(None)
                await self._wait()
        finally:
            if giving_up.active():
                giving_up.cancel()
        reply = self._replies.popleft()
        self._dismissed = self._dismissed or reply.code == 421  # RFC 5321 3.8
        if not reply.verb and reply.code == 421:
            self._fail(HostFailed(reply.words))
        return reply

    def send(self, verb: str, arguments: str = "") -> None:
        """Send a command without waiting."""
        if self._error is None:
            self.tcp.write(self._client.send(verb, arguments))

    async def ask(self, verb: str, arguments: str = "", seconds: float | None = None) -> Reply:
        """Send a command; gives its reply."""
        self.send(verb, arguments)
        return await self.reply(self.times.command if seconds is None else seconds)

    async def answer(self, response: bytes) -> Reply:
        """Answer a SASL challenge; gives what follows."""
        self.tcp.write(self._client.answer(response))
        return await self.reply(self.times.command)

    async def cancel(self) -> Reply:
        """Abandon an AUTH under way; gives its reply."""
        self.tcp.write(self._client.cancel())
        return await self.reply(self.times.command)

    def begin_message(self) -> None:
        """Call behind DATA's 354: `write` follows, and a reply to it all."""
        self._client.expect(".")
        self.tcp.registerProducer(self, True)

    async def write(self, data: bytes) -> bool:
        """Send a piece of the message, and wait until the next is welcome.

        False: the server replied already, nothing more is wanted.
        """
        if self._error is None:
            self.tcp.write(data)
        giving_up = self._clock.callLater(self.times.block, self._late, self.times.block)
        try:
            while self._paused and self._error is None and not self._replies:
                await self._wait()
        finally:
            if giving_up.active():
                giving_up.cancel()
        return self._error is None and not self._replies

    def end_message(self) -> None:
        """Call behind the last piece."""
        if self._connected:
            self.tcp.unregisterProducer()

    def start_tls(self, options: Any) -> None:
        """Start TLS after 220; raises `HostFailed` if something was injected."""
        try:
            self._client.expect_tls()
        except SmtpProtocolError as error:
            raise HostFailed(error.text) from None
        self._handshaking = True
        self.tcp.startTLS(options)

    def give_up(self, error: Exception) -> None:
        """End the connection for a reason of ours; whoever waits gets it."""
        self._fail(error)
        self._wake()

    def quit(self) -> Deferred[None]:
        """Say goodbye and close; fires when the connection is gone."""
        closed: Deferred[None] = Deferred()
        if not self._connected:
            closed.callback(None)
            return closed
        if self._error is None and not self._client.outstanding:
            self.tcp.write(self._client.send("QUIT"))
        if self._error is None:
            self._error = HostFailed("the connection was closed")
        self.tcp.loseConnection()
        late = self._clock.callLater(_QUIT_SECONDS, self._abort)
        self._closed.append(closed)
        return closed.addCallback(lambda _: late.cancel() if late.active() else None)

    def close(self) -> Deferred[None]:
        """End the connection at once; fires when it is gone."""
        closed: Deferred[None] = Deferred()
        if self._error is None:
            self._error = HostFailed("the connection was ended")
        self._wake()
        if self._connected:
            self._closed.append(closed)
            self._abort()
        else:
            closed.callback(None)
        return closed

    # --- time and ends -------------------------------------------------------------------

    async def _wait(self) -> None:
        self._waiting = Deferred()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.called:
            self._waiting.callback(None)

    def _late(self, seconds: float) -> None:
        self.give_up(HostFailed(f"the server was silent for {seconds:.0f} seconds"))

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self._abort()

    def _abort(self) -> None:
        if self._connected:
            self.tcp.abortConnection()
