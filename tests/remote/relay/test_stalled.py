"""Destinations that take connections and say nothing keep nobody else from getting his mail."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import RateLimited
from mailim.mail import queue as queue_module
from mailim.mail.queue import NO_ROOM_SECONDS, STOP_SECONDS
from mailim.remote.relay import relay as relay_module
from mailim.remote.relay.destinations import PATIENCE, Destinations
from mailim.remote.relay.relay import Relay, RelayRules
from mailim.remote.relay.session import Host, Session
from mailim.remote.relay.words import Delayed, HostFailed
from tests.mail.post import Post

AT_ONCE, WAITING = 4, 12


class SlotsTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.destinations = Destinations(self.clock, lambda: AT_ONCE, lambda: WAITING)

    def enter(self, count: int = 1) -> list[Deferred[Any]]:
        return [Deferred.fromCoroutine(self.destinations.enter("x")) for _ in range(count)]

    def inside(self, entered: list[Deferred[Any]]) -> int:
        return sum(each.called and not each.paused and each.result is None for each in entered)

    def refused(self, entered: list[Deferred[Any]]) -> list[RateLimited]:
        failures = [self.failureResultOf(each, RateLimited).value for each in entered]
        return [each for each in failures if isinstance(each, RateLimited)]

    def test_one_until_it_answers(self) -> None:
        entered = self.enter(6)
        self.assertEqual(self.inside(entered), 1)
        self.destinations.succeeded("x")
        self.assertEqual(self.inside(entered), AT_ONCE)
        self.destinations.leave("x")
        self.assertEqual(self.inside(entered), AT_ONCE + 1)

    def test_who_waits_where_nothing_goes_on_comes_back_later(self) -> None:
        first, *others = self.enter(1 + WAITING)
        self.successResultOf(first)
        self.clock.advance(PATIENCE - 0.1)
        for each in others:
            self.assertNoResult(each)
        self.clock.advance(0.2)
        back = [each.retry_after for each in self.refused(others)]
        self.assertEqual(sorted(set(back)), back)  # one behind the other
        self.assertGreaterEqual(back[0], PATIENCE)
        self.refused(self.enter(3))  # and nobody new waits
        self.destinations.succeeded("x")  # until it goes on
        self.assertEqual(self.inside(self.enter(3)), 3)

    def test_progress_lets_them_wait_on(self) -> None:
        first, second, third = self.enter(3)
        for entered in (second, third):
            self.clock.advance(PATIENCE - 1)
            self.assertNoResult(entered)
            self.destinations.leave("x")
            self.successResultOf(entered)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(first)

    def test_one_that_answered_and_went_silent(self) -> None:
        entered = self.enter(AT_ONCE + 3)
        self.destinations.succeeded("x")
        self.clock.advance(PATIENCE)
        self.assertEqual(self.inside(entered), AT_ONCE)
        self.refused(entered[AT_ONCE:])

    def test_one_again_after_a_failure(self) -> None:
        (first,) = self.enter()
        self.destinations.succeeded("x")
        self.destinations.failed("x", "away")
        self.destinations.leave("x")
        self.clock.advance(3600)
        self.assertEqual(self.inside(self.enter(3)), 1)
        self.successResultOf(first)

    def test_all_that_wait_are_told_of_a_failure(self) -> None:
        """However many: one behind the other, not one inside the other."""
        self.destinations = Destinations(self.clock, lambda: 1, lambda: 5000)
        first, *others = self.enter(3000)
        self.destinations.failed("x", "away")
        for each in others:
            self.failureResultOf(each, Delayed)
        self.destinations.leave("x")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(first)

    def test_closing(self) -> None:
        first, second = self.enter(2)
        self.destinations.close()
        self.refused([second])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(first)


class FakeExchangers:
    """Every domain has one host of its own name; big.test has many."""

    async def hosts(self, domain: str) -> tuple[str, ...]:
        return tuple(f"mx{at}.{domain}" for at in range(10 if domain == "big.test" else 1))

    async def addresses(self, host: str) -> tuple[str, ...]:
        return ("192.0.2.1",)


class SilentDoor:
    """Only good.test answers; all others keep one waiting for ever, or so many seconds."""

    def __init__(self, clock: Clock, seconds: float | None = None) -> None:
        self.clock = clock
        self.seconds = seconds
        self.tried: list[str] = []
        self.open: set[Any] = set()
        self.silent: list[Deferred[Session]] = []  # somebody must hold them

    async def enter(self, host: Host) -> Session:
        self.tried.append(host.name)
        if host.name.endswith("good.test"):
            raise Answered
        silence: Deferred[Session] = Deferred()
        self.silent.append(silence)
        if self.seconds is not None:
            self.clock.callLater(self.seconds, silence.errback, HostFailed("silent"))
        return await silence


class Answered(Exception):
    """A host did: enough for these tests."""


class StalledTest(Post):
    timeout = 120

    def begin(self) -> None:
        """Start a queue whose way out is the relay."""
        self.start(relay=self.relay())
        self.addCleanup(lambda: Deferred.fromCoroutine(self.end()))

    async def end(self) -> None:
        """Stop the queue, and let the silent ones break off."""
        stopped = self.queue.stopService()
        self.clock.advance(STOP_SECONDS)
        await stopped
        for each in self.door.silent:
            each.errback(HostFailed("silent"))
        while self.queue.busy:
            await deferLater(reactor, 0.005)
        self.flushLoggedErrors(Answered)

    def relay(self, seconds: float | None = None) -> Relay:
        self.door = SilentDoor(self.clock, seconds)
        rules = RelayRules(private=True, at_once=AT_ONCE, waiting=WAITING)
        doors: Any = self.door
        exchangers: Any = FakeExchangers()
        relay = Relay(self.clock, self.store.bodies, exchangers, doors, lambda: rules)
        self.addCleanup(relay.close)
        return relay

    async def good_one_is_tried(self, seconds: float) -> float:
        """Let time pass until it is, so many seconds at most; gives how many it took."""
        passed = 0.0
        while passed <= seconds:
            for _ in range(40):
                await deferLater(reactor, 0.005)
                if "mx0.good.test" in self.door.tried:
                    return passed
            self.clock.advance(1)
            passed += 1
        raise AssertionError(f"not tried within {seconds} seconds")

    async def bring(self, domains: int, mails: int) -> None:
        addresses = [f"x@stalled{at}.test" for at in range(domains)]
        for _ in range(mails):
            await self.send(*addresses)

    async def test_many_stalled_domains(self) -> None:
        """As many as there are places for mails on their way: each keeps one at last."""
        self.patch(queue_module, "RELAYED_AT_ONCE", 100)
        self.begin()
        await self.bring(domains=60, mails=5)
        await self.good_one_waits()
        self.assertLessEqual(await self.good_one_is_tried(60), PATIENCE + NO_ROOM_SECONDS + 5)

    async def good_one_waits(self) -> None:
        """Send a mail that could go once the others have taken all places."""
        while len(self.queue._away) < 100:
            await deferLater(reactor, 0.005)
        await self.send("y@good.test")

    async def test_behind_many_recipients_of_the_same_mail(self) -> None:
        self.begin()
        addresses = [f"x@stalled{at}.test" for at in range(60)]
        await self.send(*addresses, "y@good.test")
        self.assertLessEqual(await self.good_one_is_tried(5), 1)

    async def test_not_all_hosts_of_a_silent_destination_in_turn(self) -> None:
        """RFC 5321 5.1 asks for two; more only while there is time."""
        for seconds, tried in ((300.0, 2), (50.0, 3)):
            self.patch(relay_module, "CONNECTING_SECONDS", 120.0)
            relay = self.relay(seconds)
            await self.send("x@big.test")
            (entry,) = await self.waiting()
            sent = Deferred.fromCoroutine(relay.send(entry, entry.recipients[0]))
            for _ in range(1000):
                if sent.called:
                    break
                self.clock.advance(10)
                await deferLater(reactor, 0)
            await self.assertFailure(sent, Delayed)
            self.assertEqual(len(self.door.tried), tried)
            await self.store.write(lambda tx, id_=entry.id: tx.spool.remove(id_))  # type: ignore[misc]
