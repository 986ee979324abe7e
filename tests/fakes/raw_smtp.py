"""A client that writes raw bytes and reads whole SMTP replies; for tests of sessions."""

from __future__ import annotations

import base64
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.python.failure import Failure

CLOSED = "closed"


class RawSmtp(Protocol):
    """Gives replies one after the other, lines joined by newlines; CLOSED at the end."""

    def __init__(self) -> None:
        self._data = b""
        self._lines: list[str] = []
        self._replies: list[str] = []
        self._waiting: Deferred[None] | None = None

    def dataReceived(self, data: bytes) -> None:
        *lines, self._data = (self._data + data).split(b"\r\n")
        for line in lines:
            self._lines.append(line.decode())
            if line[3:4] == b" ":
                self._replies.append("\n".join(self._lines))
                self._lines.clear()
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._replies.append(CLOSED)
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and self._replies:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    async def next(self, seconds: float = 60.0) -> str:
        """Give the next reply; fails after a while."""
        if not self._replies:
            self._waiting = Deferred()
            self._waiting.addTimeout(seconds, reactor)
            await self._waiting
        return self._replies.pop(0)

    def send(self, data: bytes | str) -> None:
        """Write."""
        transport: Any = self.transport
        transport.write(data.encode() if isinstance(data, str) else data)

    async def say(self, line: str) -> str:
        """Send a command, give its reply."""
        self.send(f"{line}\r\n")
        return await self.next()

    async def all(self, *lines: str) -> list[str]:
        """Send commands one after the other, give the codes of their replies."""
        return [(await self.say(line))[:9] for line in lines]

    async def start_tls(self) -> str:
        """EHLO, STARTTLS, EHLO; gives what is offered inside."""
        await self.say("EHLO client.example")
        reply = await self.say("STARTTLS")
        assert reply.startswith("220"), reply
        transport: Any = self.transport
        transport.startTLS(CertificateOptions())
        return await self.say("EHLO client.example")

    async def plain(self, name: str, password: str) -> str:
        """AUTH PLAIN; gives the reply."""
        message = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        return await self.say(f"AUTH PLAIN {message}")


async def connect(port: int, tls: bool = False, address: str = "127.0.0.1") -> RawSmtp:
    """Connect and read the greeting."""
    endpoint: Any = TCP4ClientEndpoint(reactor, address, port)
    if tls:
        endpoint = wrapClientTLS(CertificateOptions(), endpoint)
    client: RawSmtp = await connectProtocol(endpoint, RawSmtp())
    greeting = await client.next()
    assert greeting.startswith("220 "), greeting
    return client
