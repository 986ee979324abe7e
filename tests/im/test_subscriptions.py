"""Every transition of RFC 6121 appendix A, on both rosters of a real store."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailim.im.errors import StanzaError
from mailim.im.states import KINDS, State, received, sent
from mailim.im.ties import Bounds, Party, Push, Show, Tell, Ties
from mailim.interfaces.im import RosterItem
from mailim.wire import ns
from mailim.wire.jid import JID
from mailim.wire.xml import Element
from tests.fakes.store import open_transaction
from tests.im.stages import Stage
from tests.im.test_states import STATES

ALICE, BOB = JID.parse("alice@example.test"), JID.parse("bob@example.test")


def stanza(kind: str) -> Element:
    return Element(
        "presence", ns.CLIENT, {"type": kind, "from": str(ALICE), "to": str(BOB), "id": "s"}
    )


class TransitionTests(SynchronousTestCase):
    """Alice sends each kind in each pair of states that two rosters can be in."""

    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.tx.accounts.add_domain("example.test", 1)
        self.alice = Party(ALICE, self.tx.accounts.add(str(ALICE), "", False, 1).id)
        self.bob = Party(BOB, self.tx.accounts.add(str(BOB), "", False, 1).id)

    def put(self, owner: Party, other: Party, state: State, listed: bool) -> None:
        """Write a state; "None" without an item on the roster if it is not `listed`."""
        assert owner.account_id is not None
        self.tx.im.remove_roster_item(owner.account_id, str(other.jid))
        self.tx.im.remove_request(owner.account_id, str(other.jid))
        if listed or state.subscription != "none" or state.asked or state.approved:
            item = RosterItem(
                str(other.jid), "N", state.subscription, state.asked, state.approved, ("G",)
            )
            self.tx.im.set_roster_item(owner.account_id, item)
        if state.requested:
            self.tx.im.add_request(owner.account_id, str(other.jid), b"<presence/>")

    def get(self, owner: Party, other: Party) -> State:
        assert owner.account_id is not None
        item = self.tx.im.roster_item(owner.account_id, str(other.jid))
        requested = str(other.jid) in self.tx.im.requests(owner.account_id)
        if item is None:
            return State(requested=requested)
        return State.of(item.subscription, item.ask, requested, item.approved)

    def cases(self) -> Iterator[tuple[str, State, State, bool]]:
        """Give kind, both states, consistent or not, and whether "None" is listed."""
        approved = {"approved": State(approved=True), "to, approved": State(to=True, approved=True)}
        states = [*STATES.values(), *approved.values()]
        for kind in sorted(KINDS):
            for mine in states:
                for theirs in states:
                    for listed in (False, True):
                        yield kind, mine, theirs, listed

    def test_all(self) -> None:
        for kind, mine, theirs, listed in self.cases():
            self.put(self.alice, self.bob, mine, listed)
            self.put(self.bob, self.alice, theirs, listed)
            ties = Ties(self.tx, Bounds())
            ties.send(self.alice, self.bob, stanza(kind))
            expected_mine, route = sent(kind, mine)
            expected_theirs, told = theirs, False
            if route:
                expected_theirs, told, reply = received(kind, theirs)
                if reply:
                    expected_mine = received(reply, expected_mine)[0]
            with self.subTest(kind=kind, mine=mine, theirs=theirs, listed=listed):
                self.assertEqual(self.get(self.alice, self.bob), expected_mine)
                self.assertEqual(self.get(self.bob, self.alice), expected_theirs)
                tells = [e for e in ties.effects if isinstance(e, Tell) and e.owner == self.bob]
                self.assertEqual([e.stanza.get("id") for e in tells], ["s"] * told)
                self._check_pushes(ties, mine, expected_mine, theirs, expected_theirs)

    def _check_pushes(
        self, ties: Ties, mine: State, mine2: State, theirs: State, t2: State
    ) -> None:
        """A roster push for each visible change, with name and groups as they were."""
        for owner, before, after in ((self.alice, mine, mine2), (self.bob, theirs, t2)):
            pushes = [e.item for e in ties.effects if isinstance(e, Push) and e.owner == owner]
            visible = [(s.to, s.from_, s.asked, s.approved) for s in (before, after)]
            if visible[0] != visible[1]:
                self.assertEqual(pushes[-1].subscription, after.subscription)
                self.assertIn((pushes[-1].name, pushes[-1].groups), (("N", ("G",)), ("", ())))
            if after.from_ and not before.from_:
                self.assertTrue(any(isinstance(e, Show) for e in ties.effects))

    def test_request_makes_no_item(self) -> None:
        """RFC 6121 section 3.1.3: only approval does."""
        ties = Ties(self.tx, Bounds())
        ties.send(self.alice, self.bob, stanza("subscribe"))
        assert self.bob.account_id is not None
        self.assertEqual(self.tx.im.roster(self.bob.account_id), [])
        (waiting,) = self.tx.im.requests(self.bob.account_id).values()
        self.assertIn(b'id="s"', waiting)

    def test_limits(self) -> None:
        carol = Party(JID.parse("carol@example.test"), None)
        ties = Ties(self.tx, Bounds(items=1, requests=1))
        ties.send(self.alice, carol, stanza("subscribe"))
        for kind in ("subscribe", "subscribed"):
            with self.assertRaises(StanzaError) as caught:
                Ties(self.tx, Bounds(items=1)).send(self.alice, self.bob, stanza(kind))
            self.assertEqual(caught.exception.condition, "policy-violation")
        assert self.bob.account_id is not None
        self.tx.im.add_request(self.bob.account_id, "dave@example.test", b"<presence/>")
        with self.assertRaises(StanzaError) as caught:
            Ties(self.tx, Bounds(requests=1)).send(self.alice, self.bob, stanza("subscribe"))
        self.assertEqual(caught.exception.condition, "resource-constraint")
        self.assertEqual(self.get(self.alice, self.bob), State())

    def test_remove_from_every_state(self) -> None:
        for mine in STATES.values():
            for theirs in STATES.values():
                self.put(self.alice, self.bob, mine, True)
                self.put(self.bob, self.alice, theirs, True)
                ties = Ties(self.tx, Bounds())
                ties.remove(self.alice, self.bob, False)
                after = self.get(self.alice, self.bob)
                self.assertEqual(after, State(requested=mine.requested))
                if mine.to or mine.asked:
                    self.assertFalse(self.get(self.bob, self.alice).from_)
                if mine.from_:
                    self.assertFalse(self.get(self.bob, self.alice).to)


class ReachTests(TestCase):
    async def test_stale_contact_is_not_shown(self) -> None:
        """RFC 6121 section 4.3.2, rule 1: the contact's own roster decides."""
        stage = Stage(self)
        await stage.people()
        alice = await stage.account_id("alice")
        item = RosterItem("bob@example.test", subscription="both")
        await stage.store.write(lambda tx: tx.im.set_roster_item(alice, item))
        await stage.online("bob/phone")
        await stage.connect("alice/desk", "alice/desk")
        await stage.send("alice/desk", "<presence/>")
        self.assertEqual(
            [s.get("from") for s in stage.drain("alice/desk")], ["alice@example.test/desk"]
        )

    async def test_leaf_and_rosters_are_one_transaction(self) -> None:
        """If the record cannot take it, nothing of it happened; and no half of it either."""
        stage = Stage(self)
        await stage.online("alice/desk")
        stage.record.failing = True
        await stage.send("alice/desk", "<presence to='bob@example.test' type='subscribe'/>")
        alice, bob = await stage.account_id("alice"), await stage.account_id("bob")
        rows = await stage.store.read(lambda tx: (tx.im.roster(alice), tx.im.requests(bob)))
        self.assertEqual(rows, ([], {}))
