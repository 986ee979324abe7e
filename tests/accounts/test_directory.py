"""The directory: one cache, right at once after every change."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailim.accounts.directory import Directory
from mailim.errors import LimitExceeded
from mailim.events import AccountsChanged, Events
from mailim.interfaces.store import IStore
from tests.accounts.sites import PASSWORD, Site


class CountingStore:
    """A store that counts reads and can hold back their results."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.reads = 0
        self.gate: Deferred[None] | None = None

    def write(self, *args: Any) -> Any:
        return self._store.write(*args)

    def read(self, unit: Any) -> Any:
        self.reads += 1
        result = self._store.read(unit)
        if self.gate is None:
            return result
        gate = self.gate

        async def held() -> Any:
            value = await result
            await gate
            return value

        return Deferred.fromCoroutine(held())


class DirectoryTests(TestCase):
    async def _site(self) -> tuple[Site, CountingStore, Directory]:
        site = Site(self)
        await site.people()
        counting = CountingStore(site.store)
        store: IStore = counting  # type: ignore[assignment]
        return site, counting, Directory(store, site.events, max_recipients=20)

    async def test_find_normalises_and_caches(self) -> None:
        _, store, directory = await self._site()
        found = await directory.find("Alice@EXAMPLE.test")
        assert found is not None
        self.assertEqual(found.address, "alice@example.test")
        self.assertEqual(await directory.find("alice@example.test"), found)
        reads = store.reads
        for _ in range(10):
            await directory.find("alice@example.test")
            await directory.find("Alice@example.test")
        self.assertEqual(store.reads, reads)
        self.assertEqual(await directory.get(found.id), found)
        reads = store.reads
        self.assertEqual(await directory.get(found.id), found)
        self.assertEqual(store.reads, reads)

    async def test_unknown_is_cached_and_foreign_not_asked(self) -> None:
        _, store, directory = await self._site()
        self.assertIsNone(await directory.find("nobody@example.test"))
        reads = store.reads
        self.assertIsNone(await directory.find("nobody@example.test"))
        self.assertIsNone(await directory.find("alice@elsewhere.test"))
        for junk in ("", "@", "alice", "a b@example.test", "x" * 10_000 + "@example.test"):
            self.assertIsNone(await directory.find(junk))
        self.assertEqual(store.reads, reads)
        self.assertIsNone(await directory.get(4711))

    async def test_changes_show_at_once(self) -> None:
        site, _, directory = await self._site()
        self.assertIsNone(await directory.find("bob@example.test"))
        self.assertFalse(await directory.is_local("other.test"))
        self.assertEqual(len(await directory.colleagues("example.test")), 2)
        await site.accounts.add("bob@example.test", PASSWORD)
        await site.accounts.add_domain("other.test")
        self.assertIsNotNone(await directory.find("bob@example.test"))
        self.assertTrue(await directory.is_local("other.test"))
        self.assertEqual(len(await directory.colleagues("example.test")), 3)
        await site.accounts.disable("bob@example.test")
        bob = await directory.find("bob@example.test")
        assert bob is not None
        self.assertFalse(bob.enabled)
        self.assertEqual(len(await directory.colleagues("example.test")), 2)
        await site.accounts.set("alice@example.test", published=False)
        shown = await directory.colleagues("example.test")
        self.assertEqual([each.address for each in shown], ["admin@example.test"])
        await site.accounts.delete("bob@example.test")
        self.assertIsNone(await directory.find("bob@example.test"))

    async def test_a_read_that_began_before_a_change_is_not_kept(self) -> None:
        site, store, directory = await self._site()
        await directory.domains()
        store.gate = Deferred()
        early = Deferred.fromCoroutine(directory.find("alice@example.test"))
        by_id = Deferred.fromCoroutine(directory.get(1))
        colleagues = Deferred.fromCoroutine(directory.colleagues("example.test"))
        await site.store.read(lambda tx: None)
        gate, store.gate = store.gate, None
        await site.accounts.disable("alice@example.test")
        await site.accounts.disable("admin@example.test")
        gate.callback(None)
        await early
        await by_id
        await colleagues
        alice = await directory.find("alice@example.test")
        assert alice is not None
        self.assertFalse(alice.enabled)
        admin = await directory.get(1)
        assert admin is not None
        self.assertFalse(admin.enabled)
        self.assertEqual(await directory.colleagues("example.test"), ())

    async def test_bounded(self) -> None:
        site, _, _ = await self._site()
        directory = Directory(site.store, Events(), max_entries=10, max_unknown=10)
        for number in range(100):
            await directory.find(f"a{number}@example.test")
        self.assertEqual(len(directory._unknown), 10)
        self.assertEqual(len(directory._entries), 0)

    async def test_domains(self) -> None:
        _, _, directory = await self._site()
        self.assertEqual(await directory.domains(), frozenset({"example.test"}))
        for name in ("example.test", "EXAMPLE.test", "example.test."):
            self.assertTrue(await directory.is_local(name))
        for name in ("", "elsewhere.test", "x" * 5000, "a b"):
            self.assertFalse(await directory.is_local(name))


class ResolveTests(TestCase):
    async def _site(self) -> Site:
        site = Site(self)
        await site.people()
        await site.accounts.add("bob@example.test", PASSWORD)
        return site

    async def test_plain(self) -> None:
        site = await self._site()
        resolve = site.directory.resolve
        self.assertEqual(await resolve("Alice@Example.TEST"), ("alice@example.test",))
        self.assertEqual(await resolve("x@elsewhere.test"), ("x@elsewhere.test",))
        self.assertIsNone(await resolve("nobody@example.test"))
        self.assertIsNone(await resolve("not an address"))

    async def test_disabled_account_still_gets_mail(self) -> None:
        site = await self._site()
        await site.accounts.disable("bob@example.test")
        self.assertEqual(await site.directory.resolve("bob@example.test"), ("bob@example.test",))

    async def test_alias_and_group(self) -> None:
        site = await self._site()
        acts = site.accounts
        await acts.add_alias("info@example.test", "alice@example.test")
        await acts.add_alias("help@example.test", "info@example.test")
        await acts.add_alias("away@example.test", "x@elsewhere.test")
        await acts.add_group("team@example.test")
        await acts.add_group("all@example.test")
        for member in ("help@example.test", "bob@example.test", "y@elsewhere.test"):
            await acts.add_member("team@example.test", member)
        await acts.add_member("all@example.test", "team@example.test")
        await acts.add_member("all@example.test", "alice@example.test")
        await acts.add_member("all@example.test", "away@example.test")
        resolve = site.directory.resolve
        self.assertEqual(await resolve("help@example.test"), ("alice@example.test",))
        self.assertEqual(await resolve("away@example.test"), ("x@elsewhere.test",))
        everybody = await resolve("all@example.test")
        assert everybody is not None
        self.assertEqual(len(everybody), len(set(everybody)))
        self.assertEqual(
            set(everybody),
            {"alice@example.test", "bob@example.test", "x@elsewhere.test", "y@elsewhere.test"},
        )

    async def test_members_that_are_gone_are_left_out(self) -> None:
        site = await self._site()
        await site.accounts.add_group("team@example.test")
        self.assertEqual(await site.directory.resolve("team@example.test"), ())
        await site.accounts.add_member("team@example.test", "bob@example.test")
        await site.accounts.add_member("team@example.test", "alice@example.test")
        await site.accounts.delete("bob@example.test")
        self.assertEqual(await site.directory.resolve("team@example.test"), ("alice@example.test",))

    async def test_loops_are_cut(self) -> None:
        site = await self._site()

        def plant(tx: Any) -> None:
            tx.accounts.add_alias("a@example.test", "b@example.test")
            tx.accounts.add_alias("b@example.test", "a@example.test")
            tx.accounts.add_group("g@example.test", "")
            for member in ("a@example.test", "g@example.test", "bob@example.test"):
                tx.accounts.add_member("g@example.test", member)
            for number in range(30):
                tx.accounts.add_alias(f"n{number}@example.test", f"n{number + 1}@example.test")

        await site.store.write(plant)
        self.assertIsNone(await site.directory.resolve("a@example.test"))
        self.assertEqual(await site.directory.resolve("g@example.test"), ("bob@example.test",))
        self.assertIsNone(await site.directory.resolve("n0@example.test"))

    async def test_ten_steps_are_followed(self) -> None:
        site = await self._site()

        def plant(tx: Any) -> None:
            for number in range(9):
                tx.accounts.add_alias(f"n{number}@example.test", f"n{number + 1}@example.test")
            tx.accounts.add_alias("n9@example.test", "bob@example.test")

        await site.store.write(plant)
        self.assertEqual(await site.directory.resolve("n0@example.test"), ("bob@example.test",))

    async def test_too_many(self) -> None:
        site = await self._site()
        directory = Directory(site.store, site.events, max_recipients=20)

        def plant(tx: Any) -> None:
            tx.accounts.add_group("big@example.test", "")
            for number in range(21):
                tx.accounts.add_member("big@example.test", f"m{number}@elsewhere.test")

        await site.store.write(plant)
        await self.assertFailure(
            Deferred.fromCoroutine(directory.resolve("big@example.test")), LimitExceeded
        )

    async def test_subaddress(self) -> None:
        """RFC 5233: the detail behind + does not matter, unless the address exists as it is."""
        site = await self._site()
        await site.accounts.add_alias("bob+list@example.test", "alice@example.test")
        await site.accounts.add_alias("info@example.test", "alice@example.test")
        resolve = site.directory.resolve
        self.assertEqual(await resolve("bob+shop@example.test"), ("bob@example.test",))
        self.assertEqual(await resolve("bob+a+b@example.test"), ("bob@example.test",))
        self.assertEqual(await resolve("info+x@example.test"), ("alice@example.test",))
        self.assertEqual(await resolve("bob+list@example.test"), ("alice@example.test",))
        self.assertIsNone(await resolve("nobody+x@example.test"))
        self.assertIsNone(await resolve("+x@example.test"))
        self.assertEqual(await resolve("x+y@elsewhere.test"), ("x+y@elsewhere.test",))

    async def test_postmaster(self) -> None:
        """RFC 5321 4.5.1: postmaster of a hosted domain always reaches somebody."""
        site = await self._site()
        acts = site.accounts
        await acts.add_domain("other.test")
        resolve = site.directory.resolve
        self.assertEqual(await resolve("Postmaster@example.test"), ("admin@example.test",))
        self.assertEqual(await resolve("postmaster@other.test"), ("admin@example.test",))
        await acts.add("zoe@other.test", PASSWORD, admin=True)
        self.assertEqual(await resolve("postmaster@other.test"), ("zoe@other.test",))
        await acts.add_alias("postmaster@other.test", "bob@example.test")
        self.assertEqual(await resolve("postmaster@other.test"), ("bob@example.test",))
        await acts.disable("admin@example.test")
        self.assertEqual(await resolve("postmaster@example.test"), ("zoe@other.test",))
        await acts.disable("zoe@other.test")
        self.assertIsNone(await resolve("postmaster@example.test"))


class EventTests(TestCase):
    async def test_generation_counts_changes(self) -> None:
        site = Site(self)
        before = site.directory.generation
        site.events.publish(AccountsChanged("x@example.test"))
        self.assertEqual(site.directory.generation, before + 1)
