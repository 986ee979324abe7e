"""The queue: every mail arrives once where it should, or waits, or is held with its reason."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from mailim.errors import Invalid, RateLimited, StoreUnavailable, Unavailable
from mailim.events import MailDelivered
from mailim.interfaces.filters import Action, Verdict
from mailim.mail.backoff import WAITS
from mailim.mail.queue import TROUBLE_SECONDS
from tests.fakes.filters import ToldFilter
from tests.fakes.relay import RememberingRelay
from tests.mail.post import Post
from tests.store.mails import message

DAY = 86_400


class DeliveryTest(Post):
    """The good way."""

    async def test_to_an_account(self) -> None:
        self.start()
        data = message("Hello")
        await self.send("bob", data=data)
        await self.settle()
        (item,) = await self.mail_of(1)
        self.assertEqual(await self.store.bodies.read(item.sha256), data)
        lines = item.prefix.decode().split("\r\n")
        self.assertEqual(lines[0], "Return-Path: <carl@example.org>")
        self.assertEqual(lines[1][:29], "Received: by mail.example.tes")
        self.assertEqual(item.keywords, frozenset())
        self.assertEqual((await self.waiting(), await self.mail_of(2)), ([], []))
        self.assertEqual(self.delivered, [MailDelivered(1, item.folder_id, item.id)])

    async def test_what_waited_is_found_at_start(self) -> None:
        for _ in range(50):
            await self.send("bob", data=message(f"Number {_}"))
        self.start(at_once=3)
        await self.settle()
        self.assertEqual(len(await self.mail_of(1)), 50)

    async def test_plus_address(self) -> None:
        self.start()
        await self.send("bob+lists", "bob", "BOB")
        await self.settle()
        self.assertEqual(len(await self.mail_of(1)), 1)
        self.assertEqual(await self.waiting(), [])

    async def test_group_and_alias_lead_to_one_mail(self) -> None:
        self.start()
        await self.send("robert", "all", "team", "ann")
        await self.settle()
        self.assertEqual(len(await self.mail_of(1)), 1)
        self.assertEqual(len(await self.mail_of(2)), 1)
        self.assertEqual(await self.waiting(), [])

    async def test_multipop_goes_to_the_owner(self) -> None:
        """Whoever the envelope or the header names, and once however many they are."""
        self.start()
        await self.send("ann", "stranger@example.org", origin="multipop", account_id=1)
        await self.settle()
        self.assertEqual((len(await self.mail_of(1)), len(await self.mail_of(2))), (1, 0))
        self.assertEqual(await self.waiting(), [])

    async def test_a_submission_goes_by_its_envelope(self) -> None:
        self.start()
        await self.send("ann", origin="jmap", account_id=1)
        await self.settle()
        self.assertEqual((len(await self.mail_of(1)), len(await self.mail_of(2))), (0, 1))

    async def test_inbox_is_made_again(self) -> None:
        def no_inbox(tx: Any) -> None:
            tx.folders.delete(tx.folders.by_role(1, "inbox").id, True)
            other = tx.folders.by_role(2, "inbox")
            tx.folders.update(other.id, role=None)

        await self.store.write(no_inbox)
        self.start()
        await self.send("bob", "ann")
        await self.settle()
        self.assertEqual(len(await self.mail_of(1)), 1)
        folders = await self.store.read(lambda tx: tx.folders.list(2))
        self.assertEqual([(each.name, each.total) for each in folders], [("Inbox", 1)])

    async def test_to_others(self) -> None:
        relay = RememberingRelay(Unavailable("They are busy."))
        self.start(relay=relay)
        await self.send("mixed")
        await self.settle()
        self.assertEqual((len(await self.mail_of(2)), relay.sent), (1, []))
        await self.later(WAITS[0])
        self.assertEqual(relay.sent, [("carl@example.org", "carl@example.org")])
        self.assertEqual((len(await self.mail_of(2)), await self.waiting()), (1, []))


class HeldTest(Post):
    """What cannot be delivered stays, with its reason."""

    async def held(self) -> list[tuple[str, str]]:
        self.assertEqual(self.queue.busy, 0)
        found = [each for entry in await self.waiting() for each in entry.recipients]
        self.assertTrue(all(each.held for each in found), found)
        return [(each.address.partition("@")[0], each.last_error) for each in found]

    async def test_nowhere(self) -> None:
        self.start()
        await self.send("nobody", "bob", "empty", "carl@example.org", "not an address")
        await self.settle()
        self.assertEqual(
            await self.held(),
            [
                ("nobody", "There is no such address here."),
                ("empty", "The group has no members."),
                ("carl", "This server sends no mail to other servers."),
                ("not an address", "not an address: 'not an address@example.test'"),
            ],
        )
        self.assertEqual(len(await self.mail_of(1)), 1)
        await self.later(30 * DAY)
        self.assertEqual(len(await self.held()), 4)

    async def test_released(self) -> None:
        """Once the address is there, the administrator lets it go."""
        self.start()
        spool_id = await self.send("nobody")
        await self.settle()
        add = lambda tx: tx.accounts.add_alias("nobody@example.test", "bob@example.test")  # noqa: E731
        await self.store.write(add)
        await self.store.write(lambda tx: tx.spool.hold(spool_id, False))
        await self.settle()
        self.assertEqual((len(await self.mail_of(1)), await self.waiting()), (1, []))

    async def test_account_gone(self) -> None:
        await self.store.write(lambda tx: tx.accounts.delete(1))
        self.start()
        await self.send("bob@example.test", origin="multipop", account_id=1)
        await self.settle()
        self.assertEqual(await self.held(), [("bob", "The account does not exist any more.")])

    async def test_relay_refuses(self) -> None:
        self.start(relay=RememberingRelay(Invalid("No such user there.")))
        await self.send("carl@example.org")
        await self.settle()
        self.assertEqual(await self.held(), [("carl", "No such user there.")])

    async def test_filter_holds(self) -> None:
        told = ToldFilter(Verdict(Action.HOLD, "It looks odd."))
        never = ToldFilter(Verdict())
        self.start([told, never])
        await self.send("bob", "ann")
        await self.settle()
        self.assertEqual(await self.held(), [("bob", "It looks odd."), ("ann", "It looks odd.")])
        self.assertEqual((len(told.asked), never.asked), (1, []))

    async def test_thrown_away_meanwhile(self) -> None:
        asked: Deferred[Verdict] = Deferred()

        class Slow(ToldFilter):
            async def check(self, entry: Any, facts: Any) -> Verdict:
                self.asked.append((entry, facts))
                return await asked

        slow = Slow()
        self.start([slow])
        spool_id = await self.send("bob")
        while not slow.asked:
            await self.store.read(lambda tx: None)
        await self.store.write(lambda tx: tx.spool.remove(spool_id))
        asked.callback(Verdict())
        await self.settle()
        self.assertEqual((await self.mail_of(1), await self.waiting()), ([], []))


class FilterTest(Post):
    """What filters say is done."""

    async def test_headers_and_junk(self) -> None:
        first = ToldFilter(Verdict(headers=b"X-First: 1\r\n"))
        second = ToldFilter(Verdict(Action.JUNK, "spam", b"X-Second: 2\r\n"))
        third = ToldFilter(Verdict())
        self.start([first, second, third])
        await self.send("bob")
        await self.settle()
        (item,) = await self.mail_of(1, "junk")
        self.assertEqual(await self.mail_of(1), [])
        names = [line.partition(b":")[0] for line in item.prefix.split(b"\r\n")[:4]]
        self.assertEqual(names, [b"Return-Path", b"X-Second", b"X-First", b"Received"])
        ((entry, facts),) = third.asked
        self.assertEqual((entry.sender, facts.subject), ("carl@example.org", "Lunch"))

    async def test_a_filter_that_raises_loses_nothing(self) -> None:
        self.start([ToldFilter(ValueError("bug"), Unavailable("scanner away"), Verdict())])
        await self.send("bob")
        await self.settle()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        ((recipient,),) = [entry.recipients for entry in await self.waiting()]
        self.assertEqual((recipient.attempts, recipient.last_error[:9]), (1, "Something"))
        await self.later(WAITS[0] - 1)
        self.assertEqual((await self.waiting())[0].recipients, (recipient,))
        await self.later(1)
        ((recipient,),) = [entry.recipients for entry in await self.waiting()]
        self.assertEqual((recipient.attempts, recipient.last_error), (2, "scanner away"))
        await self.later(WAITS[1])
        self.assertEqual((len(await self.mail_of(1)), await self.waiting()), (1, []))

    async def test_half_a_header_is_a_failure(self) -> None:
        for bad in (b"X: y", b"X: y\r\n\r\nbody\r\n", b" folded\r\n"):
            self.start([ToldFilter(Verdict(headers=bad), Verdict())])
            await self.send("bob")
            await self.settle()
            self.assertEqual(len(await self.waiting()), 1, bad)
            await self.later(WAITS[0])
            self.assertEqual(await self.waiting(), [])
            await self.queue.stopService()

    async def test_a_filter_that_hangs(self) -> None:
        class Hanging(ToldFilter):
            async def check(self, entry: Any, facts: Any) -> Verdict:
                self.asked.append((entry, facts))
                never: Deferred[None] = Deferred()
                await never
                raise AssertionError

        hanging = Hanging()
        self.start([hanging], at_once=1)
        await self.send("bob")
        while not hanging.asked:
            await self.store.read(lambda tx: None)
        self.clock.advance(301)
        await self.settle()
        self.assertEqual(self.flushLoggedErrors() != [], True)
        self.assertEqual((await self.waiting())[0].recipients[0].attempts, 1)


class TroubleTest(Post):
    """The loop survives whatever happens in it."""

    async def test_back_off_and_the_end_of_patience(self) -> None:
        self.start([ToldFilter(Unavailable("not now"))])
        await self.send("bob")
        await self.settle()
        waits, last = [], self.intake.now()
        for _ in range(60):
            (entry,) = await self.waiting()
            if entry.recipients[0].held:
                break
            next_attempt = entry.recipients[0].next_attempt
            waits.append((next_attempt - last) // 1_000_000)
            last = next_attempt
            await self.later((next_attempt - self.intake.now()) / 1e6)
        self.assertEqual(waits[: len(WAITS)], list(WAITS))
        self.assertGreaterEqual(sum(waits), 5 * DAY)
        self.assertLess(sum(waits), 5 * DAY + 2 * WAITS[-1])
        self.assertEqual(entry.recipients[0].last_error, "Given up after five days. not now")

    async def test_no_room_is_no_failure(self) -> None:
        """Who only had to wait for a slot comes back soon, with no attempt counted."""
        relay = RememberingRelay(*(RateLimited("Much to do.", 3.0) for _ in range(12)))
        self.start(relay=relay)
        await self.send("carl@example.org")
        await self.settle()
        for _ in range(11):
            (entry,) = await self.waiting()
            (recipient,) = entry.recipients
            self.assertEqual((recipient.attempts, recipient.last_error), (0, "Much to do."))
            self.assertEqual(recipient.next_attempt - self.intake.now(), 3_000_000)
            await self.later(3)
        await self.later(3)
        self.assertEqual(len(relay.sent), 1)

    async def test_others_go_on(self) -> None:
        """A mail that hangs, or one that has to wait, stops no other."""

        class Odd(ToldFilter):
            async def check(self, entry: Any, facts: Any) -> Verdict:
                if facts.subject == "Hang":
                    self.asked.append((entry, facts))
                    return await hanging
                if facts.subject == "Fail":
                    raise Unavailable("not now")
                return Verdict()

        hanging: Deferred[Verdict] = Deferred()
        self.start([Odd()], at_once=2)
        await self.send("bob", data=message("Hang"))
        await self.send("bob", data=message("Fail"))
        for at in range(20):
            await self.send("bob", data=message(f"Good {at}"))
        while len(await self.mail_of(1)) < 20:
            await self.store.read(lambda tx: None)
        # It sleeps meanwhile, whatever is due and under way.
        wakes = [each.getTime() for each in self.clock.getDelayedCalls()]
        self.assertGreater(min(wakes), self.clock.seconds())
        # The timer of the one that failed works though the other still hangs.
        self.clock.advance(WAITS[0])
        while (await self.waiting())[1].recipients[0].attempts < 2:
            await self.store.read(lambda tx: None)
        hanging.callback(Verdict())
        await self.settle()
        self.assertEqual(len(await self.mail_of(1)), 21)

    async def test_store_fails(self) -> None:
        store = FailingStore(self.store)
        self.start(store=store)  # type: ignore[arg-type]
        store.writes = 2  # the delivery, and then writing down that it failed
        await self.send("bob")
        while store.writes:
            await self.store.read(lambda tx: None)
        self.assertEqual(await self.mail_of(1), [])
        store.reads = 1  # and when the queue looks again, it cannot even read
        self.clock.advance(TROUBLE_SECONDS)
        while store.reads:
            await self.store.read(lambda tx: None)
        await self.later(TROUBLE_SECONDS)
        self.assertEqual((len(await self.mail_of(1)), await self.waiting()), (1, []))
        self.assertEqual(len(self.flushLoggedErrors(StoreUnavailable)), 2)

    async def test_stop_waits_for_what_is_under_way(self) -> None:
        answer: Deferred[None] = Deferred()

        class Slow(ToldFilter):
            async def check(self, entry: Any, facts: Any) -> Verdict:
                self.asked.append((entry, facts))
                await answer
                return Verdict()

        slow = Slow()
        queue = self.start([slow])
        await self.send("bob")
        while not slow.asked:
            await self.store.read(lambda tx: None)
        stopped = queue.stopService()
        await self.send("ann")
        self.assertNoResult(stopped)
        answer.callback(None)
        await stopped
        self.assertEqual((len(await self.mail_of(1)), len(await self.mail_of(2))), (1, 0))
        queue.startService()
        await self.settle()
        self.assertEqual(len(await self.mail_of(2)), 1)

    async def test_stop_does_not_wait_for_ever(self) -> None:
        asked: list[Any] = []

        class Hanging(ToldFilter):
            async def check(self, entry: Any, facts: Any) -> Verdict:
                asked.append(entry)
                never: Deferred[Verdict] = Deferred()
                return await never

        queue = self.start([Hanging()])
        await self.send("bob")
        while not asked:
            await self.store.read(lambda tx: None)
        stopped = queue.stopService()
        self.assertNoResult(stopped)
        self.clock.advance(10)
        await stopped
        self.assertEqual(len(await self.waiting()), 1)


class FailingStore:
    """A store that fails as often as it is told."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.bodies = store.bodies
        self.reads = 0
        self.writes = 0

    async def read(self, unit: Any) -> Any:
        if self.reads:
            self.reads -= 1
            raise StoreUnavailable("The disk is away.")
        return await self._store.read(unit)

    async def write(self, unit: Any, *priority: Any) -> Any:
        if self.writes:
            self.writes -= 1
            raise StoreUnavailable("The disk is full.")
        return await self._store.write(unit, *priority)
