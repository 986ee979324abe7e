"""Client streams over WebSocket (RFC 7395), for browsers.

Twisted has a WebSocket resource, but it accepts no subprotocol, which makes browsers
refuse it, and knows no limit; so wsproto is used here directly, on the connection that
Twisted hands over. The page's cookies mean nothing here: who may come in is SASL's to say,
so a page of any origin may connect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import BAD_REQUEST, SERVICE_UNAVAILABLE
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Request,
    TextMessage,
)
from wsproto.handshake import H11Handshake
from wsproto.utilities import LocalProtocolError, RemoteProtocolError
from zope.interface import implementer

from mailim.protocols.xmpp.carrier import ICarrier
from mailim.protocols.xmpp.client_stream import ClientStream
from mailim.protocols.xmpp.connections import Connections
from mailim.protocols.xmpp.outbox import Outbox
from mailim.protocols.xmpp.services import StreamServices
from mailim.wire import ns
from mailim.wire.xml import (
    Element,
    XmlLimits,
    XmlStreamError,
    parse_document,
    serialise,
)

SUBPROTOCOL = "xmpp"
_CLOSE_SECONDS = 5.0
UPGRADE_REQUIRED = 426  # RFC 9110 15.5.22
_NORMAL, _PROTOCOL_ERROR, _TOO_BIG = 1000, 1002, 1009  # RFC 6455 7.4.1


@implementer(ICarrier)
class WebSocketCarrier(Protocol):
    """One WebSocket; every text message is one element."""

    secure = True  # the listener speaks TLS only
    can_start_tls = False

    def __init__(
        self, services: StreamServices, connections: Connections, wire: Connection, peer: str
    ) -> None:
        self._services = services
        self._connections = connections
        self._settings = services.settings()
        self._limits: XmlLimits = self._settings.before_auth
        self._wire = wire
        self._peer = peer
        self._parts: list[str] = []
        self._size = 0
        self._closing = False
        self._paused = False
        self._pinged = False
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Twisted calls this."""
        transport: Any = self.transport
        self._outbox = Outbox(
            self._services.clock,
            transport.write,
            self._settings.unread_octets,
            transport.abortConnection,
        )
        transport.unregisterProducer()  # the HTTP channel's own
        transport.registerProducer(self._outbox, True)
        self.conversation = ClientStream(self._services, self, "websocket", self._peer)
        self._timer = self._services.clock.callLater(self._settings.ping_seconds, self._idle)

    def dataReceived(self, data: bytes) -> None:
        """Twisted calls this."""
        self._pinged = False
        try:
            self._wire.receive_data(data)
            for event in self._wire.events():
                self._event(event)
        except RemoteProtocolError:
            self._shut(_PROTOCOL_ERROR)
            self.conversation.lost("broken framing")

    def _event(self, event: object) -> None:
        if self._closing and not isinstance(event, CloseConnection):
            return
        if isinstance(event, TextMessage):
            # An empty piece costs something, too: there may be millions.
            self._size += max(1, len(event.data))
            if self._size > self._limits.stanza_bytes:
                self.conversation.broken("policy-violation", "The stanza is too large.")
                return
            self._parts.append(event.data)
            if event.message_finished:
                frame = "".join(self._parts)
                self._parts.clear()
                self._size = 0
                self._frame(frame)
        elif isinstance(event, BytesMessage):  # RFC 7395 3.2
            self.conversation.broken("unsupported-encoding", "Only text messages are XMPP.")
        elif isinstance(event, Ping):
            self._outbox.put(self._wire.send(event.response()))
        elif isinstance(event, CloseConnection):
            # Open still: wsproto found frames it cannot read; the peer is told the reason
            # (RFC 6455 7.1.7).
            if self._wire.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
                self._outbox.put(self._wire.send(CloseConnection(event.code)))
            self._leave()
            self.conversation.lost("closed by the client")

    def _frame(self, frame: str) -> None:
        try:
            element = parse_document(frame, self._limits)
        except XmlStreamError as error:
            self.conversation.broken(error.condition, error.text)
            return
        if element.ns != ns.FRAMING:
            self.conversation.received(element)
        elif element.name == "open":
            self.conversation.opened(element.attrs)
        elif element.name == "close":
            self.conversation.ended()
        else:
            self.conversation.broken("unsupported-stanza-type", "This is no frame of RFC 7395.")

    def _idle(self) -> None:
        """Ping a silent peer; end one that does not answer."""
        if self._pinged and not self._paused:
            self.abort()
            return
        if not self._paused:  # else its answer would wait unread
            self._pinged = True
            self._outbox.put(self._wire.send(Ping()))
        self._timer = self._services.clock.callLater(self._settings.ping_seconds, self._idle)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted calls this."""
        self._connections.leave(self._peer)
        self._stop_timer()
        self._outbox.stop()
        self.conversation.lost("connection closed" if self._closing else "connection lost")

    # --- ICarrier ----------------------------------------------------------------------

    def send_open(self, attrs: Mapping[str, str]) -> None:
        """Send `<open/>` (RFC 7395 3.4)."""
        self._text(serialise(Element("open", ns.FRAMING, attrs), ""))

    def send(self, element: Element) -> int:
        """Send an element, which declares its own namespace (3.3.3)."""
        data = serialise(element, "")
        self._text(data)
        return len(data)

    def _text(self, data: bytes) -> None:
        try:
            self._outbox.put(self._wire.send(TextMessage(data.decode())))
        except LocalProtocolError:
            self.abort()  # the peer closed while we were talking

    def close(self) -> None:
        """Send `<close/>` and end the WebSocket (3.6)."""
        if not self._closing:
            self._text(serialise(Element("close", ns.FRAMING), ""))
            self._shut(_NORMAL)

    def _shut(self, code: int) -> None:
        if self._closing:
            return
        if self._wire.state is ConnectionState.OPEN:
            self._outbox.put(self._wire.send(CloseConnection(code)))
        self._leave()

    def _leave(self) -> None:
        if self._closing:
            return
        self._closing = True
        transport: Any = self.transport
        transport.resumeProducing()
        self._outbox.finish(self._lose)
        self._stop_timer()
        self._timer = self._services.clock.callLater(_CLOSE_SECONDS, self.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _lose(self) -> None:
        transport: Any = self.transport
        # A producer that is still registered would keep the connection open.
        transport.unregisterProducer()
        transport.loseConnection()

    def abort(self) -> None:
        """End the connection at once."""
        transport: Any = self.transport
        transport.abortConnection()

    def start_tls(self) -> None:
        """Never called: TLS is there from the start."""
        raise AssertionError("a WebSocket cannot start TLS")

    def restart(self, limits: XmlLimits) -> None:
        """Expect another `<open/>` under these limits (3.7)."""
        self._limits = limits

    def pause(self) -> None:
        """Stop reading."""
        self._paused = True
        if not self._closing:
            transport: Any = self.transport
            transport.pauseProducing()

    def resume(self) -> None:
        """Go on reading; a ping that was not answered before is no longer waited for."""
        self._paused = self._pinged = False
        if not self._closing:
            transport: Any = self.transport
            transport.resumeProducing()

    def channel_bindings(self) -> Mapping[str, bytes]:
        """Give none: a page cannot see its TLS connection."""
        return {}

    def tls_description(self) -> str:
        """Give version and cipher."""
        transport: Any = self.transport
        handle = transport.getHandle()
        return f"{handle.get_protocol_version_name()} {handle.get_cipher_name()}"


class WebSocketXmpp(Resource):
    """The resource `/xmpp-websocket`."""

    isLeaf = True
    _log = Logger()

    def __init__(self, services: StreamServices, connections: Connections) -> None:
        super().__init__()
        self._services = services
        self._connections = connections

    def render_HEAD(self, request: Any) -> bytes | int:
        """Refuse: a handshake is a GET (RFC 6455 4.1)."""
        return self._refuse(request, UPGRADE_REQUIRED, b"")

    def render_GET(self, request: Any) -> bytes | int:
        """Upgrade; 400 or 426 for what is no WebSocket handshake for XMPP."""
        wire_handshake = H11Handshake(ConnectionType.SERVER)
        headers = [
            (name, value)
            for name, values in request.requestHeaders.getAllRawHeaders()
            for value in values
        ]
        try:
            wire_handshake.initiate_upgrade_connection(headers, request.path.decode("ascii"))
        except (RemoteProtocolError, UnicodeDecodeError):
            return self._refuse(request, UPGRADE_REQUIRED, b"This is for WebSocket (RFC 7395).")
        asked = next(iter(wire_handshake.events()), None)
        if not isinstance(asked, Request) or SUBPROTOCOL not in asked.subprotocols:
            return self._refuse(request, BAD_REQUEST, b"The subprotocol must be xmpp (RFC 7395).")
        peer = str(request.getClientAddress().host)
        if not self._connections.enter(peer):
            return self._refuse(request, SERVICE_UNAVAILABLE, b"Too many connections.")
        answer = wire_handshake.send(AcceptConnection(subprotocol=SUBPROTOCOL))
        wire = wire_handshake.connection
        assert wire is not None  # noqa: S101 - accepted just now
        carrier = WebSocketCarrier(self._services, self._connections, wire, peer)
        channel = request.channel
        transport = channel.transport
        # The one private name used: the door Twisted's own WebSockets go through.
        channel.setTimeout(None)
        transport.write(answer)
        channel._protocolUpgradeForWebsockets(carrier)
        return NOT_DONE_YET

    def _refuse(self, request: Any, status: int, text: bytes) -> bytes:
        request.setResponseCode(status)
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        if status == UPGRADE_REQUIRED:
            request.setHeader(b"upgrade", b"websocket")
        return text + b"\n"
