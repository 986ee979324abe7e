"""A WebSocket client that writes what it is told and reads frames; for tests of RFC 7395."""

from __future__ import annotations

import base64
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.python.failure import Failure
from wsproto import WSConnection
from wsproto.connection import ConnectionType
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from mailim.wire import ns
from mailim.wire.xml import AFTER_AUTH, Element, parse_document

CLOSED = "closed"


class RawWebSocket(Protocol):
    """Gives what arrives: AcceptConnection, RejectConnection, Element, CloseConnection, CLOSED."""

    def __init__(self) -> None:
        self._wire = WSConnection(ConnectionType.CLIENT)
        self._events: list[Any] = []
        self._waiting: Deferred[None] | None = None
        self._text = ""
        self._lost = False
        self.pings = 0
        self.answers_pings = True

    def dataReceived(self, data: bytes) -> None:
        self._wire.receive_data(data)
        for event in self._wire.events():
            if isinstance(event, TextMessage):
                self._text += event.data
                if event.message_finished:
                    self._events.append(parse_document(self._text, AFTER_AUTH))
                    self._text = ""
            elif isinstance(event, Ping):
                self.pings += 1
                if self.answers_pings:
                    self._write(self._wire.send(event.response()))
            elif isinstance(event, AcceptConnection | RejectConnection | CloseConnection):
                self._events.append(event)
            elif not isinstance(event, RejectData):
                raise AssertionError(event)
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._events.append(CLOSED)
        self._wake()

    def abort(self) -> None:
        """End the connection, if it still is one."""
        if not self._lost:
            self.transport.abortConnection()  # type: ignore[union-attr]

    def _wake(self) -> None:
        if self._waiting is not None and self._events:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    def _write(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[union-attr]

    async def next(self, seconds: float = 60.0) -> Any:
        """Give the next event."""
        if not self._events:
            self._waiting = Deferred()
            self._waiting.addTimeout(seconds, reactor)
            await self._waiting
        return self._events.pop(0)

    async def upgrade(self, subprotocols: list[str], path: str = "/xmpp-websocket") -> Any:
        """Ask for a WebSocket; gives the answer."""
        self._write(
            self._wire.send(Request(host="localhost", target=path, subprotocols=subprotocols))
        )
        return await self.next()

    def send(self, text: str) -> None:
        """Send a text message."""
        self._write(self._wire.send(TextMessage(text)))

    def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self._write(self._wire.send(BytesMessage(data)))

    def send_raw(self, data: bytes) -> None:
        """Write octets behind the framing's back."""
        self._write(data)

    async def open(self, domain: str = "example.test") -> Element:
        """Open a stream; gives its features."""
        self.send(f"<open xmlns='{ns.FRAMING}' to='{domain}' version='1.0'/>")
        opened = await self.next()
        assert (opened.name, opened.ns) == ("open", ns.FRAMING), opened
        features: Element = await self.next()
        return features

    async def sign_in(self, name: str, password: str, resource: str = "web") -> str:
        """Go from an upgraded WebSocket to a bound resource."""
        await self.authenticate(name, password)
        self.send(
            f"<iq xmlns='{ns.CLIENT}' type='set' id='bind'><bind xmlns='{ns.BIND}'>"
            f"<resource>{resource}</resource></bind></iq>"
        )
        answer = await self.next()
        return str(answer.find("bind", ns.BIND).find("jid").text)

    async def authenticate(self, name: str, password: str, domain: str = "example.test") -> Element:
        """Go from an upgraded WebSocket to a stream that is signed in; gives its features."""
        await self.open(domain)
        message = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        self.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{message}</auth>")
        answer = await self.next()
        assert answer.name == "success", answer
        return await self.open(domain)


async def connect(port: int) -> RawWebSocket:
    """Connect to 127.0.0.1 by TLS."""
    endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    client: RawWebSocket = await connectProtocol(
        wrapClientTLS(CertificateOptions(), endpoint), RawWebSocket()
    )
    return client
