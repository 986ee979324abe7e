"""Bad input over real sockets: what it is, what answers it, and driving thousands of it."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, islice

from mailim.wire import ns
from tests.fakes.site import DOMAIN, RunningSite

AT_ONCE = 8
SECONDS = 30


@dataclass(frozen=True)
class Bad:
    """One kind of bad input: what is sent, and what has to stand in the answer.

    head: whether a good stream header or WebSocket opening goes before it.
    """

    name: str
    sent: bytes
    answer: bytes
    head: bool = True


HEAD = (
    f"<stream:stream to='{DOMAIN}' version='1.0' xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAM}'>"
).encode()
OPEN = f"<open xmlns='{ns.FRAMING}' to='{DOMAIN}' version='1.0'/>".encode()

_LAUGHS = b"<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>]>"
_ELEMENTS = (
    Bad("too large", b"<message><body>" + b"x" * 300_000, b"policy-violation"),
    Bad("deep", b"<a>" * 200, b"policy-violation"),
    Bad("many children", b"<message>" + b"<a/>" * 10_000, b"policy-violation"),
    Bad("many attributes", b"<a " + b" ".join(b"a%d='1'" % n for n in range(100)) + b"/>",
        b"policy-violation"),
    Bad("an endless tag", b"<a " + b"x" * 20_000, b"policy-violation"),
    Bad("not well-formed", b"<message><body></message>", b"not-well-formed"),
    Bad("bare ampersand", b"<message>a & b</message>", b"not-well-formed"),
    Bad("unbound prefix", b"<nobody:message/>", b"bad-namespace-prefix"),
    Bad("twice the same attribute", b"<a b='1' b='2'/>", b"not-well-formed"),
    Bad("NUL", b"<message>\x00</message>", b"not-well-formed"),
    Bad("entity", b"<message><body>&boom;</body></message>", b"e"),
    Bad("comment", b"<!-- hello -->", b"restricted-xml"),
    Bad("processing instruction", b"<?php echo 1 ?>", b"restricted-xml"),
    Bad("a stanza before signing in", b"<message to='a@b'><body>x</body></message>",
        b"not-authorized"),
)  # fmt: skip

XMPP = (
    *_ELEMENTS,
    Bad("DTD", _LAUGHS + HEAD, b"restricted-xml", head=False),
    Bad("external entity", b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'>" + HEAD, b"restricted-xml",
        head=False),
    Bad("not UTF-8", b"<message>\xff\xfe\xc3\x28</message>", b"stream:error"),
    Bad("another encoding", b"<?xml version='1.0' encoding='utf-16'?>" + HEAD,
        b"unsupported-encoding", head=False),
    Bad("another domain", HEAD.replace(DOMAIN.encode(), b"evil.example"), b"host-unknown",
        head=False),
    Bad("another namespace", b"<stream xmlns='urn:example:wrong'>", b"stream:error", head=False),
    Bad("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"stream:error", head=False),
    Bad("noise", bytes(range(128, 256)) * 40, b"stream:error", head=False),
    Bad("white space for ever", b" " * 40_000, b"stream:error"),
    Bad("a password without TLS", f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>AGEAYg==</auth>"
        .encode(), b"policy-violation"),
)  # fmt: skip

WEBSOCKET = (
    *(one for one in _ELEMENTS if one.name not in ("too large", "NUL")),
    Bad("too large", b"<message><body>" + b"x" * 300_000 + b"</body></message>",
        b"policy-violation"),
    Bad("DTD", _LAUGHS + b"<message/>", b"restricted-xml"),
    Bad("two elements", b"<presence/><presence/>", b"not-well-formed"),
    Bad("a stream header", HEAD, b"not-well-formed", head=False),
    Bad("not UTF-8", b"<message>\xff\xfe</message>", b"\x88\x02\x03\xef"),  # close 1007
    Bad("broken base64", f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>%%%</auth>".encode(),
        b"incorrect-encoding"),
    Bad("an unknown mechanism", f"<auth xmlns='{ns.SASL}' mechanism='X'/>".encode(),
        b"invalid-mechanism"),
)  # fmt: skip


SIGNED_IN = (
    *(one for one in _ELEMENTS if one.name != "a stanza before signing in"),
    Bad("somebody else's name", b"<message from='x@evil.example'><body>x</body></message>",
        b"invalid-from"),
    Bad("no stanza", b"<nonsense xmlns='urn:example:x'/>", b"unsupported-stanza-type"),
    Bad("a bad address", b"<message to='@@@/'><body>x</body></message>", b"jid-malformed"),
    Bad("an empty request", b"<iq type='get' id='1'/>", b"bad-request"),
    Bad("an unknown request", b"<iq type='get' id='1'><x xmlns='urn:example:x'/></iq>",
        b"service-unavailable"),
    Bad("a broken query", b"<iq type='set' id='1'><query xmlns='urn:xmpp:mam:2'><x xmlns="
        b"'jabber:x:data' type='submit'><field var='start'><value>never</value></field>"
        b"</x></query></iq>", b"bad-request"),
    Bad("a presence of nonsense", b"<presence type='nonsense' to='a@b'/>", b"bad-request"),
)  # fmt: skip


async def _until(reader: asyncio.StreamReader, answer: bytes) -> bytes:
    """Read until the answer has come; gives everything if the peer closes before."""
    data = b""
    while answer not in data:
        more = await asyncio.wait_for(reader.read(65_536), SECONDS)
        if not more:
            break
        data += more
    return data


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    try:
        await writer.wait_closed()
    except OSError:
        pass


async def xmpp(site: RunningSite, bad: Bad) -> None:
    """Send it over TCP."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.ports["xmpp"])
    try:
        if bad.head:
            writer.write(HEAD)
            features = await _until(reader, b"</stream:features>")
            assert b"starttls" in features, features
        writer.write(bad.sent)
        answer = await _until(reader, bad.answer)
        assert bad.answer in answer, (bad.name, answer[-500:])
    finally:
        await _close(writer)


class SignedInSender:
    """Signs in by direct TLS, then sends bad input."""

    def __init__(self, site: RunningSite, name: str, password: str) -> None:
        self._port = site.ports["xmpps"]
        self._context = site.context()
        word = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        self._auth = f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{word}</auth>".encode()

    async def send(self, bad: Bad) -> None:
        """Connect, sign in and send it."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context, server_hostname="localhost"
        )
        bind = f"<iq type='set' id='b'><bind xmlns='{ns.BIND}'/></iq>".encode()
        try:
            for said, answer in (
                (HEAD, b"</stream:features>"),
                (self._auth, b"<success"),
                (HEAD, b"</stream:features>"),
                (bind, b"</jid>"),
                (bad.sent, bad.answer),
            ):
                writer.write(said)
                got = await _until(reader, answer)
                assert answer in got, (bad.name, got[-500:])
        finally:
            await _close(writer)


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """Make a client's frame (RFC 6455 5.2), masked as it must be."""
    length, mask = len(payload), b"\x11\x22\x33\x44"
    if length < 126:
        size = struct.pack("!B", 128 | length)
    elif length < 65_536:
        size = struct.pack("!BH", 128 | 126, length)
    else:
        size = struct.pack("!BQ", 128 | 127, length)
    whole = mask * (length // 4 + 1)
    number = int.from_bytes(payload, "big") ^ int.from_bytes(whole[:length], "big")
    return bytes([128 | opcode]) + size + mask + number.to_bytes(length, "big")


class WebSocketSender:
    """Sends bad input over WebSocket."""

    def __init__(self, site: RunningSite) -> None:
        self._port = site.ports["https"]
        self._context: ssl.SSLContext = site.context()
        key = base64.b64encode(os.urandom(16)).decode()
        self._upgrade = (
            f"GET /xmpp-websocket HTTP/1.1\r\nHost: localhost:{self._port}\r\n"
            f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n"
        ).encode()

    async def send(self, bad: Bad) -> None:
        """Connect and send it."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context, server_hostname="localhost"
        )
        try:
            writer.write(self._upgrade)
            answer = await _until(reader, b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101 "), answer
            if bad.head:
                writer.write(frame(OPEN))
                await _until(reader, b"features>")
            writer.write(frame(bad.sent))
            answer = await _until(reader, bad.answer)
            assert bad.answer in answer, (bad.name, answer[-500:])
        finally:
            await _close(writer)


@dataclass(frozen=True)
class Ask:
    """A bad HTTP request and the statuses that answer it."""

    name: str
    raw: bytes
    statuses: tuple[int, ...]


def ask(
    name: str,
    line: str,
    *statuses: int,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Ask:
    """Make a request; the body's length is told unless the headers say something else."""
    fields = {"Host": "localhost", **(headers or {})}
    if body and not {"Content-Length", "Transfer-Encoding"} & set(fields):
        fields["Content-Length"] = str(len(body))
    head = "".join(f"{field}: {value}\r\n" for field, value in fields.items())
    return Ask(name, f"{line} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body, statuses)


class HttpSender:
    """Sends bad requests over connections that are kept while the server lets them be."""

    def __init__(self, site: RunningSite) -> None:
        self._port = site.ports["https"]
        self._context = site.context()
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def send(self, request: Ask) -> None:
        """Send it and check the status."""
        reader, writer = await self._connection()
        writer.write(request.raw)
        status, stays = await asyncio.wait_for(self._answer(reader), SECONDS)
        assert status in request.statuses, (request.name, status)
        if stays:
            self._free.append((reader, writer))
        else:
            await _close(writer)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
            await _close(writer)
        return await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context, server_hostname="localhost"
        )

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, bool]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        status = int(first.split(" ")[1])
        fields = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines if x)
        }
        if "content-length" in fields:
            await reader.readexactly(int(fields["content-length"]))
        elif status not in (204, 304):
            await reader.read()
            return status, False
        return status, fields.get("connection", "").lower() != "close"

    async def close(self) -> None:
        """Close the connections that are kept."""
        for _, writer in self._free:
            await _close(writer)
        self._free.clear()


async def drive(kinds: Iterator[Callable[[], Awaitable[None]]]) -> None:
    """Do all of it, `AT_ONCE` at a time; the first failure ends it."""

    async def work() -> None:
        for one in kinds:
            await one()

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def times(
    count: int, kinds: list[Callable[[], Awaitable[None]]]
) -> Iterator[Callable[[], Awaitable[None]]]:
    """Give so many, each kind in turn."""
    return islice(cycle(kinds), count)
