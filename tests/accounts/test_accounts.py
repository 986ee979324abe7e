"""The acts of an administrator."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailim.accounts.accounts import STANDARD_FOLDERS
from mailim.errors import AlreadyExists, Invalid, MailimError, NotFound
from tests.accounts.sites import PASSWORD, Site

ALICE = "alice@example.test"


class ActsCase(TestCase):
    async def site(self) -> Site:
        site = Site(self)
        await site.people()
        return site

    async def refused(
        self, act: Coroutine[Any, Any, Any], error: type[MailimError], path: str = ""
    ) -> None:
        failed = await self.assertFailure(Deferred.fromCoroutine(act), error)
        self.assertEqual(getattr(failed, "path", ""), path)
        self.assertTrue(failed.text)


class AccountTests(ActsCase):
    async def test_add(self) -> None:
        site = await self.site()
        bob = await site.accounts.add("Bob@Example.test", PASSWORD, "  Bob B. ")
        self.assertEqual((bob.address, bob.name, bob.admin), ("bob@example.test", "Bob B.", False))
        self.assertEqual(bob.created, 1_800_000_000_000_000)
        await site.passwords.check("bob@example.test", PASSWORD, "192.0.2.1", "imap")

    async def test_standard_folders(self) -> None:
        site = await self.site()
        alice = await site.accounts.show(ALICE)
        folders = await site.store.read(lambda tx: tx.folders.list(alice.id))
        self.assertEqual(
            [(each.role, each.name) for each in folders], list(STANDARD_FOLDERS.items())
        )
        self.assertEqual(folders[0].role, "inbox")

    async def test_refused_and_nothing_left_behind(self) -> None:
        site = await self.site()
        acts = site.accounts
        await acts.add_alias("info@example.test", ALICE)
        await acts.add_group("team@example.test")
        for address, error in (
            (ALICE, AlreadyExists),
            ("info@example.test", AlreadyExists),
            ("team@example.test", AlreadyExists),
            ("x@elsewhere.test", NotFound),
        ):
            await self.refused(acts.add(address, PASSWORD), error)
        for address in ("", "no address", "a/b@example.test", "x" * 65 + "@example.test"):
            await self.refused(acts.add(address, PASSWORD), Invalid, "address")
        await self.refused(acts.add("x@example.test", "short"), Invalid, "password")
        for name in ("x" * 201, "a\nb", "a\u2028b", "\ud800"):
            await self.refused(acts.add("x@example.test", PASSWORD, name), Invalid, "name")
        self.assertEqual(len(await acts.accounts()), 2)

    async def test_show_and_list(self) -> None:
        site = await self.site()
        await site.accounts.add_domain("other.test")
        await site.accounts.add("zoe@other.test", PASSWORD)
        self.assertEqual(len(await site.accounts.accounts()), 3)
        [zoe] = await site.accounts.accounts("OTHER.test")
        self.assertEqual(zoe.address, "zoe@other.test")
        self.assertEqual(await site.accounts.show("ZOE@other.test"), zoe)
        await self.refused(site.accounts.show("x@other.test"), NotFound)

    async def test_set(self) -> None:
        site = await self.site()
        alice = await site.accounts.set(ALICE, name="Alice A.", admin=True, published=False)
        self.assertEqual((alice.name, alice.admin, alice.published), ("Alice A.", True, False))
        self.assertEqual(await site.accounts.set(ALICE), alice)
        self.assertEqual((await site.accounts.set(ALICE, admin=False)).name, "Alice A.")
        self.assertEqual((await site.accounts.set(ALICE, name="")).name, "")
        await self.refused(site.accounts.set("x@example.test", name="x"), NotFound)
        await self.refused(site.accounts.set("x@example.test"), NotFound)

    async def test_disable_enable_delete(self) -> None:
        site = await self.site()
        self.assertFalse((await site.accounts.disable(ALICE)).enabled)
        self.assertTrue((await site.accounts.enable(ALICE)).enabled)
        await site.accounts.delete("Alice@example.test")
        for act in (site.accounts.delete, site.accounts.disable, site.accounts.enable):
            await self.refused(act(ALICE), NotFound)

    async def test_passwd(self) -> None:
        site = await self.site()
        await site.accounts.passwd(ALICE, "another password")
        await site.passwords.check(ALICE, "another password", "192.0.2.1", "imap")
        await self.refused(site.accounts.passwd(ALICE, "short"), Invalid, "password")
        await self.refused(site.accounts.passwd("x@example.test", PASSWORD), NotFound)


class DomainTests(ActsCase):
    async def test_acts(self) -> None:
        acts = (await self.site()).accounts
        added = await acts.add_domain("Bücher.test.")
        self.assertEqual(added.name, "xn--bcher-kva.test")
        self.assertEqual(len(await acts.domains()), 2)
        await self.refused(acts.add_domain("bücher.test"), AlreadyExists)
        for name in ("", "a b", "x" * 300):
            await self.refused(acts.add_domain(name), Invalid, "domain")
        await acts.remove_domain("bücher.test")
        await self.refused(acts.remove_domain("bücher.test"), NotFound)
        await self.refused(acts.remove_domain("example.test"), Invalid)
        self.assertEqual([each.name for each in await acts.domains()], ["example.test"])


class AliasTests(ActsCase):
    async def test_acts(self) -> None:
        acts = (await self.site()).accounts
        await acts.add_alias("Info@example.test", "Alice@example.test")
        [alias] = await acts.aliases()
        self.assertEqual((alias.address, alias.target), ("info@example.test", ALICE))
        await self.refused(acts.add_alias("info@example.test", ALICE), AlreadyExists)
        await self.refused(acts.add_alias(ALICE, "admin@example.test"), AlreadyExists)
        await self.refused(acts.add_alias("x@elsewhere.test", ALICE), NotFound)
        await self.refused(acts.add_alias("x@example.test", "y@example.test"), NotFound)
        await self.refused(acts.add_alias("x@example.test", "junk"), Invalid, "address")
        await acts.remove_alias("INFO@example.test")
        await self.refused(acts.remove_alias("info@example.test"), NotFound)

    async def test_loops(self) -> None:
        acts = (await self.site()).accounts
        await self.refused(acts.add_alias("a@example.test", "a@example.test"), Invalid, "target")
        await acts.add_alias("a@example.test", ALICE)
        await acts.add_alias("b@example.test", "a@example.test")
        await acts.remove_alias("a@example.test")
        await self.refused(acts.add_alias("a@example.test", "b@example.test"), NotFound)
        await acts.add_alias("b+x@example.test", ALICE)
        self.assertEqual(len(await acts.aliases()), 2)

    async def test_long_chains(self) -> None:
        acts = (await self.site()).accounts
        await acts.add_alias("n0@example.test", ALICE)
        for number in range(1, 10):
            await acts.add_alias(f"n{number}@example.test", f"n{number - 1}@example.test")
        await self.refused(acts.add_alias("n10@example.test", "n9@example.test"), Invalid, "target")


class GroupTests(ActsCase):
    async def test_acts(self) -> None:
        acts = (await self.site()).accounts
        await acts.add_group("Team@example.test", "The team")
        await acts.add_member("team@example.test", "ALICE@example.test")
        await acts.add_member("team@example.test", "x@elsewhere.test")
        [group] = await acts.groups()
        self.assertEqual((group.address, group.name), ("team@example.test", "The team"))
        self.assertEqual(set(group.members), {ALICE, "x@elsewhere.test"})
        await self.refused(acts.add_member("team@example.test", ALICE), AlreadyExists)
        await self.refused(acts.add_member("no@example.test", ALICE), NotFound)
        await self.refused(acts.add_member("team@example.test", "no@example.test"), NotFound)
        await self.refused(
            acts.add_member("team@example.test", "team@example.test"), Invalid, "member"
        )
        await self.refused(acts.add_group("team@example.test"), AlreadyExists)
        await self.refused(acts.add_group("x@elsewhere.test"), NotFound)
        await self.refused(acts.add_group("x@example.test", "a\nb"), Invalid, "name")
        await acts.remove_member("team@example.test", ALICE)
        await self.refused(acts.remove_member("team@example.test", ALICE), NotFound)
        await acts.remove_group("team@example.test")
        await self.refused(acts.remove_group("team@example.test"), NotFound)
