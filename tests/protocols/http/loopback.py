"""A site on memory transports: octets in, octets out, a clock moved by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mailim.protocols.http.limits import HttpLimits
from mailim.protocols.http.router import Router
from mailim.protocols.http.site import Site


class Transport(StringTransport):
    """A StringTransport that remembers being cut off and calls its producer as TCP does."""

    def __init__(self, peer: str = "192.0.2.1") -> None:
        super().__init__(peerAddress=IPv4Address("TCP", peer, 4000))
        self.aborted = False
        self.paused_reading = 0
        self.capacity: int | None = None  # octets after which the producer is paused

    def write(self, data: bytes) -> None:
        super().write(data)
        self._full()

    def writeSequence(self, data: Any) -> None:
        super().writeSequence(data)
        self._full()

    def _full(self) -> None:
        if self.capacity is not None and len(self.value()) > self.capacity:
            producer: Any = self.producer
            producer.pauseProducing()

    def abortConnection(self) -> None:
        self.aborted = True
        self.disconnecting = True

    def pauseProducing(self) -> None:
        self.paused_reading += 1
        self.producerState = "paused"

    def resumeProducing(self) -> None:
        self.producerState = "producing"


class LocalSite(Site):
    def threads(self, work: Any) -> Deferred[Any]:
        return maybeDeferred(work)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes

    def header(self, name: str) -> str:
        return self.headers[name.lower()]


class Connection:
    """One client on a site."""

    def __init__(self, site: Site, peer: str = "192.0.2.1") -> None:
        self.site = site
        self.transport = Transport(peer)
        self.channel = site.buildProtocol(IPv4Address("TCP", peer, 4000))
        if self.channel is not None:
            self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self.channel.dataReceived(data)

    @property
    def output(self) -> bytes:
        return bytes(self.transport.value())

    @property
    def closed(self) -> bool:
        return bool(self.transport.disconnecting)

    def lose(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))

    def ask(self, head: str, body: bytes = b"", host: str = "example.test") -> Answer:
        """Send a request (without Host and the blank line); give the one answer."""
        self.transport.clear()
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        lines = head.replace("\n", "\r\n") + f"\r\nHost: {host}\r\n{length}\r\n"
        self.send(lines.encode() + body)
        return parse(self.output, head=head.startswith("HEAD"))


def parse(octets: bytes, head: bool = False) -> Answer:
    """Parse the first response in some octets."""
    top, _, rest = octets.partition(b"\r\n\r\n")
    lines = top.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for field in lines[1:]:
        name, _, value = field.partition(": ")
        headers[name.lower()] = value
    status = int(lines[0].split(" ")[1])
    if head or status in (204, 304):
        return Answer(status, headers, b"", rest)
    if "content-length" in headers:
        size = int(headers["content-length"])
        return Answer(status, headers, rest[:size], rest[size:])
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while True:
            line, _, rest = rest.partition(b"\r\n")
            if not line:
                break
            size = int(line, 16)
            body += rest[:size]
            rest = rest[size + 2 :]
            if size == 0:
                break
    return Answer(status, headers, body, rest)


def make_site(router: Router, limits: HttpLimits | None = None, **named: Any) -> LocalSite:
    return LocalSite(Clock(), router, limits, **named)
