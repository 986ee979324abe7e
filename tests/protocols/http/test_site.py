"""Requests from the first octet to the last: routes, limits, deadlines, headers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from mailim.errors import Invalid, NotFound, RateLimited, StoreUnavailable
from mailim.protocols.http.headers import SANDBOX_POLICY
from mailim.protocols.http.limits import HttpLimits
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, json_response, no_content, text_response
from mailim.protocols.http.router import Route, Router
from tests.protocols.http.loopback import Connection, make_site, parse

SECURITY = (
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "x-frame-options",
    "permissions-policy",
    "cache-control",
    "date",
)


class Kit:
    """A router with routes of every kind, remembering what happened."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.waiting: Deferred[Response] = Deferred()
        self.cancelled = False
        self.pieces: list[bytes] = []
        self.take: Deferred[None] | None = None
        self.closed = False
        self.router = Router(
            [
                Route("GET", "/", self.hello),
                Route("GET", "/n/{number:int}/{name}", self.segments),
                Route("POST", "/echo", self.echo, max_body=1000),
                Route("POST", "/upload", self.upload, max_body=1_000_000, streams=True),
                Route("POST", "/deny", self.deny, max_body=1_000_000, streams=True),
                Route("GET", "/wait", self.wait),
                Route("GET", "/stream", self.stream),
                Route("GET", "/fail/{kind}", self.fail),
                Route("GET", "/big", self.big),
                Route("GET", "/frame", self.frame),
                Route("GET", "/none", self.none),
            ]
        )

    async def hello(self, request: Request) -> Response:
        return text_response("hello")

    async def segments(self, request: Request, number: int, name: str) -> Response:
        return json_response([number, name, request.query()])

    async def echo(self, request: Request) -> Response:
        return Response(body=await request.body.all(), content_type="text/plain")

    async def upload(self, request: Request) -> Response:
        async for piece in request.body:
            self.pieces.append(piece)
            if self.take is not None:
                await self.take
        return json_response(sum(map(len, self.pieces)))

    async def deny(self, request: Request) -> Response:
        raise Problem(403, "not you")

    async def wait(self, request: Request) -> Response:
        try:
            return await self.waiting
        except CancelledError:
            self.cancelled = True
            raise

    async def stream(self, request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                for number in range(10):
                    self.seen.append(number)
                    yield b"x" * 40_000
            finally:
                self.closed = True

        return Response(body=pieces(), content_type="text/plain")

    async def fail(self, request: Request, kind: str) -> Response:
        errors: dict[str, Exception] = {
            "invalid": Invalid("wrong", "port"),
            "missing": NotFound("no such box"),
            "slow": RateLimited("too often", 12.3),
            "store": StoreUnavailable("the disk is full"),
            "bug": RuntimeError("secret /path"),
        }
        raise errors[kind]

    async def big(self, request: Request) -> Response:
        return json_response(["z" * 100] * 100)

    async def frame(self, request: Request) -> Response:
        policy = ("Content-Security-Policy", "sandbox; frame-ancestors 'self'")
        return Response(body=b"<p>", content_type="text/html", headers=[policy])

    async def none(self, request: Request) -> Response:
        return no_content()


class SiteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kit = Kit()
        self.limits = HttpLimits(
            head_octets=4096, head_line_octets=2048, head_fields=20, connections_per_peer=3
        )
        self.site = make_site(self.kit.router, self.limits)
        self.clock: Any = self.site.reactor
        self.connection = Connection(self.site)

    def ask(self, head: str, body: bytes = b"") -> Any:
        return self.connection.ask(head, body)

    def test_get(self) -> None:
        answer = self.ask("GET / HTTP/1.1")
        self.assertEqual((answer.status, answer.body), (200, b"hello"))
        self.assertEqual(answer.header("content-length"), "5")
        self.assertFalse(self.connection.closed)

    def test_typed_segments(self) -> None:
        answer = self.ask("GET /n/17/caf%C3%A9?a=1&b=%C3%A9 HTTP/1.1")
        self.assertEqual(json.loads(answer.body), [17, "café", {"a": "1", "b": "é"}])
        for path in ("/n/x/y", "/n/-1/y", "/n/01/y", "/n/1", "/n/1/", "/n/1/a/b", "/n/1//b"):
            self.assertEqual(self.ask(f"GET {path} HTTP/1.1").status, 404, path)

    def test_path_tricks_find_nothing(self) -> None:
        for path in (
            "/../etc/passwd", "/n/1/..", "/n/1/%2e%2e", "/n/1/a%2Fb", "/n/1/a%5Cb", "/n/1/%00",
            "/n/1/%ff", "/n/1/.", "//", "/n/1/a%0D%0Ab", "/n/1/%", "/n/1/%zz", "nothing", "/#",
            "/" + "a/" * 100,
        ):  # fmt: skip
            self.assertEqual(self.ask(f"GET {path} HTTP/1.1").status, 404, path)

    def test_absolute_form(self) -> None:
        """RFC 9112 section 3.2.2: a server must take it."""
        self.assertEqual(self.ask("GET http://example.test/ HTTP/1.1").body, b"hello")
        self.assertEqual(self.ask("GET http://example.test HTTP/1.1").body, b"hello")

    def test_head_has_the_headers_of_get(self) -> None:
        answer = self.ask("HEAD / HTTP/1.1")
        self.assertEqual((answer.status, answer.rest), (200, b""))
        self.assertEqual(answer.header("content-length"), "5")

    def test_head_of_a_stream_does_not_run_it(self) -> None:
        answer = self.ask("HEAD /stream HTTP/1.1")
        self.assertEqual((answer.status, answer.rest), (200, b""))
        self.assertEqual(self.kit.seen, [])

    def test_options_and_405_say_what_is_allowed(self) -> None:
        answer = self.ask("OPTIONS / HTTP/1.1")
        self.assertEqual((answer.status, answer.header("allow")), (204, "GET, HEAD, OPTIONS"))
        answer = self.ask("DELETE /echo HTTP/1.1")
        self.assertEqual((answer.status, answer.header("allow")), (405, "OPTIONS, POST"))
        self.assertEqual(self.ask("OPTIONS * HTTP/1.1").status, 204)
        self.assertEqual(self.ask("OPTIONS /nowhere HTTP/1.1").status, 404)

    def test_security_headers_on_every_response(self) -> None:
        heads = [
            "GET / HTTP/1.1", "HEAD / HTTP/1.1", "GET /nowhere HTTP/1.1", "OPTIONS / HTTP/1.1",
            "PUT / HTTP/1.1", "GET /fail/bug HTTP/1.1", "GET /none HTTP/1.1", "GET /x",
            "GET /stream HTTP/1.1",
        ]  # fmt: skip
        for head in heads:
            connection = Connection(self.site, "198.51.100.7")
            answer = connection.ask(head)
            for name in SECURITY:
                self.assertIn(name, answer.headers, head)
            self.assertNotIn("server", answer.headers)
            self.assertNotIn("set-cookie", answer.headers)
            self.assertNotIn("strict-transport-security", answer.headers)  # no TLS here
            connection.lose()
        self.flushLoggedErrors(RuntimeError)

    def test_a_route_may_give_its_own_policy(self) -> None:
        answer = self.ask("GET /frame HTTP/1.1")
        self.assertEqual(
            answer.header("content-security-policy"), "sandbox; frame-ancestors 'self'"
        )
        self.assertEqual(answer.header("x-frame-options"), "SAMEORIGIN")
        self.assertIn("frame-ancestors 'none'", SANDBOX_POLICY)

    def test_errors_by_the_table(self) -> None:
        answer = self.ask("GET /fail/invalid HTTP/1.1")
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.header("content-type"), "application/problem+json")
        self.assertEqual(
            json.loads(answer.body),
            {
                "type": "about:blank", "title": "Bad Request", "status": 400, "detail": "wrong",
                "errors": [{"path": "port", "detail": "wrong"}],
            },
        )  # fmt: skip
        self.assertEqual(self.ask("GET /fail/missing HTTP/1.1").status, 404)
        slow = self.ask("GET /fail/slow HTTP/1.1")
        self.assertEqual((slow.status, slow.header("retry-after")), (429, "12"))
        store = self.ask("GET /fail/store HTTP/1.1")
        self.assertEqual((store.status, store.header("retry-after")), (503, "5"))

    def test_a_mistake_of_ours_tells_nothing(self) -> None:
        answer = self.ask("GET /fail/bug HTTP/1.1")
        self.assertEqual(answer.status, 500)
        self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.ask("GET / HTTP/1.1").status, 200)

    def test_a_person_gets_a_page(self) -> None:
        answer = self.ask("GET /nowhere%3Cb%3E HTTP/1.1\nAccept: text/html,*/*")
        self.assertTrue(answer.header("content-type").startswith("text/html"))
        self.assertNotIn(b"<b>", answer.body)

    # Bodies

    def test_body(self) -> None:
        self.assertEqual(self.ask("POST /echo HTTP/1.1", b"abc").body, b"abc")
        self.assertEqual(self.ask("POST /echo HTTP/1.1").body, b"")

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        one = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
        self.connection.send(b"".join(one + str(n).encode() for n in range(9)))
        rest, bodies = self.connection.output, []
        while rest:
            answer = parse(rest)
            bodies.append(answer.body)
            rest = answer.rest
        self.assertEqual(b"".join(bodies), b"012345678")

    def test_announced_body_too_large_is_refused_before_it_comes(self) -> None:
        self.connection.send(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nabc"
        )
        answer = parse(self.connection.output)
        self.assertEqual((answer.status, answer.header("connection")), (413, "close"))
        self.assert_lingers()

    def test_a_slightly_too_large_body_keeps_the_connection(self) -> None:
        self.assertEqual(self.ask("POST /echo HTTP/1.1", b"x" * 1001).status, 413)
        self.assertEqual(self.ask("GET / HTTP/1.1").status, 200)

    def test_chunked_body_growing_too_large(self) -> None:
        self.connection.send(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        self.connection.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        self.assertEqual(self.connection.output, b"")
        self.connection.send(b"1\r\nx\r\n0\r\n\r\n")
        answer = parse(self.connection.output)
        self.assertEqual((answer.status, answer.rest), (413, b""))
        self.assertEqual(answer.header("connection"), "close")
        self.assert_lingers()

    def assert_lingers(self) -> None:
        self.assertFalse(self.connection.closed)
        self.connection.transport.clear()
        self.connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(self.connection.output, b"")
        self.clock.advance(self.limits.linger_seconds)
        self.assertTrue(self.connection.closed)
        self.clock.advance(self.limits.body_seconds)
        self.assertTrue(self.connection.transport.aborted)
        self.connection.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_discarding_has_an_end(self) -> None:
        self.connection.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
        for _ in range(self.limits.linger_octets // 1_000_000 + 1):
            self.assertFalse(self.connection.transport.aborted)
            self.connection.send(b"x" * 1_000_000)
        self.assertTrue(self.connection.transport.aborted)

    def test_expect_continue(self) -> None:
        head = (
            b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        )
        self.connection.send(head % 3)
        self.assertEqual(self.connection.output, b"HTTP/1.1 100 Continue\r\n\r\n")
        self.connection.transport.clear()
        self.connection.send(b"abc")
        self.assertEqual(parse(self.connection.output).body, b"abc")
        self.connection.transport.clear()
        self.connection.send(head % 1001)
        self.assertEqual(parse(self.connection.output).status, 413)

    def test_body_for_a_route_without_one(self) -> None:
        self.assertEqual(self.ask("GET / HTTP/1.1", b"abc").status, 413)
        self.assertEqual(self.ask("POST /nowhere HTTP/1.1", b"abc").status, 404)
        self.assertEqual(self.ask("GET / HTTP/1.1").status, 200)

    def test_streamed_upload(self) -> None:
        self.connection.send(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
        self.assertEqual(self.kit.pieces, [b"abc"])
        self.connection.send(b"def")
        self.assertEqual(parse(self.connection.output).body, b"6")

    def test_streamed_upload_pauses_the_peer(self) -> None:
        self.kit.take = Deferred()
        self.connection.send(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n")
        for _ in range(5):
            self.connection.send(b"x" * 65536)
        self.assertEqual(self.connection.transport.producerState, "producing")
        self.connection.send(b"x" * 65536)
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.clock.advance(1000)  # the peer waits for us: its deadline stands still
        self.assertEqual(self.connection.output, b"")
        self.kit.take.callback(None)
        self.assertEqual(self.connection.transport.producerState, "producing")
        self.connection.send(b"x" * (900_000 - 6 * 65536))
        self.assertEqual(parse(self.connection.output).body, b"900000")

    def test_streamed_upload_too_large_without_length(self) -> None:
        self.connection.send(
            b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(16):
            self.connection.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        self.assertEqual(parse(self.connection.output).status, 413)
        self.assertLessEqual(sum(map(len, self.kit.pieces)), 1_000_000)

    def test_streaming_route_refuses_before_the_body(self) -> None:
        self.connection.send(b"POST /deny HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n")
        answer = parse(self.connection.output)
        self.assertEqual((answer.status, answer.header("connection")), (403, "close"))
        self.assert_lingers()

    def test_upload_broken_off(self) -> None:
        self.connection.send(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
        self.connection.lose()
        self.assertEqual(self.connection.output, b"")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    # Going away

    def test_a_client_that_goes_cancels_the_route(self) -> None:
        self.connection.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertFalse(self.kit.cancelled)
        self.connection.lose()
        self.assertTrue(self.kit.cancelled)
        self.assertEqual(self.site.connections, 0)

    def test_slow_answers_have_no_deadline(self) -> None:
        self.connection.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        self.clock.advance(100_000)
        self.kit.waiting.callback(text_response("at last"))
        self.assertEqual(parse(self.connection.output).body, b"at last")

    # Streams

    def test_stream_stops_for_a_slow_reader_and_cuts_off_one_that_stalls(self) -> None:
        transport = self.connection.transport
        transport.capacity = 60_000
        self.connection.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertLess(len(self.kit.seen), 5)
        transport.clear()
        self.connection.channel.resumeProducing()
        seen = len(self.kit.seen)
        self.assertGreater(seen, 2)
        self.clock.advance(self.limits.body_seconds - 1)
        self.assertFalse(transport.aborted)
        self.clock.advance(2)
        self.assertTrue(transport.aborted)
        self.connection.lose()
        self.assertTrue(self.kit.closed)
        self.assertEqual(len(self.kit.seen), seen)

    def test_stream_without_length_is_chunked(self) -> None:
        answer = self.ask("GET /stream HTTP/1.1")
        self.assertEqual(answer.header("transfer-encoding"), "chunked")
        self.assertEqual(len(answer.body), 400_000)
        self.assertTrue(self.kit.closed)

    def test_stream_to_http_1_0_ends_with_the_connection(self) -> None:
        self.connection.send(b"GET /stream HTTP/1.0\r\n\r\n")
        answer = parse(self.connection.output)
        self.assertEqual(len(answer.rest), 400_000)
        self.assertTrue(self.connection.closed)

    def test_packing(self) -> None:
        import gzip

        plain = self.ask("GET /big HTTP/1.1")
        packed = self.ask("GET /big HTTP/1.1\nAccept-Encoding: br, gzip;q=0.5")
        self.assertEqual(packed.header("content-encoding"), "gzip")
        self.assertEqual(packed.header("vary"), "Accept-Encoding")
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        none = self.ask("GET /big HTTP/1.1\nAccept-Encoding: gzip;q=0")
        self.assertNotIn("content-encoding", none.headers)

    # Heads

    def test_bad_heads(self) -> None:
        for head, status in (
            (b"GARBAGE\r\n", 400),
            (b"GET / HTTP/9.9\r\n", 400),
            (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: x\r\nHost: x\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 1000 + b"\r\n", None),
            (b"GET / HTTP/1.1\r\n" + b"A: " * 400 + b"\r\n" + b"B: " * 400 + b"\r\n" * 1, None),
            (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 30 + b"\r\n", 431),
            (b"GET / HTTP/1.1\r\n" + (b"A: " + b"b" * 1500 + b"\r\n") * 4 + b"\r\n", 431),
            (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ):  # fmt: skip
            connection = Connection(self.site, "203.0.113.9")
            connection.send(head)
            if status is None:
                self.assertEqual(connection.output, b"")
            else:
                answer = parse(connection.output)
                self.assertEqual(answer.status, status, head[:60])
                self.assertIn("content-security-policy", answer.headers)
                connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(parse(connection.output).rest, b"")
            connection.lose()
        self.assertEqual(self.site.connections, 1)

    def test_host(self) -> None:
        for host in ("", "a b", "x/y", "a,b", "[", "x:123456"):
            answer = self.connection.ask("GET / HTTP/1.1", host=host)
            self.assertEqual(answer.status, 400, host)
        for host in ("example.test:10443", "[::1]:80", "127.0.0.1"):
            answer = self.connection.ask("GET / HTTP/1.1", host=host)
            self.assertEqual(answer.status, 200, host)
        self.connection.transport.clear()
        self.connection.send(b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(parse(self.connection.output).status, 400)

    def test_foreign_host(self) -> None:
        site = make_site(self.kit.router, hosts=frozenset({"mail.example.test"}))
        connection = Connection(site)
        self.assertEqual(connection.ask("GET / HTTP/1.1", host="evil.test").status, 421)
        self.assertEqual(connection.ask("GET / HTTP/1.1", host="Mail.example.test").status, 200)

    # Deadlines

    def test_a_dripping_head_is_cut_off(self) -> None:
        for octet in b"GET / HTTP/1.1\r\n":
            self.connection.send(bytes([octet]))
            self.clock.advance(1)
        self.assertEqual(self.connection.output, b"")
        self.clock.advance(self.limits.head_seconds - 16)
        self.assertEqual(parse(self.connection.output).status, 408)

    def test_an_idle_connection_is_closed(self) -> None:
        self.ask("GET / HTTP/1.1")
        self.clock.advance(self.limits.idle_seconds - 1)
        self.assertFalse(self.connection.closed)
        self.clock.advance(1)
        self.assertTrue(self.connection.closed)

    def test_a_connection_that_never_says_anything_is_closed(self) -> None:
        self.clock.advance(self.limits.idle_seconds)
        self.assertTrue(self.connection.closed)

    def test_a_body_that_stalls(self) -> None:
        self.connection.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        self.clock.advance(self.limits.body_seconds)
        self.assertEqual(parse(self.connection.output).status, 408)

    def test_a_body_that_drips(self) -> None:
        self.connection.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n")
        for _ in range(9):
            self.connection.send(b"x")
            self.clock.advance(8)
        answer = parse(self.connection.output)
        self.assertEqual(answer.status, 408)

    def test_a_streamed_body_that_stalls(self) -> None:
        self.connection.send(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        self.clock.advance(self.limits.body_seconds)
        self.assertEqual(parse(self.connection.output).status, 408)

    # Connections

    def test_connections_per_peer(self) -> None:
        more = [Connection(self.site) for _ in range(3)]
        self.assertEqual([each.channel is not None for each in more], [True, True, False])
        self.assertIsNotNone(Connection(self.site, "192.0.2.2").channel)
        more[0].lose()
        self.assertIsNotNone(Connection(self.site).channel)

    def test_connections_in_all(self) -> None:
        site = make_site(self.kit.router, HttpLimits(connections=1))
        first = Connection(site)
        self.assertIsNone(Connection(site, "192.0.2.2").channel)
        first.lose()
        self.assertIsNotNone(Connection(site, "192.0.2.2").channel)

    def test_close_cuts_all(self) -> None:
        self.site.close()
        self.assertTrue(self.connection.transport.aborted)

    def test_mounted_resource(self) -> None:
        class Page(Resource):
            isLeaf = True

            def render_GET(self, request: Any) -> bytes:
                request.setHeader(b"Server", b"boast/1")
                return b"from twisted.web"

        self.kit.router.mount("/old/way", Page())
        answer = self.ask("GET /old/way?x=1 HTTP/1.1")
        self.assertEqual((answer.status, answer.body), (200, b"from twisted.web"))
        self.assertNotIn("server", answer.headers)
        self.assertIn("content-security-policy", answer.headers)
        self.assertEqual(self.ask("POST /old/way HTTP/1.1", b"x").status, 413)

    def test_a_websocket_frees_its_place(self) -> None:
        """Twisted puts another `connectionLost` in our channel's place."""
        lost: list[object] = []

        class Echo(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.write(data)

            def connectionLost(self, reason: Failure = connectionDone) -> None:
                lost.append(reason)

        class Upgrade(Resource):
            isLeaf = True

            def render_GET(self, request: Any) -> int:
                request.channel._protocolUpgradeForWebsockets(Echo())
                return NOT_DONE_YET

        self.kit.router.mount("/socket", Upgrade())
        self.connection.send(b"GET /socket HTTP/1.1\r\nHost: x\r\n\r\n")
        self.connection.send(b"hello")
        self.assertEqual(self.connection.output, b"hello")
        self.clock.advance(10_000)  # no deadline of HTTP counts any more
        self.assertFalse(self.connection.closed)
        self.connection.lose()
        self.assertEqual((len(lost), self.site.connections), (1, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_log_tells_no_secret(self) -> None:
        seen: list[str] = []

        def observe(event: Any) -> None:
            seen.append(str(formatEvent(event)) + repr(event))

        observer: Any = observe
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        fields = "Cookie: __Host-sid=SECRET\nAuthorization: Basic SECRET"
        for path in ("/n/1/SECRET?t=SECRET", "/?SECRET", "/fail/store", "/nowhere?SECRET=1"):
            self.ask(f"GET {path} HTTP/1.1\n{fields}")
        self.connection.send(b"GET /wait?SECRET HTTP/1.1\r\nHost: x\r\n\r\n")
        self.connection.lose()
        self.assertEqual(len(seen), 5)
        self.assertNotIn("SECRET", "".join(seen))
        self.assertIn("192.0.2.1 GET /n/{number:int}/{name} 200", seen[0])
        self.assertIn("GET /nowhere 404", seen[3])
        self.assertIn("GET /wait gone", seen[4])


class RouterTests(SynchronousTestCase):
    async def act(self, request: Request) -> Response:
        return no_content()

    def test_literals_win_and_parameters_back_off(self) -> None:
        router = Router(
            [
                Route("GET", "/a/{x}/c", self.act),
                Route("GET", "/a/b", self.act),
                Route("GET", "/a/{n:int}", self.act),
                Route("GET", "/f/{rest:path}", self.act),
            ]
        )

        def found(*segments: str) -> Any:
            match: Any = router.find("GET", segments)
            return match.route.pattern, dict(match.arguments)

        self.assertEqual(found("a", "b"), ("/a/b", {}))
        self.assertEqual(found("a", "b", "c"), ("/a/{x}/c", {"x": "b"}))
        self.assertEqual(found("a", "5"), ("/a/{n:int}", {"n": 5}))
        self.assertEqual(found("a", "5", "c"), ("/a/{x}/c", {"x": "5"}))
        self.assertEqual(found("f", "x", "y"), ("/f/{rest:path}", {"rest": "x/y"}))
        self.assertRaises(Problem, found, "f", "")
        self.assertRaises(Problem, found, "a", "q")

    def test_mistakes_are_found_at_once(self) -> None:
        router = Router([Route("GET", "/a/{x}", self.act)])
        for pattern in ("/a/{x}", "/a/{y}/z", "a", "/{x", "/{x:path}/b"):
            self.assertRaises(ValueError, router.add, Route("GET", pattern, self.act))
