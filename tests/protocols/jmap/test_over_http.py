"""JMAP through a whole site: limits of bodies, event streams that are cut off."""

from __future__ import annotations

import base64
import json
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailim.protocols.http.router import Router
from mailim.protocols.jmap.limits import JmapLimits
from tests.fakes.waiting import until
from tests.protocols.http.loopback import Connection, LocalSite, parse
from tests.protocols.jmap.kit import ALICE, PASSWORD, Kit

reactor: Any = installed
BASIC = base64.b64encode(f"{ALICE}:{PASSWORD}".encode()).decode()


class OverHttpTests(TestCase):
    async def connect(self, limits: JmapLimits | None = None) -> tuple[Kit, Connection]:
        kit = await Kit.start(self, limits)
        kit.identity._allow_plain = True
        return kit, Connection(LocalSite(kit.clock, Router(kit.jmap.routes())))

    def send(self, connection: Connection, head: str, *fields: str) -> None:
        lines = [head, "Host: x", f"Authorization: Basic {BASIC}", *fields]
        connection.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def until(self, connection: Connection, wanted: bytes) -> None:
        try:
            await until(lambda: wanted in connection.output)
        except AssertionError:
            self.fail(f"{wanted!r} did not come: {connection.output[-500:]!r}")

    async def test_too_large(self) -> None:
        kit, connection = await self.connect(JmapLimits(size_request=1000, size_upload=2000))
        for path, length, limit in (
            ("/jmap/api", 1001, "maxSizeRequest"),
            (f"/jmap/upload/{kit.account_id}", 2001, "maxSizeUpload"),
        ):
            connection = Connection(connection.site)
            self.send(connection, f"POST {path} HTTP/1.1", f"Content-Length: {length}")
            connection.send(b"x" * length)
            answer = parse(connection.output)
            self.assertEqual(answer.status, 413)
            problem = json.loads(answer.body)
            self.assertEqual(problem["type"], "urn:ietf:params:jmap:error:limit")
            self.assertEqual(problem["limit"], limit)
            connection.lose()

    async def test_a_large_request(self) -> None:
        _, connection = await self.connect()
        octets = json.dumps({"using": ["x" * 600_000], "methodCalls": []}).encode()
        self.send(
            connection, "POST /jmap/api HTTP/1.1", "Content-Type: application/json",
            f"Content-Length: {len(octets)}",
        )  # fmt: skip
        for at in range(0, len(octets), 65536):
            connection.send(octets[at : at + 65536])
        await self.until(connection, b"unknownCapability")
        connection.lose()

    async def test_a_request_that_grows_too_large(self) -> None:
        _, connection = await self.connect(JmapLimits(size_request=2000))
        self.send(
            connection, "POST /jmap/api HTTP/1.1", "Content-Type: application/json",
            "Transfer-Encoding: chunked",
        )  # fmt: skip
        connection.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        await deferLater(reactor, 0.05)
        connection.send(b"7d0\r\n" + b"x" * 2000 + b"\r\n")
        await self.until(connection, b"maxSizeRequest")
        connection.lose()

    async def test_strangers_are_refused_before_they_have_sent_all(self) -> None:
        _, connection = await self.connect()
        head = "POST /jmap/api HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.send(f"{head}Content-Length: 5000000\r\n\r\n".encode() + b"x" * 1000)
        await self.until(connection, b"HTTP/1.1 403 ")
        connection.lose()

    async def test_an_upload_that_grows_too_large(self) -> None:
        kit, connection = await self.connect(JmapLimits(size_upload=2000))
        head = f"POST /jmap/upload/{kit.account_id} HTTP/1.1"
        self.send(connection, head, "Transfer-Encoding: chunked")
        connection.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        await deferLater(reactor, 0.05)
        connection.send(b"7d0\r\n" + b"x" * 2000 + b"\r\n")
        await self.until(connection, b"maxSizeUpload")
        waiting = await kit.store.read(lambda tx: tx.items.upload_octets(kit.alice.id))
        self.assertEqual(waiting, 0)
        connection.lose()

    async def test_a_request(self) -> None:
        kit, connection = await self.connect()
        calls = [["Mailbox/get", {"accountId": kit.account_id, "ids": None}, "c"]]
        using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]
        body = json.dumps({"using": using, "methodCalls": calls}).encode()
        fields = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        self.send(connection, "POST /jmap/api HTTP/1.1", *fields)
        connection.send(body)
        await self.until(connection, b"sessionState")
        answer = parse(connection.output)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.header("content-type"), "application/json")
        self.assertEqual(answer.header("cache-control"), "no-store")
        connection.lose()

    async def test_event_stream(self) -> None:
        kit, connection = await self.connect()
        self.send(connection, "GET /jmap/eventsource?types=Email&closeafter=no&ping=30 HTTP/1.1")
        await self.until(connection, b": listening")
        self.assertIn(b"text/event-stream", connection.output)
        await kit.add()
        kit.clock.advance(1)
        await self.until(connection, b"event: state")
        self.assertEqual(kit.jmap.push.count, 1)
        connection.lose()
        self.assertEqual(kit.jmap.push.count, 0)
        self.assertEqual(kit.clock.getDelayedCalls(), [])

    async def test_event_stream_of_a_client_that_reads_nothing(self) -> None:
        kit, connection = await self.connect()
        connection.transport.capacity = 1
        self.send(connection, "GET /jmap/eventsource?ping=30 HTTP/1.1")
        await self.until(connection, b": listening")
        for _ in range(20):
            await kit.add()
            kit.clock.advance(10)
        self.assertTrue(connection.transport.aborted)
        self.assertEqual(connection.output.count(b"event: state"), 0)
        connection.lose()
        self.assertEqual(kit.jmap.push.count, 0)

    async def test_the_end_of_the_server(self) -> None:
        kit, connection = await self.connect()
        self.send(connection, "GET /jmap/eventsource HTTP/1.1")
        await self.until(connection, b": listening")
        kit.jmap.close()
        kit.clock.advance(1)
        self.assertTrue(connection.output.endswith(b"0\r\n\r\n"))
        connection.lose()
