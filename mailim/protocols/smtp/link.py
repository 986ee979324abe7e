"""One TCP connection of an SMTP client, as the session sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime, ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailim.background import spawn
from mailim.protocols.smtp.limits import SmtpLimits
from mailim.protocols.smtp.replies import Reply
from mailim.tls import Certificates
from mailim.wire.smtp import Event, SmtpReceiver

_CLOSE_SECONDS: Final = 5.0  # for a client to read our last reply


class Lost(Exception):
    """The client is gone."""


class TimedOut(Exception):
    """The client took too long."""


class Stopped(Exception):
    """The server is being stopped."""


@implementer(IPushProducer)
class Link(Protocol):
    """Reads events one at a time and writes replies; both wait for the slower side.

    Of what a client sends no more than `waiting_octets` and one read stand in memory, and
    nothing more is worked off while it does not read its replies.

    arrived: told about the connection; says whether to `serve`, or refuse it with a reply.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        certificates: Certificates,
        limits: SmtpLimits,
        arrived: Callable[[Link], Any],
        gone: Callable[[Link], None],
    ) -> None:
        self._clock = clock
        self._certificates = certificates
        self._limits = limits
        self._arrived = arrived
        self._gone = gone
        self.receiver = SmtpReceiver()
        self.peer = ""
        self.secure = False
        self.lost = False
        self._closing = False
        self._paused = False
        self._blocked = False
        self._waiting: Deferred[None] | None = None
        self._interrupted = False
        self._kill: IDelayedCall | None = None

    # --- Twisted calls these ------------------------------------------------------------

    def connectionMade(self) -> None:
        """Begin."""
        transport: Any = self.transport
        self.secure = ISSLTransport.providedBy(transport)
        self.peer = str(transport.getPeer().host)
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        transport.registerProducer(self, True)
        session = self._arrived(self)
        if session is not None:
            spawn(session, "an SMTP session")

    def dataReceived(self, data: bytes) -> None:
        """Take octets."""
        if self._closing:
            return
        self.receiver.feed(data)
        if not self._paused and self.receiver.waiting > self._limits.waiting_octets:
            self._paused = True
            transport: Any = self.transport
            transport.pauseProducing()
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End."""
        self.lost = True
        if self._kill is not None and self._kill.active():
            self._kill.cancel()
        self._wake()
        self._gone(self)

    def pauseProducing(self) -> None:
        """The transport's buffer is full: the client does not read."""
        self._blocked = True

    def resumeProducing(self) -> None:
        """The transport takes more."""
        self._blocked = False
        self._wake()

    def stopProducing(self) -> None:
        """The transport is gone."""

    # --- the session calls these ----------------------------------------------------------

    async def next(self, seconds: float) -> Event:
        """Give the next event; raises `Lost`, `Stopped`, `TimedOut`, `SmtpInputError`."""
        end = self._clock.seconds() + seconds
        while True:
            if self.lost:
                raise Lost
            event = None if self._blocked else self.receiver.next()
            self._read_on()
            if event is not None:
                return event
            if self._interrupted:
                raise Stopped
            self._waiting = waiting = Deferred[None]()
            waiting.addTimeout(max(end - self._clock.seconds(), 0.0), self._clock)
            try:
                await waiting
            except TimeoutError:
                raise TimedOut from None
            finally:
                self._waiting = None

    def send(self, reply: Reply) -> None:
        """Write a reply."""
        transport: Any = self.transport
        if not self.lost and not self._closing:
            transport.write(bytes(reply))

    def start_tls(self) -> None:
        """Start TLS; all that was said before is forgotten (RFC 3207 4.2)."""
        transport: Any = self.transport
        transport.unregisterProducer()
        transport.startTLS(self._certificates)
        transport.registerProducer(self, True)
        self.receiver = SmtpReceiver()
        self.secure = True

    def close(self) -> None:
        """Write what waits, then end the connection; a client that does not read is cut off."""
        if self._closing or self.lost:
            return
        self._closing = True
        transport: Any = self.transport
        transport.resumeProducing()  # a paused transport would not notice the other end
        transport.unregisterProducer()
        transport.loseConnection()
        self._kill = self._clock.callLater(_CLOSE_SECONDS, self.abort)

    def interrupt(self) -> None:
        """Let `next` raise `Stopped` instead of waiting, from now on."""
        self._interrupted = True
        self._wake()

    def abort(self) -> None:
        """End the connection at once."""
        transport: Any = self.transport
        if not self.lost and transport is not None:
            transport.abortConnection()

    def channel_bindings(self) -> Mapping[str, bytes]:
        """Give tls-exporter (RFC 9266, TLS 1.3 only) and tls-server-end-point (RFC 5929)."""
        bindings = {"tls-server-end-point": self._certificates.end_point_binding()}
        transport: Any = self.transport
        handle = transport.getHandle()
        if handle.get_protocol_version_name() == "TLSv1.3":
            bindings["tls-exporter"] = handle.export_keying_material(
                b"EXPORTER-Channel-Binding", 32, b""
            )
        return bindings

    def tls_description(self) -> str:
        """Give version and cipher, "" without TLS."""
        if not self.secure:
            return ""
        transport: Any = self.transport
        handle = transport.getHandle()
        return f"{handle.get_protocol_version_name()} {handle.get_cipher_name()}"

    def _read_on(self) -> None:
        if self._paused and self.receiver.waiting <= self._limits.waiting_octets // 2:
            self._paused = False
            transport: Any = self.transport
            transport.resumeProducing()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
