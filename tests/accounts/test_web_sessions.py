"""Browser sessions: how they begin, live and end."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailim.accounts.web_sessions import WebSessions
from mailim.interfaces.accounts import Account
from tests.accounts.sites import Site
from tests.accounts.test_directory import CountingStore

ALICE = "alice@example.test"


class WebSessionsTests(TestCase):
    async def sessions(self) -> tuple[Site, WebSessions, CountingStore, Account]:
        site = Site(self)
        await site.people()
        counting = CountingStore(site.store)
        store: Any = counting
        sessions = WebSessions(site.clock, store, site.directory, idle=1000, absolute=3000)
        alice = await site.directory.find(ALICE)
        assert alice is not None
        return site, sessions, counting, alice

    async def rows(self, site: Site, cookie: str) -> Any:
        from hashlib import sha256

        digest = sha256(cookie.encode()).digest()
        return await site.store.read(lambda tx: tx.accounts.web_session(digest))

    async def test_create_and_find(self) -> None:
        site, sessions, _, alice = await self.sessions()
        cookie = await sessions.create(alice, "192.0.2.1", "Browser " + "x" * 1000)
        self.assertEqual(len(urlsafe_b64decode(cookie + "=")), 32)
        found = await sessions.find(cookie)
        assert found is not None
        self.assertEqual(found[0], alice)
        self.assertEqual(found[1].peer, "192.0.2.1")
        self.assertEqual(len(found[1].agent), 300)
        stored = await self.rows(site, cookie)
        self.assertNotIn(cookie, repr(stored))

    async def test_junk_cookies(self) -> None:
        _, sessions, store, alice = await self.sessions()
        await sessions.create(alice, "", "")
        reads = store.reads
        for cookie in ("", "x" * 42, "é" * 43, "x" * 1_000_000, "\x00" * 44):
            self.assertIsNone(await sessions.find(cookie))
        self.assertEqual(store.reads, reads)
        self.assertIsNone(await sessions.find("x" * 43))
        await sessions.end("x" * 43)
        await sessions.end("\ud800")

    async def test_page_of_many_requests_costs_one_read(self) -> None:
        site, sessions, store, alice = await self.sessions()
        cookie = await sessions.create(alice, "", "")
        reads = store.reads
        for _ in range(20):
            self.assertIsNotNone(await sessions.find(cookie))
        self.assertEqual(store.reads, reads + 1)
        site.clock.advance(31)
        await sessions.find(cookie)
        self.assertEqual(store.reads, reads + 2)

    async def test_idle(self) -> None:
        site, sessions, _, alice = await self.sessions()
        cookie = await sessions.create(alice, "", "")
        site.clock.advance(1000)
        self.assertIsNone(await sessions.find(cookie))

    async def test_use_moves_the_idle_limit_up_to_the_absolute_one(self) -> None:
        site, sessions, _, alice = await self.sessions()
        cookie = await sessions.create(alice, "", "")
        for _ in range(5):
            site.clock.advance(599)
            self.assertIsNotNone(await sessions.find(cookie))
            await site.settle()
        stored = await self.rows(site, cookie)
        self.assertEqual(stored.expires, stored.created + 3_000_000_000)
        self.assertEqual(stored.last_seen, stored.created + 5 * 599_000_000)
        site.clock.advance(10)
        self.assertIsNone(await sessions.find(cookie))

    async def test_last_seen_is_not_written_for_each_request(self) -> None:
        site, sessions, _, alice = await self.sessions()
        cookie = await sessions.create(alice, "", "")
        before = await self.rows(site, cookie)
        site.clock.advance(299)
        await sessions.find(cookie)
        await site.settle()
        self.assertEqual(await self.rows(site, cookie), before)

    async def test_end(self) -> None:
        site, sessions, _, alice = await self.sessions()
        cookie, other = [await sessions.create(alice, "", "") for _ in range(2)]
        await sessions.find(cookie)
        await sessions.end(cookie)
        self.assertIsNone(await sessions.find(cookie))
        self.assertIsNone(await self.rows(site, cookie))
        self.assertIsNotNone(await sessions.find(other))

    async def test_end_while_a_read_is_under_way(self) -> None:
        _, sessions, store, alice = await self.sessions()
        cookie = await sessions.create(alice, "", "")
        store.gate = Deferred()
        early = Deferred.fromCoroutine(sessions.find(cookie))
        gate, store.gate = store.gate, None
        await sessions.end(cookie)
        gate.callback(None)
        await early
        self.assertIsNone(await sessions.find(cookie))

    async def test_end_all(self) -> None:
        site, sessions, _, alice = await self.sessions()
        admin = await site.directory.find("admin@example.test")
        assert admin is not None
        cookies = [await sessions.create(alice, "", "") for _ in range(3)]
        other = await sessions.create(admin, "", "")
        await sessions.find(cookies[0])
        self.assertEqual(await sessions.end_all(alice.id), 3)
        for cookie in cookies:
            self.assertIsNone(await sessions.find(cookie))
        self.assertIsNotNone(await sessions.find(other))

    async def test_new_password_and_disabling_end_them(self) -> None:
        site, sessions, _, alice = await self.sessions()
        cookie = await sessions.create(alice, "", "")
        self.assertIsNotNone(await sessions.find(cookie))
        await site.accounts.passwd(ALICE, "another password")
        self.assertIsNone(await sessions.find(cookie))
        cookie = await sessions.create(alice, "", "")
        self.assertIsNotNone(await sessions.find(cookie))
        await site.accounts.disable(ALICE)
        self.assertIsNone(await sessions.find(cookie))
        await site.accounts.enable(ALICE)
        self.assertIsNone(await sessions.find(cookie))
        cookie = await sessions.create(alice, "", "")
        await sessions.find(cookie)
        await site.accounts.delete(ALICE)
        self.assertIsNone(await sessions.find(cookie))

    async def test_sweep(self) -> None:
        site, sessions, _, alice = await self.sessions()
        await sessions.create(alice, "", "")
        site.clock.advance(500)
        cookie = await sessions.create(alice, "", "")
        site.clock.advance(600)
        self.assertEqual(await sessions.sweep(), 1)
        self.assertIsNotNone(await sessions.find(cookie))
        site.clock.advance(3700)
        await sessions.create(alice, "", "")
        await site.settle()
        self.assertIsNone(await self.rows(site, cookie))
