"""Sending what programs hand in: order, groups, who is away, trouble, and crashes."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailim.errors import AlreadyExists, Invalid, LimitExceeded, NotFound, Unavailable
from mailim.im import notices as module
from mailim.interfaces.notices import NewNotice, NoticeState
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import ITransaction
from mailim.wire import ns
from mailim.wire.xml import Element
from tests.im.stages import Stage

BOB = "bob@example.test"


def details(leaf: Leaf) -> dict[str, Any]:
    assert leaf.content is not None
    found: dict[str, Any] = json.loads(leaf.content)["details"]
    return found


def text(message: Element) -> str:
    body = message.find("body")
    assert body is not None
    return body.text


class NoticesCase(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.stage = Stage(self)
        self.store = self.stage.store
        await self.stage.people()
        self.numbers = iter(range(1, 10_000))
        self.addCleanup(self.stop)

    @property
    def notices(self) -> module.Notices:
        return self.stage.im.notices

    def start(self) -> None:
        self.notices.startService()

    def stop(self) -> Deferred[None] | None:
        return self.notices.stopService() if self.notices.running else None

    def new(self, recipient: str = BOB, body: str = "Hello", **more: Any) -> NewNotice:
        values = {"claim": f"test:{next(self.numbers)}", "sender": "example.test",
                  "origin": "filter", "created": 1}  # fmt: skip
        return NewNotice(recipient=recipient, body=body, **{**values, **more})

    async def add(self, *news: NewNotice) -> None:
        def unit(tx: ITransaction) -> None:
            for new in news:
                tx.notices.add(new)

        await self.store.write(unit)

    async def state(self, new: NewNotice) -> NoticeState:
        state = await self.store.read(lambda tx: tx.notices.find(new))
        assert state is not None
        return state

    async def idle(self) -> None:
        """Wait until nothing is under way, however long that takes by the clock of disks."""
        while self.notices.busy:
            await self.store.read(lambda tx: None)

    async def sent(self, *news: NewNotice) -> None:
        await self.add(*news)
        await self.idle()

    async def kept(self, name: str = "bob") -> list[str]:
        account_id = await self.stage.account_id(name)
        rows = await self.store.read(lambda tx: tx.im.offline(account_id, 1000))
        return [row.stanza.decode() for row in rows]


class WayTests(NoticesCase):
    async def test_to_who_is_there(self) -> None:
        await self.stage.online("bob/phone")
        self.start()
        new = self.new(body="Grüße 🦊 & <more>")
        await self.sent(new)
        (message,) = self.stage.drain("bob/phone")
        self.assertEqual(
            (message.get("type"), message.get("from"), text(message)),
            ("headline", "example.test", "Grüße 🦊 & <more>"),
        )
        (leaf,) = await self.stage.leaves("message")
        self.assertEqual(details(leaf)["claim"], new.claim)
        self.assertEqual(details(leaf)["origin"], "filter")
        state = await self.state(new)
        self.assertEqual((state.leaf, state.over), (leaf.seq, True))
        self.assertIn("delivered to bob@example.test/phone", state.outcome)

    async def test_to_who_is_away(self) -> None:
        self.start()
        await self.sent(self.new(body="Later"))
        (leaf,) = await self.stage.leaves("message")
        self.assertEqual(len(await self.kept()), 1)
        await self.stage.connect("bob/web", "bob/web")
        await self.stage.send("bob/web", "<presence/>")
        _, message = self.stage.drain("bob/web")
        stanza_id = message.find("stanza-id", ns.STANZA_ID)
        assert stanza_id is not None
        self.assertEqual((message.get("type"), text(message)), ("chat", "Later"))
        self.assertEqual(stanza_id.get("id"), str(leaf.seq))
        self.assertEqual(await self.kept(), [])

    async def test_who_leaves_while_it_is_recorded(self) -> None:
        """A headline nobody is there for any more is kept, and archived, in one unit."""
        await self.stage.online("bob/phone")
        self.stage.record.closed = True
        self.start()
        new = self.new()
        await self.add(new)
        while not self.stage.record.held:
            await self.store.read(lambda tx: None)
        held, self.stage.record.held = self.stage.record.held, []
        self.stage.record.closed = False
        await self.stage.disconnect("bob/phone")
        self.stage.record.held = held
        self.stage.record.release()
        await self.idle()
        self.assertEqual(self.stage.drain("bob/phone"), [])
        self.assertEqual(['type="chat"' in each for each in await self.kept()], [True])
        self.assertEqual((await self.state(new)).outcome, "stored")
        self.assertEqual(len(await self.stage.leaves("message")), 1)

    async def test_in_order_for_each_recipient(self) -> None:
        await self.stage.online("bob/phone")
        await self.stage.online("carol/phone")
        news = [self.new(("bob", "carol")[n % 2] + "@example.test", str(n)) for n in range(250)]
        with patch.object(module, "PER_SECOND", 1e9):
            self.start()
            await self.sent(*news)
        for name, first in (("bob", 0), ("carol", 1)):
            got = [text(each) for each in self.stage.drain(f"{name}/phone")]
            self.assertEqual(got, [str(n) for n in range(first, 250, 2)])
        self.assertEqual(len(await self.stage.leaves("message")), 250)

    async def test_a_full_batch_keeps_to_the_rate(self) -> None:
        self.start()
        await self.add(*(self.new(body=str(n)) for n in range(150)))
        while len(await self.kept()) < 100:
            await self.store.write(lambda tx: None)
        self.assertEqual(len(await self.kept()), 100)
        self.stage.clock.advance(0.4)
        self.assertEqual(len(await self.kept()), 100)
        self.stage.clock.advance(0.2)
        await self.idle()
        self.assertEqual(len(await self.kept()), 150)

    async def test_groups_aliases_and_tags(self) -> None:
        def unit(tx: ITransaction) -> None:
            tx.accounts.add_alias("robert@example.test", BOB)
            tx.accounts.add_group("all@example.test", "All")
            for member in ("robert@example.test", BOB, "carol@example.test", "x@elsewhere.test"):
                tx.accounts.add_member("all@example.test", member)

        await self.store.write(unit)
        self.start()
        group = self.new("All@example.test", "to all")
        await self.sent(group, self.new("robert@example.test", "to alias"),
                        self.new("bob+tag@example.test", "to tag"))  # fmt: skip
        self.assertEqual([len(await self.kept(name)) for name in ("bob", "carol")], [3, 1])
        leaves = await self.stage.leaves("message")
        self.assertEqual(len({details(leaf)["claim"] for leaf in leaves}), 4)
        self.assertIn(f"{group.claim} {BOB}", [details(leaf)["claim"] for leaf in leaves])
        self.assertEqual((await self.state(group)).outcome, "sent on to 2 accounts")


class RefusalTests(NoticesCase):
    async def test_what_cannot_be_sent_ends_with_a_reason_on_record(self) -> None:
        self.start()
        news = [
            self.new("nobody@example.test"), self.new("bob@elsewhere.test"), self.new("@@"),
            self.new("bob@" + "x" * 9000), self.new(""), self.new(sender="@@"),
            self.new(body=" \n"), self.new(body="x" * 70_000), self.new(body="<" * 65_000),
        ]  # fmt: skip
        await self.sent(*news, self.new(body="the last"))
        (leaf,) = await self.stage.leaves("message")
        self.assertEqual(leaf.body, "the last")
        refusals = await self.stage.leaves("refusal")
        self.assertEqual({details(leaf)["claim"] for leaf in refusals}, {n.claim for n in news})
        for new in news:
            state = await self.state(new)
            self.assertTrue(state.over and state.outcome and state.leaf is None, new)
        self.assertEqual(await self.store.read(lambda tx: tx.notices.waiting(9)), [])

    async def test_a_disabled_account(self) -> None:
        await self.stage.given("bob is disabled")
        self.start()
        await self.sent(self.new())
        (refusal,) = await self.stage.leaves("refusal")
        self.assertEqual(refusal.body, "not sent: there is no such account")

    async def test_no_room(self) -> None:
        await self.stage.given("a limit of 1 offline_messages")
        self.start()
        first, second = self.new(), self.new()
        await self.sent(first, second)
        self.assertEqual(len(await self.kept()), 1)
        self.assertEqual(await self.stage.leaves("refusal"), [], "its own leaf and its end say so")
        leaves = await self.stage.leaves("message", "disposition")
        self.assertEqual(
            [each.body for each in leaves if each.kind == "disposition"][-1],
            "bounced: service-unavailable",
        )
        self.assertTrue((await self.state(second)).over)

    async def test_control_characters_break_no_stream(self) -> None:
        self.start()
        await self.sent(self.new(body="a\x00b\x01c"))
        (stanza,) = await self.kept()
        self.assertIn("a�b�c", stanza)


class TroubleTests(NoticesCase):
    async def test_it_waits_for_the_record(self) -> None:
        self.start()
        self.stage.record.failing = True
        new = self.new()
        await self.sent(new)
        for wait in (1, 2, 5):
            self.assertEqual((await self.state(new)).over, False)
            self.notices.wake()
            self.assertFalse(self.notices.busy, "it looks before its time")
            self.stage.clock.advance(wait)
            self.assertTrue(self.notices.busy)
            await self.idle()
        self.stage.record.failing = False
        self.stage.clock.advance(10)
        await self.idle()
        self.assertTrue((await self.state(new)).over)
        self.assertEqual(len(await self.stage.leaves("message")), 1)

    async def test_what_fails_for_unknown_reasons_blocks_nobody_for_long(self) -> None:
        new, other = self.new(), self.new("carol@example.test")
        real = self.stage.im.router.inject

        async def inject(sender: str, recipient: str, *more: Any) -> Any:
            if recipient == BOB:
                raise ZeroDivisionError
            return await real(sender, recipient, *more)

        self.patch(self.stage.im.router, "inject", inject)
        self.start()
        await self.sent(new, other)
        for wait in (1, 2, 5):
            self.stage.clock.advance(wait)
            await self.idle()
        self.assertTrue((await self.state(new)).over)
        self.assertTrue((await self.state(other)).over)
        self.assertGreaterEqual(len(self.flushLoggedErrors(ZeroDivisionError)), module.TRIES)

    async def test_stopping_leaves_the_rest(self) -> None:
        self.start()
        await self.add(*(self.new(body=str(n)) for n in range(50)))
        await self.notices.stopService()
        self.assertFalse(self.notices.busy)
        self.start()
        await self.idle()
        self.assertEqual(len(await self.kept()), 50)


class CrashTests(NoticesCase):
    """A row with a leaf that is not over is what a crash before the delivery leaves."""

    async def crashed(self) -> tuple[NewNotice, Leaf]:
        """Record a headline for somebody who is there; nobody gets it, and all is gone."""
        await self.stage.online("bob/old")
        new = self.new(body="once")
        await self.add(new)
        state = await self.state(new)

        def landed(tx: ITransaction, leaf: Leaf, kept: bool) -> None:
            tx.notices.recorded(state.id, leaf.seq)

        async def undelivered(*_: Any) -> str:
            return ""

        messages = self.stage.im.router._injection._messages
        with patch.object(messages, "deliver", undelivered):
            sent = await self.stage.im.router.inject(
                "example.test", BOB, "once", details={"claim": new.claim}, landed=landed
            )
        await self.stage.disconnect("bob/old")
        self.assertEqual(self.stage.drain("bob/old"), [])
        return new, sent.leaf

    async def test_delivered_again_to_who_is_there(self) -> None:
        new, leaf = await self.crashed()
        await self.stage.online("bob/phone")
        self.start()
        await self.idle()
        (message,) = self.stage.drain("bob/phone")
        self.assertEqual((message.get("type"), text(message)), ("headline", "once"))
        self.assertEqual([each.seq for each in await self.stage.leaves("message")], [leaf.seq])
        self.assertTrue((await self.state(new)).over)

    async def test_kept_with_the_same_id_for_who_is_away(self) -> None:
        new, leaf = await self.crashed()
        self.start()
        await self.idle()
        self.assertEqual([each.seq for each in await self.stage.leaves("message")], [leaf.seq])
        self.assertTrue((await self.state(new)).over)
        await self.stage.connect("bob/web", "bob/web")
        await self.stage.send("bob/web", "<presence/>")
        _, message = self.stage.drain("bob/web")
        stanza_id = message.find("stanza-id", ns.STANZA_ID)
        assert stanza_id is not None
        self.assertEqual((message.get("type"), stanza_id.get("id")), ("chat", str(leaf.seq)))

    async def test_the_account_is_gone_meanwhile(self) -> None:
        new, _ = await self.crashed()
        account_id = await self.stage.account_id("bob")
        await self.store.write(lambda tx: tx.accounts.delete(account_id))
        self.start()
        await self.idle()
        state = await self.state(new)
        self.assertEqual((state.over, state.outcome), (True, "there is no such account"))
        self.assertEqual(len(await self.stage.leaves("message")), 1)


class EntranceTests(NoticesCase):
    async def test_the_sender_is_told(self) -> None:
        await self.stage.online("bob/phone")
        self.start()
        (outcome,) = await self.notices.send(self.new())
        (leaf,) = await self.stage.leaves("message")
        self.assertEqual((outcome.recipient, outcome.leaf), (BOB, leaf.seq))
        self.assertTrue(outcome.text.startswith("delivered"))
        (outcome,) = await self.notices.send(self.new("carol@example.test"))
        self.assertEqual(outcome.text, "stored")

    async def test_of_each_member_of_a_group(self) -> None:
        def unit(tx: ITransaction) -> None:
            tx.accounts.add_group("all@example.test", "All")
            tx.accounts.add_member("all@example.test", BOB)
            tx.accounts.add_member("all@example.test", "carol@example.test")

        await self.store.write(unit)
        self.start()
        outcomes = await self.notices.send(self.new("all@example.test"))
        self.assertEqual({each.recipient for each in outcomes}, {BOB, "carol@example.test"})
        self.assertEqual(self.notices._watched, {})

    async def test_refused_before_anything_is_written(self) -> None:
        self.start()
        for error, new in (
            (NotFound, self.new("nobody@example.test")),
            (NotFound, self.new("x@elsewhere.test")),
            (Invalid, self.new(body=" ")),
            (Invalid, self.new(sender="@")),
            (LimitExceeded, self.new(body="x" * 70_000)),
        ):
            with self.assertRaises(error):
                await self.notices.send(new)
            self.assertIsNone(await self.store.read(lambda tx, n=new: tx.notices.find(n)))  # type: ignore[misc]

    async def test_a_claim_counts_once(self) -> None:
        self.start()
        new = self.new()
        await self.notices.send(new)
        with self.assertRaises(AlreadyExists):
            await self.notices.send(new)
        self.assertEqual(await self.notices.hand_in([new, self.new()]), [False, True])

    async def test_too_many_wait(self) -> None:
        self.patch(module, "MAX_WAITING", 3)
        await self.notices.hand_in([self.new() for _ in range(3)])
        with self.assertRaises(Unavailable):
            await self.notices.hand_in([self.new()])

    async def test_nobody_waits_for_ever(self) -> None:
        self.start()
        self.stage.record.failing = True
        asking = Deferred.fromCoroutine(self.notices.send(self.new()))
        while self.notices._timer is None:
            await self.store.read(lambda tx: None)
        self.stage.clock.advance(module.REPLY_SECONDS)
        self.assertEqual(await asking, [])
