"""A client that writes raw bytes and reads XMPP elements; for tests of streams."""

from __future__ import annotations

import base64
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.python.failure import Failure

from mailim.wire import ns
from mailim.wire.xml import AFTER_AUTH, Element, StreamClose, StreamOpen, StreamParser

CLOSED = "closed"


class RawClient(Protocol):
    """Gives what arrives, one event after the other: StreamOpen, Element, StreamClose, CLOSED."""

    def __init__(self) -> None:
        self._parser = StreamParser(AFTER_AUTH)
        self._events: list[Any] = []
        self._waiting: Deferred[None] | None = None

    def dataReceived(self, data: bytes) -> None:
        self._events += self._parser.feed(data)
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._events.append(CLOSED)
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and self._events:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    async def next(self, seconds: float = 60.0) -> Any:
        """Give the next event; fails after a while."""
        if not self._events:
            self._waiting = Deferred()
            self._waiting.addTimeout(seconds, reactor)
            await self._waiting
        return self._events.pop(0)

    def send(self, text: str | bytes) -> None:
        """Write."""
        data = text.encode() if isinstance(text, str) else text
        self.transport.write(data)  # type: ignore[union-attr]

    def open(self, domain: str = "example.test") -> None:
        """Write a stream header."""
        self.send(
            f"<stream:stream to='{domain}' version='1.0' xmlns='{ns.CLIENT}'"
            f" xmlns:stream='{ns.STREAM}'>"
        )

    async def features(self, domain: str = "example.test") -> Element:
        """Open a stream and give its features."""
        self.open(domain)
        opened = await self.next()
        assert isinstance(opened, StreamOpen), opened
        features: Element = await self.next()
        assert features.name == "features", features
        return features

    def restart(self) -> None:
        """Expect a new header."""
        self._parser = StreamParser(AFTER_AUTH)

    async def start_tls(self) -> None:
        """STARTTLS, without looking at the certificate."""
        await self.features()
        self.send(f"<starttls xmlns='{ns.TLS}'/>")
        proceed = await self.next()
        assert proceed.name == "proceed", proceed
        self.transport.startTLS(CertificateOptions())  # type: ignore[union-attr]
        self.restart()

    async def plain(self, name: str, password: str) -> Element:
        """SASL PLAIN; gives the answer."""
        message = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        self.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{message}</auth>")
        answer: Element = await self.next()
        return answer

    async def sign_in(self, name: str, password: str, resource: str = "test") -> str:
        """Go from nothing to a bound resource; gives the full JID."""
        await self.start_tls()
        await self.features()
        answer = await self.plain(name, password)
        assert answer.name == "success", answer
        self.restart()
        await self.features()
        return await self.bind(resource)

    async def bind(self, resource: str) -> str:
        """Bind."""
        self.send(
            f"<iq type='set' id='bind'><bind xmlns='{ns.BIND}'>"
            f"<resource>{resource}</resource></bind></iq>"
        )
        answer = await self.next()
        return str(answer.find("bind", ns.BIND).find("jid").text)

    async def error(self) -> str:
        """Expect a stream error, then the end; gives the condition (RFC 6120 4.9)."""
        event = await self.next()
        if isinstance(event, StreamOpen):
            event = await self.next()
        assert isinstance(event, Element) and event.name == "error", event
        condition = next(event.elements(ns=ns.STREAM_ERRORS)).name
        assert isinstance(await self.next(), StreamClose)
        assert await self.next() == CLOSED
        return condition


async def connect(port: int, tls: bool = False) -> RawClient:
    """Connect to 127.0.0.1."""
    endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    if tls:
        endpoint = wrapClientTLS(CertificateOptions(), endpoint)
    client: RawClient = await connectProtocol(endpoint, RawClient())
    return client
