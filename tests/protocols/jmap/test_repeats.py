"""Ten thousand bad requests leave nothing behind."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger, LogPublisher
from twisted.trial.unittest import TestCase

from mailim.protocols.http.router import Router
from mailim.protocols.http.site import Site
from mailim.protocols.jmap.methods import CORE, MAIL
from tests.protocols.http.loopback import Connection, LocalSite
from tests.protocols.jmap.kit import Kit, mail
from tests.wire.memory import resident_bytes

REPEATS = 10_000
ALLOWED = 5 * 1024 * 1024


class RepeatTests(TestCase):
    """Bad octets go through a whole site; its transports are in memory."""

    async def test_bad_http(self) -> None:
        # A worker of `trial -j` keeps each line of the log until the test is over.
        self.patch(Site, "_log", Logger(observer=LogPublisher()))
        kit = await Kit.start(self)
        site = LocalSite(kit.clock, Router(kit.jmap.routes()))
        head = b"POST /jmap/api HTTP/1.1\r\nHost: x\r\n"
        bad = [
            b"\0\xff\r\n\r\n",
            b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /%00%2f HTTP/1.1\r\nHost: x\r\n\r\n",
            b"BREW /jmap/api HTTP/1.1\r\nHost: x\r\n\r\n",
            head + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 1000,
            head + b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n" + b"x" * 1000,
            head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            head + b"Content-Length: 100\r\n\r\nbroken off",
            head + b"A: b\r\n" * 200 + b"\r\n",
            b"POST /jmap/upload/a1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nxxx",
        ]

        def once(data: bytes) -> None:
            connection = Connection(site)
            connection.send(data)
            connection.lose()

        await self.repeat([lambda data=data: maybeDeferred(once, data) for data in bad])
        self.assertEqual(site.connections, 0)
        self.assertEqual(kit.clock.getDelayedCalls(), [])

    async def test_bad_jmap(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add(mail())
        account = {"accountId": kit.account_id}
        deep: Any = 1
        for _ in range(60):
            deep = [deep]
        calls: list[list[Any]] = [
            ["Email/get", {**account, "ids": [deep]}],
            ["Email/get", {**account, "ids": [id], "properties": ["header:\0"]}],
            ["Email/query", {**account, "filter": {"operator": "NOT", "conditions": [{}, deep]}}],
            ["Email/query", {**account, "filter": {"text": "x" * 900}}],
            ["Email/set", {**account, "update": {id: {"keywords/a b": True, "mailboxIds": deep}}}],
            ["Email/set", {**account, "destroy": ["e999", "\0"]}],
            ["Mailbox/set", {**account, "create": {"k": {"name": "a\0b", "parentId": deep}}}],
            ["Email/get", {**account, "#ids": {"resultOf": "c0", "name": "x", "path": "/*"}}],
            ["Thread/get", {"accountId": deep}],
            ["No/such", deep and {}],
        ]
        octets = json.dumps(
            {
                "using": [CORE, MAIL],
                "methodCalls": [[*call, f"c{place}"] for place, call in enumerate(calls)],
            }
        ).encode()
        bad = [octets, b"[" * 5000, b'{"using":', b"\xff" * 100]

        def post(data: bytes) -> Deferred[Any]:
            return Deferred.fromCoroutine(kit.post(data))

        await self.repeat([lambda data=data: post(data) for data in bad], REPEATS // 4)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def repeat(self, acts: list[Any], times: int = REPEATS) -> None:
        for act in acts * 20:  # caches fill
            await act()
        growth: list[int] = []
        while not growth or (growth[-1] >= ALLOWED and len(growth) < 2):
            # What the allocator takes once, after many other tests, is no leak; a leak grows on.
            before = resident_bytes()
            for number in range(times):
                await acts[number % len(acts)]()
            growth.append(resident_bytes() - before)
        self.assertLess(growth[-1], ALLOWED, f"{growth}")
