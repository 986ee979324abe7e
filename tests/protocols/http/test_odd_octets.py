"""Octets that are no text, wherever a stranger can put them: answered, and nothing in the log."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, json_response
from mailim.protocols.http.router import Route, Router
from tests.protocols.http.loopback import Connection, make_site

ODD = (b"\xff\xfe", b"\xc3(", b"\x80", "ü".encode("latin-1"), b"\xed\xa0\x80")
FIELDS = (
    b"Host", b"Cookie", b"User-Agent", b"Accept", b"Accept-Encoding", b"Authorization",
    b"Content-Type", b"If-None-Match", b"Origin", b"Sec-Fetch-Site", b"Sec-Fetch-Dest",
    b"Sec-Fetch-Mode", b"Last-Event-ID", b"Expect", b"X-Whatever", b"Range",
)  # fmt: skip


async def look(request: Request) -> Response:
    names = [name.decode() for name in FIELDS]
    seen = [[request.header(name) for name in names], request.cookie("sid"), request.wants_page]
    return json_response([seen, request.content_type, request.from_browser, "x" * 5000])


class OddOctetsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = make_site(Router([Route("GET", "/", look), Route("POST", "/", look)]))

    def status(self, octets: bytes) -> bytes:
        connection = Connection(self.site)
        connection.send(octets)
        answer = connection.output
        self.assertTrue(answer.startswith(b"HTTP/1.1 "), octets)
        self.assertEqual(self.flushLoggedErrors(), [], octets)
        return answer[9:12]

    def test_in_every_field(self) -> None:
        for odd in ODD:
            for field in FIELDS:
                host = b"" if field == b"Host" else b"Host: localhost\r\n"
                head = b"GET / HTTP/1.1\r\n" + host + field + b": a" + odd + b"\r\n\r\n"
                expected = b"400" if field == b"Host" else b"200"
                self.assertEqual(self.status(head), expected, (field, odd))

    def test_in_the_request_line(self) -> None:
        for odd in ODD:
            for line in (
                b"G" + odd + b"T / HTTP/1.1",
                b"GET /" + odd + b" HTTP/1.1",
                b"GET /?" + odd + b" HTTP/1.1",
                b"GET / HTTP/1." + odd,
                b"OPTIONS /" + odd + b" HTTP/1.1",
                odd,
            ):
                self.status(line + b"\r\nHost: localhost\r\n\r\n")

    def test_anywhere(self) -> None:
        chance = random.Random(7)
        whole = (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nCookie: sid=x\r\nContent-Length: 0\r\n"
            b"Accept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        )
        for _ in range(2000):
            octets = bytearray(whole)
            for _ in range(chance.randint(1, 3)):
                octets[chance.randrange(len(octets) - 4)] = chance.randrange(256)
            connection = Connection(self.site)
            connection.send(bytes(octets))
            connection.lose()
            self.assertEqual(self.flushLoggedErrors(), [], bytes(octets))
