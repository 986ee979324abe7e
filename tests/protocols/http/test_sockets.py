"""The same over real sockets and TLS, with a blocking client in a thread."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailim.protocols.http.limits import HttpLimits
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, json_response
from mailim.protocols.http.router import Route, Router
from mailim.protocols.http.site import Site
from mailim.tls import self_signed
from tests.fakes.waiting import until

reactor: Any = installed
MEGABYTE = 1 << 20


class SocketTests(TestCase):
    """Each client runs in a thread; each test ends with its server."""

    def setUp(self) -> None:
        self.highest = 0
        self.cancelled: Deferred[None] = Deferred()
        router = Router(
            [
                Route("POST", "/small", self.small, max_body=1000),
                Route("POST", "/whole", self.small, max_body=MEGABYTE),
                Route("POST", "/large", self.large, max_body=64 * MEGABYTE, streams=True),
                Route("GET", "/endless", self.endless),
            ]
        )
        limits = HttpLimits(linger_seconds=1.0)
        self.site = Site(reactor, router, limits)
        certificate, key = self_signed(("localhost",))
        self.certificate = certificate.decode()
        pair = PrivateCertificate.loadPEM(certificate + key)
        options: CertificateOptions = pair.options()
        self.plain = reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.tls = reactor.listenSSL(0, self.site, options, interface="127.0.0.1")
        self.addCleanup(lambda: Deferred.fromCoroutine(self.stop()))

    async def stop(self) -> None:
        self.site.close()
        await self.plain.stopListening()
        await self.tls.stopListening()
        await until(lambda: not self.site.connections)

    async def small(self, request: Request) -> Response:
        return json_response(len(await request.body.all()))

    async def large(self, request: Request) -> Response:
        taken = 0
        async for piece in request.body:
            taken += len(piece)
            self.highest = max(self.highest, request.body.received - taken)
            if taken % 16 == 0:
                await deferLater(reactor, 0)
        return json_response(taken)

    async def endless(self, request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    await deferLater(reactor, 0)
                    self.highest += 65536
                    yield b"x" * 65536
            finally:
                self.cancelled.callback(None)

        return Response(body=pieces(), content_type="text/plain")

    def connect(self, tls: bool) -> http.client.HTTPConnection:
        if not tls:
            return http.client.HTTPConnection("127.0.0.1", self.plain.getHost().port, timeout=60)
        context = ssl.create_default_context(cadata=self.certificate)
        port = self.tls.getHost().port
        connection = http.client.HTTPSConnection("localhost", port, timeout=60, context=context)
        return connection

    async def both(self, work: Callable[[http.client.HTTPConnection], Any]) -> list[Any]:
        results = []
        for tls in (False, True):

            def run(tls: bool = tls) -> Any:
                connection = self.connect(tls)
                try:
                    return work(connection)
                finally:
                    connection.close()

            results.append(await deferToThread(run))
        return results

    async def test_upload(self) -> None:
        def upload(connection: http.client.HTTPConnection) -> Any:
            body = b"x" * (20 * MEGABYTE)
            connection.request("POST", "/large", body)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers["Strict-Transport-Security"]

        plain, secure = await self.both(upload)
        self.assertEqual(plain, (200, b"20971520", None))
        self.assertEqual(secure, (200, b"20971520", "max-age=63072000"))
        self.assertLess(self.highest, MEGABYTE)

    async def test_a_body_that_is_wanted_whole(self) -> None:
        """Nobody takes of it before it is complete: the peer must not be paused."""

        def post(connection: http.client.HTTPConnection) -> Any:
            answers = []
            for size in (300_000, MEGABYTE, 5):
                connection.request("POST", "/whole", b"x" * size)
                answers.append(connection.getresponse().read())
            return answers

        expected = [b"300000", b"1048576", b"5"]
        self.assertEqual(await self.both(post), [expected, expected])

    async def test_chunked_upload(self) -> None:
        def upload(connection: http.client.HTTPConnection) -> Any:
            pieces = (b"y" * 100_000 for _ in range(50))
            connection.request("POST", "/large", pieces, encode_chunked=True)
            return connection.getresponse().read()

        self.assertEqual(await self.both(upload), [b"5000000", b"5000000"])

    async def test_a_refusal_reaches_a_client_that_is_still_sending(self) -> None:
        """Without lingering the connection is reset and the answer lost."""

        def upload(connection: http.client.HTTPConnection) -> Any:
            connection.request("POST", "/small", b"x" * (8 * MEGABYTE))
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers["Connection"]

        self.assertEqual(await self.both(upload), [(413, "close")] * 2)

    async def test_a_reader_that_stops_stops_the_writer(self) -> None:
        def read_some() -> socket.socket:
            client = socket.create_connection(("127.0.0.1", self.plain.getHost().port), timeout=60)
            client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(1000)
            return client

        client = await deferToThread(read_some)
        before = -1
        for _ in range(200):
            if before == self.highest:
                break
            before = self.highest
            await deferLater(reactor, 0.05)
        self.assertEqual(before, self.highest)
        self.assertLess(self.highest, 32 * MEGABYTE)  # what two kernel buffers hold at most
        client.close()
        await self.cancelled

    async def test_keeping_the_connection(self) -> None:
        def ask(connection: http.client.HTTPConnection) -> Any:
            sizes = []
            for size in (1, 1000, 0, 500):
                connection.request("POST", "/small", b"x" * size)
                sizes.append(int(connection.getresponse().read()))
            return sizes

        self.assertEqual(await self.both(ask), [[1, 1000, 0, 500]] * 2)
