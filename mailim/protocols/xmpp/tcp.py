"""Client streams over TCP: port 5222 with STARTTLS, port 5223 with TLS at once (XEP-0368)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocolNegotiationFactory,
    ISSLTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailim.protocols.xmpp.carrier import ICarrier
from mailim.protocols.xmpp.client_stream import ClientStream
from mailim.protocols.xmpp.connections import Connections
from mailim.protocols.xmpp.outbox import Outbox
from mailim.protocols.xmpp.services import StreamServices
from mailim.tls import Certificates, channel_bindings
from mailim.wire import ns
from mailim.wire.xml import (
    STREAM_CLOSE,
    Element,
    StreamClose,
    StreamEvent,
    StreamOpen,
    StreamParser,
    XmlLimits,
    XmlStreamError,
    serialise,
    serialise_stream_open,
)

_CLOSE_SECONDS = 5.0  # for the peer to close its side after we did (RFC 6120 4.4)


@implementer(ICarrier)
class ClientProtocol(Protocol):
    """One TCP connection of a client."""

    def __init__(
        self, services: StreamServices, certificates: Certificates, connections: Connections
    ) -> None:
        self._services = services
        self._certificates = certificates
        self._connections = connections
        self._settings = services.settings()
        self._counted = ""
        self._closing = False
        self._kill: IDelayedCall | None = None
        self.conversation: ClientStream | None = None

    def connectionMade(self) -> None:
        """Twisted calls this."""
        transport: Any = self.transport
        self.secure = ISSLTransport.providedBy(transport)
        self.can_start_tls = not self.secure
        peer = str(transport.getPeer().host)
        if not self._connections.enter(peer):
            transport.abortConnection()
            return
        self._counted = peer
        transport.setTcpNoDelay(True)
        self._parser = StreamParser(self._settings.before_auth)
        self._outbox = Outbox(
            self._services.clock,
            transport.write,
            self._settings.unread_octets,
            transport.abortConnection,
        )
        transport.registerProducer(self._outbox, True)
        protocol = "xmpps" if self.secure else "xmpp"
        self.conversation = ClientStream(self._services, self, protocol, peer)

    def dataReceived(self, data: bytes) -> None:
        """Twisted calls this."""
        if self.conversation is None or self._closing:
            return
        parser = self._parser
        error: XmlStreamError | None = None
        try:
            events = parser.feed(data)
        except XmlStreamError as broken:
            events, error = broken.events, broken
        if self._hides_something(events, error, data):
            self.abort()
            return
        for event in events:
            self._event(self.conversation, event)
        if error is not None and parser is self._parser:
            self.conversation.broken(error.condition, error.text)

    def _event(self, conversation: ClientStream, event: StreamEvent) -> None:
        if isinstance(event, StreamOpen):
            if event.name != "stream" or event.ns != ns.STREAM or event.default_ns != ns.CLIENT:
                conversation.broken("invalid-namespace", "This is no client's XMPP stream.")
            else:
                conversation.opened(event.attrs)
        elif isinstance(event, StreamClose):
            conversation.ended()
        else:
            conversation.received(event)

    def _hides_something(
        self, events: list[StreamEvent], error: XmlStreamError | None, data: bytes
    ) -> bool:
        """Say whether bytes stand behind STARTTLS: they were put there before TLS."""
        if self.secure:
            return False
        places = [
            place
            for place, event in enumerate(events)
            if isinstance(event, Element) and event.ns == ns.TLS and event.name == "starttls"
        ]
        if not places:
            return False
        alone = places[0] == len(events) - 1 and error is None and self._parser.idle
        return not (alone and data.endswith(b">"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted calls this."""
        if self._counted:
            self._connections.leave(self._counted)
            self._outbox.stop()
            self._parser.close()
        if self._kill is not None and self._kill.active():
            self._kill.cancel()
        if self.conversation is not None:
            clean = reason.check(ConnectionDone)
            self.conversation.lost("connection closed" if clean else "connection lost")
            self.conversation = None

    # --- ICarrier ----------------------------------------------------------------------

    def send_open(self, attrs: Mapping[str, str]) -> None:
        """Send the stream header."""
        self._outbox.put(serialise_stream_open(attrs))

    def send(self, element: Element) -> int:
        """Send an element."""
        data = serialise(element)
        self._outbox.put(data)
        return len(data)

    def close(self) -> None:
        """Send the closing tag, give the peer a moment, end the connection."""
        if self._closing:
            return
        self._closing = True
        self._outbox.put(STREAM_CLOSE)
        transport: Any = self.transport
        # A paused transport would never notice that the peer closed.
        transport.resumeProducing()
        self._outbox.finish(self._lose)
        self._kill = self._services.clock.callLater(_CLOSE_SECONDS, self.abort)

    def _lose(self) -> None:
        transport: Any = self.transport
        # A producer that is still registered would keep the connection open.
        transport.unregisterProducer()
        transport.loseConnection()

    def abort(self) -> None:
        """End the connection at once."""
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def start_tls(self) -> None:
        """Start TLS."""
        self._outbox.flush()
        transport: Any = self.transport
        transport.startTLS(self._certificates)
        self.secure = True
        self.can_start_tls = False

    def restart(self, limits: XmlLimits) -> None:
        """Expect a new header."""
        self._parser.close()
        self._parser = StreamParser(limits)

    def pause(self) -> None:
        """Stop reading."""
        transport: Any = self.transport
        if transport is not None and not self._closing:
            transport.pauseProducing()

    def resume(self) -> None:
        """Go on reading."""
        transport: Any = self.transport
        if transport is not None and not self._closing:
            transport.resumeProducing()

    def channel_bindings(self) -> Mapping[str, bytes]:
        """Give them by name."""
        transport: Any = self.transport
        return channel_bindings(transport.getHandle())

    def tls_description(self) -> str:
        """Give version and cipher."""
        transport: Any = self.transport
        handle = transport.getHandle()
        return f"{handle.get_protocol_version_name()} {handle.get_cipher_name()}"


@implementer(IProtocolNegotiationFactory)
class ClientFactory(Factory):
    """Makes the protocol of each connection; for 5223 it is wrapped in TLS by tap."""

    noisy = False

    def __init__(
        self, services: StreamServices, certificates: Certificates,
        connections: Connections,
    ) -> None:  # fmt: skip
        self._services = services
        self._certificates = certificates
        self._connections = connections

    def acceptableProtocols(self) -> list[bytes]:
        """What ALPN may choose where TLS comes first (XEP-0368 section 4)."""
        return [b"xmpp-client"]

    def buildProtocol(self, addr: IAddress | None) -> ClientProtocol:
        """Twisted calls this."""
        return ClientProtocol(self._services, self._certificates, self._connections)
