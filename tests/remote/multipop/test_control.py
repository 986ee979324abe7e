"""What people do with boxes, at the worst moment: run, test, change, remove, switch off."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import Deferred

from mailim.errors import AlreadyExists, Invalid, LimitExceeded, NotFound, StoreUnavailable
from mailim.remote.multipop.turns import Turn
from tests.fakes.pop3_server import Pop3Server, Session, mailbox
from tests.remote.multipop.sites import Gate, SiteTest, message, pause, settings


class HeldTest(SiteTest):
    """A server that holds an answer back until the test lets it go."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.server = Pop3Server(mailbox(*(message(n) for n in range(3))))
        self.gate = Gate()
        self.addCleanup(lambda: self.gate.open())

    def hold(self, verb: str) -> None:
        async def held(session: Session, argument: str) -> None:
            await self.gate.through()
            usual = getattr(session, f"do_{verb}")
            usual(argument)

        self.server.acts[verb] = held

    async def held(self, verb: str = "RETR", **values: Any) -> Deferred[None]:
        """Begin a visit that is held there; gives the run."""
        self.hold(verb)
        await self.box(self.server, **values)
        run = self.multipop.run()
        await self.gate.reached
        return run

    def let_go(self) -> None:
        self.server.acts.clear()
        self.gate.open()


class RunTest(HeldTest):
    """Collecting by hand."""

    async def test_waits_for_the_end(self) -> None:
        run = await self.held()
        await pause(0.05)
        self.assertFalse(run.called)
        self.assertEqual((await self.multipop.find(1)).state, "running")
        self.let_go()
        await run
        self.assertEqual((await self.multipop.find(1)).state, "idle")
        self.assertEqual(len(await self.spooled()), 3)

    async def test_sees_what_was_there_before(self) -> None:
        """A visit under way may have looked already: there is one more."""
        first = await self.held("UIDL")
        self.server.mailbox.add(message(9))
        more = [self.multipop.run() for _ in range(3)]
        await pause(0.02)
        self.let_go()
        await first
        for each in more:
            await each
        self.assertEqual((len(await self.spooled()), self.server.mailbox.logins), (4, 2))
        self.assertEqual(self.server.mailbox.most_open, 1)

    async def test_some_of_them(self) -> None:
        other = Pop3Server(mailbox(message(7)))
        await self.box(self.server)
        second = await self.box(other)
        third = await self.box(other, account_id=2, user="kate")
        await self.multipop.run(None, second)
        self.assertEqual((self.server.sessions, other.mailbox.logins), ([], 1))
        await self.multipop.run(2)
        self.assertEqual((self.server.sessions, other.mailbox.logins), ([], 2))
        await self.multipop.change(third, {"enabled": False})
        await self.multipop.run(2)
        self.assertEqual(other.mailbox.logins, 2)

    async def test_switched_off(self) -> None:
        await self.box(self.server)
        self.config = settings(enabled=False)
        with self.assertRaises(Invalid):
            await self.multipop.run()
        self.assertEqual(self.server.sessions, [])

    async def test_as_many_at_once_as_are_allowed_now(self) -> None:
        self.config = settings(boxes_at_once=1)
        self.hold("LIST")
        for number in range(3):
            await self.box(self.server, user=f"kate{number}")
        self.server.acts["USER"] = lambda session, _: _as_kate(session)
        self.server.capabilities = ("UIDL",)
        run = self.multipop.run()
        await self.gate.reached
        await pause(0.05)
        self.assertEqual(len(self.server.sessions), 1)
        self.config = settings(boxes_at_once=2)
        self.let_go()
        self.server.acts["USER"] = lambda session, _: _as_kate(session)
        await run
        self.assertEqual(len(self.server.sessions), 3)


def _as_kate(session: Session) -> None:
    session.user = "kate"
    session.say("+OK")


class TryTest(HeldTest):
    """Testing a box."""

    async def test_good(self) -> None:
        await self.box(self.server)
        found = await self.multipop.test(1)
        octets = sum(len(message(n)) for n in range(3))
        self.assertEqual((found.ok, found.messages, found.octets), (True, 3, octets))
        self.assertEqual((await self.spooled(), self.server.heard[-1]), ([], "QUIT"))

    async def test_nonsense(self) -> None:
        await self.box(self.server)
        for answer, words in (("+OK many", "two numbers"), ("-ERR no", "does not count: no")):
            self.server.acts["STAT"] = lambda session, _, a=answer: session.say(a)  # type: ignore[misc]
            found = await self.multipop.test(1)
            self.assertFalse(found.ok)
            self.assertIn(words.replace("count", "count its messages"), found.detail)

    async def test_no_such_box(self) -> None:
        with self.assertRaises(NotFound):
            await self.multipop.test(4711)
        with self.assertRaises(NotFound):
            await self.multipop.find(4711)

    async def test_waits_for_a_visit(self) -> None:
        """A box has one connection."""
        run = await self.held()
        test = self.multipop.test(1)
        await pause(0.05)
        self.assertFalse(test.called)
        self.let_go()
        await run
        found = await test
        self.assertEqual((found.ok, found.messages), (True, 0))
        self.assertEqual(self.server.mailbox.most_open, 1)

    async def test_a_visit_waits_for_a_test(self) -> None:
        self.hold("STAT")
        await self.box(self.server)
        test = self.multipop.test(1)
        await self.gate.reached
        run = self.multipop.run()
        await pause(0.05)
        self.assertEqual(len(self.server.sessions), 1)
        self.let_go()
        self.assertTrue((await test).ok)
        await run
        self.assertEqual((len(await self.spooled()), self.server.mailbox.most_open), (3, 1))

    async def test_changed_meanwhile(self) -> None:
        self.hold("STAT")
        await self.box(self.server)
        test = self.multipop.test(1)
        await self.gate.reached
        await self.multipop.change(1, {"leave": True})
        self.assertEqual((await test).ok, False)


class WithdrawTest(HeldTest):
    """Boxes and accounts that go while they are visited."""

    async def nothing_came(self) -> None:
        self.assertEqual((await self.spooled(), self.server.mailbox.deleted), ([], []))
        self.assertEqual(len(self.server.mailbox.mails), 3)

    async def test_removed(self) -> None:
        run = await self.held()
        await self.multipop.remove(1)
        await run
        self.assertEqual(await self.multipop.list(), [])
        with self.assertRaises(NotFound):
            await self.multipop.remove(1)
        await self.nothing_came()
        self.assertTrue(self.logged("visit to box 1 was ended"))

    async def test_removed_before_quit(self) -> None:
        """What was collected is here; nothing is deleted there any more."""
        run = await self.held("DELE")
        await self.multipop.remove(1)
        await run
        self.assertEqual((len(await self.spooled()), self.server.mailbox.deleted), (3, []))

    async def test_changed(self) -> None:
        run = await self.held()
        state = await self.multipop.change(1, {"user": "mara", "password": "new"})
        self.assertEqual((state.box.user, state.state), ("mara", "idle"))
        await run
        await self.nothing_came()
        row = await self.row()
        self.assertEqual((row.failures, row.last_error, row.next_run), (0, "", None))

    async def test_switched_off(self) -> None:
        run = await self.held()
        state = await self.multipop.change(1, {"enabled": False})
        self.assertEqual(state.state, "disabled")
        await run
        await self.nothing_came()

    async def test_master_switch(self) -> None:
        run = await self.held()
        self.multipop.startService()
        self.config = settings(enabled=False)
        self.multipop._tick()
        await run
        await self.nothing_came()
        self.assertEqual((await self.multipop.find(1)).state, "disabled")

    async def test_account_deleted(self) -> None:
        """Nobody tells the collector: it sees it before it stores or deletes."""
        for verb, spooled in (("RETR", 0), ("DELE", 3)):
            self.server = Pop3Server(mailbox(*(message(n) for n in range(3))))
            self.gate = Gate()
            run = await self.held(verb, account_id=1 if verb == "RETR" else 2)
            await self.store.write(
                lambda tx, verb=verb: tx.accounts.delete(1 if verb == "RETR" else 2)  # type: ignore[misc]
            )
            self.let_go()
            await run
            self.assertEqual(len(await self.spooled()), spooled)
            self.assertEqual((len(self.server.mailbox.mails), self.server.mailbox.deleted), (3, []))
        self.assertEqual(await self.multipop.list(), [])

    async def test_account_disabled(self) -> None:
        run = await self.held("DELE")
        await self.store.write(lambda tx: tx.accounts.update(1, enabled=False))
        self.let_go()
        await run
        self.assertEqual((len(await self.spooled()), self.server.mailbox.deleted), (3, []))

    async def test_stopped_at_every_step(self) -> None:
        """The service ends at once; afterwards all is collected, each message once."""
        self.config = settings(timeout_seconds=120)
        steps = ("greeting", "CAPA", "AUTH", "LIST", "UIDL", "RETR", "DELE", "QUIT")
        for step in steps:
            self.gate = Gate()
            if step == "greeting":
                self.server.acts["greeting"] = lambda _, __: self.gate.reached.callback(None)
            else:
                self.hold(step)
            if step == steps[0]:
                await self.box(self.server)
            run = self.multipop.run()
            await self.gate.reached
            begun = time.monotonic()
            await self.multipop.stopService()
            self.assertLess(time.monotonic() - begun, 60)  # half of a server's silence
            await run
            self.assertEqual(self.server.mailbox.open, 0)
            self.let_go()
            self.multipop = self.collector()
        await self.multipop.run()
        self.assertEqual(len(await self.spooled()), 3)
        self.assertEqual(sorted(await self.spooled()), [message(n) for n in range(3)])
        self.assertEqual(self.server.mailbox.mails, [])

    async def test_stopped_with_boxes_waiting(self) -> None:
        self.config = settings(boxes_at_once=1)
        run = await self.held()
        await self.box(self.server, user="other")
        waiting = self.multipop.run()
        await pause(0.02)
        await self.multipop.stopService()
        await run
        await waiting
        await self.nothing_came()
        await self.multipop.run()  # a service that was stopped does nothing
        self.assertEqual(len(self.server.sessions), 1)


class BugTest(SiteTest):
    """Faults of ours: the log has them whole, the owner no details, other boxes go on."""

    async def test_a_visit(self) -> None:
        class Broken:
            def __getattr__(self, name: str) -> int:
                return 1 // 0

        server = Pop3Server(mailbox(message(1)))
        await self.box(server)
        self.multipop = self.collector(intake=Broken())
        state = await self.collect()
        self.assertEqual(state.state, "waiting")
        self.assertEqual(state.box.last_error, "Something went wrong here; the log says what.")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        while server.mailbox.open:  # the server hears of the end a moment later
            await pause()
        self.multipop = self.collector()
        self.assertEqual((await self.collect()).state, "idle")

    async def test_a_test(self) -> None:
        class Broken:
            def open(self, _: bytes) -> str:
                raise ZeroDivisionError("a secret detail")

        await self.box(1)
        vault, self.vault = self.vault, Broken()  # type: ignore[assignment]
        self.multipop = self.collector()
        found = await self.multipop.test(1)
        self.assertEqual((found.ok, "secret" in found.detail), (False, False))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.vault = vault

    async def test_a_store_that_is_closed(self) -> None:
        await self.box(1)
        await self.store.close()
        with self.assertRaises(StoreUnavailable):
            await self.multipop.run()
        await self.multipop._visiting.visit(1, Turn(by_hand=False))
        self.assertTrue(self.logged("box 1 is not visited"))


class SettingsTest(SiteTest):
    """What is refused, and how it is said."""

    async def test_limits(self) -> None:
        self.config = settings(boxes_per_account=2)
        await self.box(1)
        with self.assertRaises(AlreadyExists):
            await self.box(1)
        await self.box(2)
        with self.assertRaises(LimitExceeded):
            await self.box(3)
        await self.box(1, account_id=2)
        with self.assertRaises(NotFound):
            await self.box(1, account_id=99)

    async def test_change(self) -> None:
        box = await self.box(1)
        await self.box(2)
        with self.assertRaises(AlreadyExists):
            await self.multipop.change(box, {"port": 2})
        with self.assertRaises(NotFound):
            await self.multipop.change(99, {"port": 3})
        with self.assertRaises(Invalid):
            await self.multipop.change(box, {"port": "3"})
        changed = await self.multipop.change(box, {"port": 3, "leave": True, "password": "p"})
        self.assertEqual((changed.box.port, changed.box.leave), (3, True))
        self.assertEqual(self.vault.open(changed.box.secret), "p")

    async def test_shown(self) -> None:
        """The password is neither shown nor readable in the database."""
        await self.box(1, password="do not show me")
        (state,) = await self.multipop.list(1)
        self.assertNotIn("do not show me", repr(state) + str(state.shown()))
        self.assertEqual(await self.multipop.list(2), [])

    async def test_another_key(self) -> None:
        from mailim.accounts.vault import Vault

        server = Pop3Server(mailbox(message(1)))
        await self.box(server)
        self.vault = Vault(Vault.new_key())
        self.multipop = self.collector()
        state = await self.collect()
        self.assertIn("enter it again", state.box.last_error)
        self.assertFalse((await self.multipop.test(1)).ok)
