"""Deleting there: never before it is durable here, never twice a copy, never one lost."""

from __future__ import annotations

from collections import Counter

from twisted.internet.defer import Deferred

from tests.fakes.pop3_server import Mail, Mailbox, Pop3Server, Session, mailbox
from tests.remote.multipop.sites import SiteTest, message, pause


class DeleteTest(SiteTest):
    """A box that deletes, with five messages."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.mails = [message(n) for n in range(5)]
        self.there = mailbox(*self.mails)
        self.server = Pop3Server(self.there)

    async def once_each(self) -> None:
        found = Counter(await self.spooled())
        self.assertEqual(found, Counter(self.mails))

    async def test_lost_before_quit(self) -> None:
        await self.box(self.server)
        self.server.acts["DELE"] = lambda session, _: session.cut()
        state = await self.collect()
        self.assertEqual((state.state, state.box.pending_deletes), ("waiting", 5))
        self.assertIn("closed the connection", state.box.last_error)
        self.assertEqual(set((await self.states()).values()), {"deleting"})
        self.server.acts.clear()
        state = await self.collect()
        self.assertEqual((self.there.mails, state.box.pending_deletes), ([], 0))
        # It was never told to delete them: they need not be looked at again.
        self.assertEqual(set(self.there.retrieved.values()), {1})
        await self.once_each()

    async def test_quit_without_answer_not_done(self) -> None:
        await self.box(self.server)
        self.server.acts["QUIT"] = lambda session, _: session.cut()
        state = await self.collect()
        self.assertEqual((state.state, state.box.pending_deletes), ("waiting", 5))
        self.server.acts.clear()
        state = await self.collect()
        self.assertEqual((self.there.mails, state.box.pending_deletes), ([], 0))
        await self.once_each()

    async def test_quit_without_answer_done(self) -> None:
        def quietly(session: Session, _: str) -> None:
            session.update()
            session.cut()

        await self.box(self.server)
        self.server.acts["QUIT"] = quietly
        state = await self.collect()
        self.assertEqual((state.state, state.box.pending_deletes), ("waiting", 5))
        state = await self.collect()
        self.assertEqual((state.state, state.box.pending_deletes), ("idle", 0))
        await self.once_each()

    async def test_quit_refused(self) -> None:
        """RFC 1939 6: -ERR means that some were not removed, and not which."""

        def refuse(session: Session, _: str) -> None:
            session.marked = session.marked[:2]
            session.update()
            session.say("-ERR some deleted messages not removed")
            session.drop()

        await self.box(self.server)
        self.server.acts["QUIT"] = refuse
        state = await self.collect()
        self.assertEqual((state.box.pending_deletes, len(await self.seen())), (5, 5))
        self.assertIn("some deleted messages not removed", state.box.last_error)
        self.server.acts.clear()
        state = await self.collect()
        self.assertEqual((self.there.mails, state.box.pending_deletes), ([], 0))
        await self.once_each()

    async def test_one_dele_refused(self) -> None:
        def refuse(session: Session, argument: str) -> None:
            session.say("-ERR locked") if argument == "2" else session.do_DELE(argument)

        await self.box(self.server)
        self.server.acts["DELE"] = refuse
        for _ in range(3):
            state = await self.collect()
            self.assertEqual(len(self.there.mails), 1)
            self.server.acts["DELE"] = lambda session, _: session.say("-ERR locked")
        self.assertEqual((state.state, state.box.pending_deletes), ("idle", 1))
        self.server.acts.clear()
        await self.collect()
        self.assertEqual(self.there.mails, [])
        await self.once_each()

    async def test_a_server_that_lies(self) -> None:
        """It says +OK to DELE and QUIT and keeps everything."""

        def lie(session: Session, _: str) -> None:
            session.say("+OK deleted, honestly")
            session.drop()

        await self.box(self.server)
        self.server.acts["QUIT"] = lie
        for _ in range(4):
            self.assertEqual((await self.collect()).state, "idle")
        self.server.acts.clear()
        await self.collect()
        self.assertEqual(self.there.mails, [])
        await self.once_each()

    async def test_a_uidl_used_again(self) -> None:
        """RFC 1939 7 allows that once the message is gone."""
        await self.box(self.server)
        await self.collect()
        more = [message(n) for n in range(10, 15)]
        self.there.mails = [Mail(f"u{n + 1:06d}", data) for n, data in enumerate(more)]
        await self.collect()
        self.mails += more
        await self.once_each()
        self.assertEqual(self.there.mails, [])

    async def test_a_uidl_used_again_after_an_unknown_end(self) -> None:
        """What has an old name and was never collected must not be deleted."""

        def quietly(session: Session, _: str) -> None:
            session.update()
            session.cut()

        await self.box(self.server)
        self.server.acts["QUIT"] = quietly
        await self.collect()
        self.server.acts.clear()
        more = [message(n) for n in range(10, 13)]
        self.there.mails = [Mail(f"u{n + 1:06d}", data) for n, data in enumerate(more)]
        await self.collect()
        self.mails += more
        await self.once_each()
        self.assertEqual(self.there.mails, [])

    async def test_the_same_message_again(self) -> None:
        """The sender may send it twice: with a new UIDL it is a new message."""
        await self.box(self.server)
        await self.collect()
        self.there.add(self.mails[0])
        await self.collect()
        self.mails.append(self.mails[0])
        await self.once_each()

    async def test_from_leave_to_delete(self) -> None:
        await self.box(self.server, leave=True)
        await self.collect()
        self.assertEqual(set((await self.states()).values()), {"stored"})
        await self.multipop.change(1, {"leave": False})
        state = await self.collect()
        self.assertEqual((self.there.mails, state.box.pending_deletes), ([], 0))
        self.assertEqual(set(self.there.retrieved.values()), {1})
        await self.once_each()

    async def test_from_delete_to_leave(self) -> None:
        """Pending deletes are called off: what the owner wants now counts."""
        await self.box(self.server)
        self.server.acts["DELE"] = lambda session, _: session.cut()
        await self.collect()
        await self.multipop.change(1, {"leave": True})
        self.server.acts.clear()
        state = await self.collect()
        self.assertEqual((len(self.there.mails), state.box.pending_deletes), (5, 0))
        self.assertEqual(set((await self.states()).values()), {"stored"})
        await self.once_each()

    async def test_from_delete_to_leave_after_an_unknown_end(self) -> None:
        await self.box(self.server)
        self.server.acts["QUIT"] = lambda session, _: session.cut()
        await self.collect()
        await self.multipop.change(1, {"leave": True})
        self.server.acts.clear()
        state = await self.collect()
        self.assertEqual((len(self.there.mails), state.box.pending_deletes), (5, 0))
        self.assertEqual(set((await self.states()).values()), {"stored"})
        await self.once_each()

    async def test_leave_wanted_while_deleting(self) -> None:
        """The visit under way does not delete any more."""
        await self.box(self.server)
        reached: Deferred[None] = Deferred()

        async def slow(session: Session, argument: str) -> None:
            if not reached.called:
                reached.callback(None)
            await pause(0.2)
            session.do_DELE(argument)

        self.server.acts["DELE"] = slow
        run = self.multipop.run()
        await reached
        await self.multipop.change(1, {"leave": True})
        await run
        await pause(0.3)
        self.assertEqual((len(self.there.mails), self.there.deleted), (5, []))
        self.server.acts.clear()
        await self.collect()
        self.assertEqual(len(self.there.mails), 5)
        await self.once_each()

    async def test_quit_does_not_matter_to_who_leaves(self) -> None:
        await self.box(self.server, leave=True)
        self.server.acts["QUIT"] = lambda session, _: session.cut()
        state = await self.collect()
        self.assertEqual((state.state, state.box.last_error), ("idle", ""))

    async def test_many_in_batches(self) -> None:
        self.mails = [message(n) for n in range(120)]
        self.there = self.server.mailbox = mailbox(*self.mails)
        await self.box(self.server)
        state = await self.collect()
        self.assertEqual((state.box.pending_deletes, len(self.there.deleted)), (0, 120))
        await self.once_each()


class UnnamedDeleteTest(SiteTest):
    """The same without UIDLs."""

    async def test_lost_and_lied(self) -> None:
        mails = [message(n) for n in range(3)]
        server = Pop3Server(Mailbox())
        server.mailbox.add(*mails)
        server.capabilities = ()
        server.acts["UIDL"] = lambda session, _: session.say("-ERR no")
        await self.box(server)
        server.acts["QUIT"] = lambda session, _: session.cut()
        state = await self.collect()
        self.assertEqual(state.box.pending_deletes, 3)

        def lie(session: Session, _: str) -> None:
            session.say("+OK")
            session.drop()

        server.acts["QUIT"] = lie
        await self.collect()
        await self.collect()
        del server.acts["QUIT"]
        state = await self.collect()
        self.assertEqual((server.mailbox.mails, state.box.pending_deletes), ([], 0))
        self.assertEqual(sorted(await self.spooled()), mails)
