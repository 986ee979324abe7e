"""When boxes are visited: the interval, back-off, refused logins, limits of time."""

from __future__ import annotations

import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailim.interfaces.boxes import Box
from mailim.interfaces.multipop import NEVER
from mailim.remote.multipop.schedule import SECOND, Schedule
from mailim.remote.multipop.visit import Outcome
from mailim.remote.multipop.words import LoginRefused, VisitFailed
from tests.fakes.pop3_server import Pop3Server, Session, mailbox
from tests.remote.multipop.sites import START, SiteTest, message, pause, settings

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class ClockedTest(SiteTest):
    """The collector runs on a clock that the test moves."""

    clocked = True

    async def start(self) -> None:
        self.multipop.startService()
        await self.settle()

    async def settle(self) -> None:
        """Wait until no box is visited."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            await pause(0.005)
            if all(one.state != "running" for one in await self.multipop.list()):
                return
        self.fail("the visits do not end")

    async def later(self, seconds: float) -> None:
        """Let time pass, in the steps the collector looks in."""
        while seconds > 0:
            self.reactor.clock.advance(min(10, seconds))
            seconds -= 10
            await self.settle()

    async def jump(self, seconds: float) -> None:
        """Let much time pass; what is due in between is visited once."""
        self.reactor.clock.advance(seconds)
        await self.settle()
        await self.later(10)


class IntervalTest(ClockedTest):
    """Boxes that are well."""

    async def test_interval(self) -> None:
        server = Pop3Server(mailbox(message(1)))
        await self.box(server)
        await self.start()
        self.assertEqual((server.mailbox.logins, await self.spooled()), (1, [message(1)]))
        await self.later(4 * MINUTE + 40)
        self.assertEqual(server.mailbox.logins, 1)
        server.mailbox.add(message(2))
        await self.later(30)
        self.assertEqual((server.mailbox.logins, len(await self.spooled())), (2, 2))

    async def test_a_new_box_is_visited_soon(self) -> None:
        await self.start()
        server = Pop3Server(mailbox(message(1)))
        await self.box(server)
        await self.later(10)
        self.assertEqual(server.mailbox.logins, 1)

    async def test_switched_off(self) -> None:
        server = Pop3Server(mailbox(message(1)))
        await self.box(server)
        self.config = settings(enabled=False)
        await self.start()
        await self.jump(DAY)
        (state,) = await self.multipop.list()
        self.assertEqual((state.state, server.sessions), ("disabled", []))
        self.config = settings()
        await self.later(10)
        self.assertEqual(server.mailbox.logins, 1)

    async def test_a_disabled_account(self) -> None:
        """Its mail stays where it is."""
        server = Pop3Server(mailbox(message(1)))
        await self.box(server)
        await self.store.write(lambda tx: tx.accounts.update(1, enabled=False))
        await self.start()
        await self.multipop.run()
        self.assertEqual(server.sessions, [])
        await self.store.write(lambda tx: tx.accounts.update(1, enabled=True))
        await self.later(10)
        self.assertEqual(server.mailbox.logins, 1)

    async def test_login_delay(self) -> None:
        """RFC 2449 6.5: the server says how long to stay away."""
        server = Pop3Server(mailbox(message(1)))
        server.capabilities = ("UIDL", "LOGIN-DELAY 900")
        await self.box(server)
        await self.start()
        await self.later(14 * MINUTE)
        self.assertEqual(server.mailbox.logins, 1)
        await self.later(2 * MINUTE)
        self.assertEqual(server.mailbox.logins, 2)

    async def test_no_time_for_all(self) -> None:
        """The visit ends in order, and the rest is collected at once."""
        server = Pop3Server(mailbox(*(message(n) for n in range(10))))
        server.capabilities = ("UIDL",)

        def slow(session: Session, argument: str) -> None:
            self.reactor.clock.advance(20)
            session.do_RETR(argument)

        server.acts["RETR"] = slow
        self.config = settings(run_minutes=1, timeout_seconds=60)
        await self.box(server)
        state = await self.collect()
        self.assertEqual((state.state, len(server.mailbox.mails)), ("idle", 7))
        self.assertIn("no time for all", state.box.last_error)
        self.assertEqual(len(await self.spooled()), 3)
        await self.start()
        await self.later(50)
        self.assertEqual((len(server.mailbox.mails), len(set(await self.spooled()))), (0, 10))

    async def test_too_long(self) -> None:
        """A message that takes longer than a visit may is left alone at last."""
        server = Pop3Server(mailbox(message(1), message(2)))
        server.capabilities = ("UIDL",)

        async def endless(session: Session, argument: str) -> None:
            if argument != "1":
                session.do_RETR(argument)
                return
            session.say("+OK")
            while not session.lost:
                session.send(b"x" * 2000)
                await pause(0.002)
                self.reactor.clock.advance(1)

        server.acts["RETR"] = endless
        self.config = settings(run_minutes=1, timeout_seconds=30)
        await self.box(server)
        for _ in range(2):
            state = await self.collect()
            self.assertIn("took longer than 1 minutes", state.box.last_error)
        self.assertEqual((await self.states())["u000001"], "quarantined")
        await self.start()
        await self.jump(HOUR)
        self.assertEqual(await self.spooled(), [message(2)])
        # A day later it has another chance.
        server.acts.clear()
        await self.jump(DAY + HOUR)
        self.assertEqual((len(await self.spooled()), server.mailbox.mails), (2, []))


class BackOffTest(ClockedTest):
    """Boxes that fail."""

    async def test_longer_each_time(self) -> None:
        server = Pop3Server(mailbox(message(1)))
        server.acts["LIST"] = lambda session, _: session.say("-ERR [SYS/TEMP] later")
        self.jitter = 0.5
        await self.box(server)
        await self.start()
        waits = []
        for failures in range(1, 11):
            row = await self.row()
            assert row.next_run is not None and row.last_run is not None
            self.assertEqual((row.failures, (await self.collect_state())), (failures, "waiting"))
            waits.append((row.next_run - row.last_run) / SECOND / MINUTE / 1.05)
            await self.jump((row.next_run - row.last_run) / SECOND)
        self.assertEqual([round(wait) for wait in waits], [5, 10, 20, 40, 80, 160, *[240] * 4])
        server.acts.clear()
        await self.jump(5 * HOUR)
        row = await self.row()
        self.assertEqual((row.failures, row.last_error), (0, ""))
        self.assertEqual(row.next_run, (row.last_run or 0) + 5 * MINUTE * SECOND)

    async def collect_state(self) -> str:
        return (await self.multipop.find(1)).state

    async def test_changing_tries_at_once(self) -> None:
        server = Pop3Server(mailbox(message(1)))
        server.acts["LIST"] = lambda session, _: session.say("-ERR later")
        await self.box(server)
        await self.start()
        server.acts.clear()
        await self.multipop.change(1, {"leave": True})
        await self.later(10)
        self.assertEqual(await self.spooled(), [message(1)])

    async def test_in_use_is_temporary(self) -> None:
        """RFC 2449 8.1.2, 8.1.1, RFC 3206 4: however often."""
        server = Pop3Server(mailbox(message(1)))
        server.capabilities = ("UIDL",)
        for code in ("IN-USE", "LOGIN-DELAY", "SYS/TEMP", "SYS/PERM"):
            server.acts["PASS"] = lambda session, _, code=code: session.say(f"-ERR [{code}] no")  # type: ignore[misc]
            await self.box(server, user=f"kate {code}")
        await self.start()
        for _ in range(5):
            await self.jump(5 * HOUR)
        self.assertEqual({one.state for one in await self.multipop.list()}, {"waiting"})
        self.assertGreater(len(server.sessions), 16)
        self.assertIn("no room for us now", (await self.row()).last_error)

    async def test_one_store_failure(self) -> None:
        """If not even the failure can be written down, the box rests all the same."""
        from mailim.errors import StoreUnavailable

        server = Pop3Server(mailbox(message(1)))
        server.acts["LIST"] = lambda session, _: session.say("-ERR later")
        await self.box(server)
        store = self.store

        class Broken:
            read, bodies = store.read, store.bodies

            async def _fail(self) -> None:
                raise StoreUnavailable("full")

            def write(self, *_: Any) -> Any:
                from twisted.internet.defer import Deferred

                return Deferred.fromCoroutine(self._fail())

        self.multipop = self.collector(store=Broken())
        await self.start()
        await self.later(50)
        self.assertEqual(len(server.sessions), 1)
        await self.later(20)
        self.assertEqual(len(server.sessions), 2)
        self.assertTrue(self.logged("box 1", "full"))


class RefusedTest(ClockedTest):
    """Wrong passwords: providers lock accounts that go on trying."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.server = Pop3Server(mailbox(message(1)), password="other")
        await self.box(self.server)

    def tries(self) -> int:
        return len(self.server.secure_logins)

    async def refused_thrice(self) -> None:
        await self.start()
        for _ in range(20):
            await self.jump(5 * HOUR)
        self.assertEqual(self.tries(), 3)

    async def test_stops_after_three(self) -> None:
        await self.refused_thrice()
        state = await self.multipop.find(1)
        self.assertEqual((state.state, state.box.next_run), ("failed", NEVER))
        self.assertIn("Refused three times", state.box.last_error)
        self.assertEqual((state.shown()["next_run"], state.shown()["state"]), (None, "failed"))

    async def test_stays_so_after_a_restart(self) -> None:
        await self.refused_thrice()
        await self.multipop.stopService()
        self.multipop = self.collector()
        await self.start()
        await self.jump(DAY)
        self.assertEqual((self.tries(), (await self.multipop.find(1)).state), (3, "failed"))

    async def test_the_right_password(self) -> None:
        await self.refused_thrice()
        await self.multipop.change(1, {"password": "other"})
        self.assertEqual((await self.multipop.find(1)).state, "idle")
        await self.later(10)
        self.assertEqual((self.tries(), await self.spooled()), (4, [message(1)]))

    async def test_by_hand(self) -> None:
        """Once, and it stays stopped if it is refused again."""
        await self.refused_thrice()
        state = await self.collect()
        self.assertEqual((self.tries(), state.state), (4, "failed"))
        await self.jump(DAY)
        self.assertEqual(self.tries(), 4)
        self.server.acts["greeting"] = lambda session, _: session.cut()
        state = await self.collect()
        self.assertEqual((self.tries(), state.state), (4, "failed"))
        self.server.acts.clear()
        self.server.password = "secret"
        state = await self.collect()
        self.assertEqual((state.state, await self.spooled()), ("idle", [message(1)]))

    async def test_a_good_test(self) -> None:
        await self.refused_thrice()
        self.assertFalse((await self.multipop.test(1)).ok)
        self.assertEqual((await self.multipop.find(1)).state, "failed")
        self.server.password = "secret"
        self.assertTrue((await self.multipop.test(1)).ok)
        await self.later(10)
        self.assertEqual(await self.spooled(), [message(1)])

    async def test_only_refusals_count(self) -> None:
        """Other failures in between neither count nor make it forget."""
        await self.start()
        for _ in range(2):
            self.server.acts["greeting"] = lambda session, _: session.say("-ERR busy")
            await self.jump(5 * HOUR)
            self.assertEqual((await self.multipop.find(1)).state, "waiting")
            self.server.acts.clear()
            await self.jump(5 * HOUR)
        for _ in range(5):
            await self.jump(5 * HOUR)
        self.assertEqual((self.tries(), (await self.multipop.find(1)).state), (3, "failed"))


class ScheduleTest(SynchronousTestCase):
    """The decisions alone."""

    def setUp(self) -> None:
        self.config = settings()
        self.schedule = Schedule(lambda: self.config, lambda: 1.0)
        self.now = int(START * SECOND)

    def box(self, **values: Any) -> Box:
        usual: dict[str, Any] = {"ca": "", "leave": True, "enabled": True, "created": 0}
        return Box(1, 1, "h", 995, "u", b"", "tls", **(usual | values))

    def test_due(self) -> None:
        minute = MINUTE * SECOND
        for next_run, due in (
            (None, True),
            (self.now, True),
            (self.now - 9 * minute, True),
            (self.now + 1, False),
            (self.now + 26 * 60 * minute, False),
            (self.now + 40 * 60 * minute, True),  # the clock was wrong
            (NEVER, False),
        ):
            self.assertEqual(self.schedule.is_due(self.box(next_run=next_run), self.now), due)
        self.assertFalse(self.schedule.is_due(self.box(enabled=False), self.now))

    def test_a_long_interval(self) -> None:
        self.config = settings(interval_minutes=10_080)
        for error in (None, VisitFailed("no")):
            changes = self.schedule.after(self.box(), Outcome(), error, self.now)
            self.assertFalse(self.schedule.is_due(self.box(**changes), self.now + DAY * SECOND))
            self.assertTrue(self.schedule.is_due(self.box(**changes), self.now + 8 * DAY * SECOND))
        # What waits for a week does not when the interval becomes shorter.
        self.config = settings(interval_minutes=5)
        self.assertTrue(self.schedule.is_due(self.box(**changes), self.now + SECOND))

    def test_a_delay_that_is_too_long(self) -> None:
        outcome = Outcome(login_delay=9_999_999)
        changes = self.schedule.after(self.box(), outcome, None, self.now)
        self.assertEqual(changes["next_run"] - self.now, DAY * SECOND)

    def test_long_texts(self) -> None:
        error = LoginRefused("x" * 2000)
        for _ in range(3):
            changes = self.schedule.after(self.box(), Outcome(), error, self.now)
        self.assertTrue(changes["last_error"].endswith("collected by hand."))
        self.assertLessEqual(len(changes["last_error"]), 500)
