"""The cache of rosters, and their merging with colleagues."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailim.im.colleagues import Circle
from mailim.im.roster import HIDDEN, Roster
from mailim.interfaces.im import RosterItem
from mailim.wire.jid import JID
from tests.im.stages import Stage

ALICE, BOB = JID.parse("alice@x.test"), JID.parse("bob@x.test")
CAROL, DAVE = JID.parse("carol@x.test"), JID.parse("dave@x.test")


def colleague(jid: JID) -> RosterItem:
    return RosterItem(str(jid), jid.local.title(), "both", groups=("Colleagues",))


class RosterTests(SynchronousTestCase):
    def roster(self, *rows: RosterItem) -> Roster:
        """Give alice's roster; bob and carol are her colleagues, and so is she."""
        circle = Circle({jid: colleague(jid) for jid in (ALICE, BOB, CAROL)}, "f")
        return Roster(ALICE, 7, {JID.parse(row.jid): row for row in rows}, circle)

    def test_only_colleagues(self) -> None:
        roster = self.roster()
        self.assertEqual(list(roster.listed()), [colleague(BOB), colleague(CAROL)])
        self.assertEqual(list(roster.subscribers()), [BOB, CAROL])
        self.assertEqual(list(roster.subscriptions()), [BOB, CAROL])
        self.assertFalse(roster.is_colleague(ALICE))
        self.assertEqual(roster.ver(7), "7-f")

    def test_own_row_of_a_colleague(self) -> None:
        roster = self.roster(RosterItem(str(BOB), "", "none", True, groups=("Mine",), version=3))
        item = roster.item(BOB)
        self.assertEqual(
            item,
            RosterItem(str(BOB), "Bob", "both", False, groups=("Mine", "Colleagues"), version=3),
        )
        self.assertEqual(list(roster.subscribers()), [BOB, CAROL])

    def test_hidden(self) -> None:
        roster = self.roster(RosterItem(str(BOB), subscription=HIDDEN))
        self.assertEqual(list(roster.listed()), [colleague(CAROL)])
        self.assertTrue(roster.sends_to(BOB))
        self.assertFalse(roster.receives_from(BOB))

    def test_hidden_one_who_is_no_colleague_any_more(self) -> None:
        roster = self.roster(RosterItem(str(DAVE), subscription=HIDDEN))
        self.assertIsNone(roster.item(DAVE))
        self.assertFalse(roster.sends_to(DAVE) or roster.receives_from(DAVE))

    def test_others(self) -> None:
        for subscription, sends, receives in (
            ("none", False, False),
            ("to", False, True),
            ("from", True, False),
            ("both", True, True),
        ):
            row = RosterItem(str(DAVE), "D", subscription)
            roster = self.roster(row)
            self.assertEqual(roster.item(DAVE), row)
            self.assertEqual((roster.sends_to(DAVE), roster.receives_from(DAVE)), (sends, receives))


class CacheTests(TestCase):
    async def test_change_while_it_is_read(self) -> None:
        """What was read before a change is never taken for what holds after it."""
        stage = Stage(self)
        await stage.online("alice/desk")
        account = stage.session("alice/desk").account
        item = RosterItem("friend@elsewhere.example")
        await stage.store.write(lambda tx: tx.im.set_roster_item(account.id, item))
        read, gates = stage.store.read, []

        def slow(unit):  # type: ignore[no-untyped-def]
            gate: Deferred[None] = Deferred()
            gates.append(gate)
            return read(unit).addCallback(lambda found: gate.addCallback(lambda _: found))

        self.patch(stage.store, "read", slow)
        reading = Deferred.fromCoroutine(stage.im.rosters.of(account))
        await read(lambda tx: None)
        other = RosterItem("other@elsewhere.example")
        await stage.store.write(lambda tx: tx.im.set_roster_item(account.id, other))
        while not reading.called:
            for gate in gates:
                if not gate.called:
                    gate.callback(None)
            await read(lambda tx: None)
        roster = await reading
        self.assertEqual(len(list(roster.listed())), 2)
        self.assertEqual(len(gates), 2)
        await stage.im.rosters.of(account)
        self.assertEqual(len(gates), 2, "it is kept now")

    async def test_cache_is_bounded(self) -> None:
        stage = Stage(self)
        await stage.people()
        rosters = stage.im.rosters
        rosters._max = 2
        for name in ("alice", "bob", "carol", "dave"):
            account = await stage.directory.find(f"{name}@example.test")
            assert account is not None
            await rosters.of(account)
        self.assertEqual(len(rosters._cached), 2)
