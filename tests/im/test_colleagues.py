"""The automatic contact list beyond what the plays show."""

from __future__ import annotations

from typing import cast

from twisted.logger import ILogObserver, LogLevel, globalLogPublisher
from twisted.trial.unittest import TestCase

from mailim.interfaces.im import RosterItem
from mailim.interfaces.store import ITransaction
from tests.im.stages import GET_ROSTER, Stage

REMOVE = (
    "<iq type='set' id='1'><query xmlns='jabber:iq:roster'>"
    "<item jid='{}@example.test' subscription='remove'/></query></iq>"
)
CHANGE = (
    "<iq type='set' id='1'><query xmlns='jabber:iq:roster'>"
    "<item jid='{}' name='X'><group>Mine</group></item></query></iq>"
)


class ColleaguesTests(TestCase):
    async def listed(self, stage: Stage, actor: str) -> dict[str, tuple[str, str, tuple[str, ...]]]:
        """Give name, subscription and groups by JID, as a client gets them."""
        stage.drain(actor)
        await stage.send(actor, GET_ROSTER)
        (answer,) = stage.drain(actor)
        (query,) = answer.elements()
        return {
            item.attrs["jid"]: (
                item.get("name") or "",
                item.attrs["subscription"],
                tuple(group.text for group in item.elements()),
            )
            for item in query.elements()
        }

    async def test_restore(self) -> None:
        """KIM-25 to KIM-27."""
        stage = Stage(self)
        await stage.given("a limit of 300 colleagues")
        await stage.online("alice/desk")
        await stage.online("bob/desk")
        before = await self.listed(stage, "alice/desk")
        await stage.send("alice/desk", REMOVE.format("bob"))
        await stage.send("alice/desk", CHANGE.format("carol@example.test"))
        await stage.send("alice/desk", CHANGE.format("friend@elsewhere.example"))
        changed = await self.listed(stage, "alice/desk")
        self.assertNotIn("bob@example.test", changed)
        self.assertEqual(changed["carol@example.test"], ("X", "both", ("Mine", "Colleagues")))
        account = stage.session("alice/desk").account
        self.assertEqual(await stage.im.restoring.restore(account), 2)
        arrived = stage.drain("alice/desk")
        seen = [one.get("from") for one in arrived if one.name == "presence"]
        self.assertEqual(seen, ["bob@example.test/desk"])  # who is there is seen again at once
        pushes = [next(next(one.elements()).elements()) for one in arrived if one.name == "iq"]
        self.assertEqual(
            {item.get("jid"): item.get("name") for item in pushes},
            {"bob@example.test": "Bob", "carol@example.test": "Carol"},
        )
        after = await self.listed(stage, "alice/desk")
        self.assertEqual(after.pop("friend@elsewhere.example"), ("X", "none", ("Mine",)))
        self.assertEqual(after, before)

    async def test_own_subscription_to_a_colleague_outlives_restoring(self) -> None:
        stage = Stage(self)
        await stage.given("a limit of 300 colleagues")
        await stage.given("alice and bob see each other")
        await stage.online("alice/desk")
        await stage.send("alice/desk", CHANGE.format("bob@example.test"))
        await stage.im.restoring.restore(stage.session("alice/desk").account)
        alice = await stage.account_id("alice")
        row = await stage.store.read(lambda tx: tx.im.roster_item(alice, "bob@example.test"))
        assert row is not None
        self.assertEqual((row.subscription, row.name, row.groups), ("both", "", ()))

    async def test_who_is_disabled_now_is_no_longer_hidden_later(self) -> None:
        stage = Stage(self)
        await stage.given("a limit of 300 colleagues")
        await stage.online("alice/desk")
        await stage.send("alice/desk", REMOVE.format("bob"))
        await stage.given("bob is disabled")
        await stage.im.restoring.restore(stage.session("alice/desk").account)
        await stage.given("bob is enabled")
        self.assertIn("bob@example.test", await self.listed(stage, "alice/desk"))

    async def test_limits(self) -> None:
        """KIM-28, KIM-31: 302 accounts, and one line in the log however many log in."""
        stage = Stage(self)
        await stage.given("a limit of 300 colleagues")

        def more(tx: ITransaction) -> None:
            for number in range(297):
                tx.accounts.add(f"user{number:03}@example.test", "", False, 2)

        await stage.store.write(more)
        warnings: list[dict[str, object]] = []

        def observe(event: dict[str, object]) -> None:
            if event.get("log_level") is LogLevel.warn and "beyond" in event:
                warnings.append(event)

        observer = cast(ILogObserver, observe)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        for name in ("alice", "bob", "carol"):
            await stage.online(f"{name}/desk")
            await stage.given(f"{name} is enabled")  # a change that changes nobody's list
        self.assertEqual([(w["count"], w["beyond"], w["limit"]) for w in warnings], [(302, 2, 300)])
        self.assertEqual(len(await self.listed(stage, "alice/desk")), 299)
        circle = await stage.im.colleagues.circle("example.test")
        self.assertEqual(len(circle.members), 300)
        self.assertEqual([j.local for j in circle.members][-1], "user294")
        account = await stage.directory.find("user295@example.test")
        assert account is not None
        roster = await stage.im.rosters.of(account)
        self.assertEqual(list(roster.listed()), [])

    async def test_turned_off(self) -> None:
        """KIM-30: own contacts stay."""
        stage = Stage(self)
        await stage.given("a limit of 0 colleagues")
        await stage.given("alice sees bob")
        await stage.online("alice/desk")
        self.assertEqual(list(await self.listed(stage, "alice/desk")), ["bob@example.test"])

    async def test_added_account_appears_at_once(self) -> None:
        """KIM-22, KIM-24: a hundred new accounts are told in one go."""
        stage = Stage(self)
        await stage.given("a limit of 300 colleagues")
        await stage.online("alice/desk")

        async def add(name: str) -> None:
            address = f"{name}@example.test"
            await stage.store.write(lambda tx: tx.accounts.add(address, name.title(), False, 2))

        await add("frank")
        await add("grace")
        self.assertEqual(stage.drain("alice/desk"), [])
        await stage.wait(1)
        pushes = stage.drain("alice/desk")
        self.assertEqual(
            [next(next(p.elements()).elements()).get("jid") for p in pushes],
            ["frank@example.test", "grace@example.test"],
        )
        vers = [next(p.elements()).attrs["ver"] for p in pushes]
        # who is cut off after the first push does not have the newest version
        await stage.send("alice/desk", GET_ROSTER.replace("/>", f" ver='{vers[0]}'/>"))
        (whole,) = stage.drain("alice/desk")
        self.assertIsNotNone(whole.find("query", "jabber:iq:roster"))
        await stage.send("alice/desk", GET_ROSTER.replace("/>", f" ver='{vers[1]}'/>"))
        (nothing,) = stage.drain("alice/desk")
        self.assertEqual(nothing.children, [])

    async def test_each_change_is_told_once(self) -> None:
        stage = Stage(self)
        await stage.given("a limit of 300 colleagues")
        await stage.online("alice/desk")
        for name in ("frank", "grace", "heidi"):
            address = f"{name}@example.test"
            await stage.store.write(lambda tx: tx.accounts.add(address, "", False, 2))  # noqa: B023
            await stage.wait(1)
            items = [next(next(p.elements()).elements()) for p in stage.drain("alice/desk")]
            self.assertEqual([item.get("jid") for item in items], [address])

    async def test_stored_group_is_the_users_own(self) -> None:
        """The automatic group is never written into a row."""
        stage = Stage(self)
        await stage.given("a limit of 300 colleagues")
        await stage.online("alice/desk")
        await stage.send(
            "alice/desk",
            "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='bob@example.test'>"
            "<group>Colleagues</group><group>Mine</group></item></query></iq>",
        )
        alice = await stage.account_id("alice")
        row = await stage.store.read(lambda tx: tx.im.roster_item(alice, "bob@example.test"))
        self.assertEqual(
            row, RosterItem("bob@example.test", groups=("Mine",), version=row.version if row else 0)
        )
