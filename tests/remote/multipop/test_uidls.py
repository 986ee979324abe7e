"""Servers that name their messages badly: nothing is missed, nothing comes twice."""

from __future__ import annotations

import itertools
from collections import Counter

from tests.fakes.pop3_server import Mail, Pop3Server, Session, mailbox
from tests.remote.multipop.sites import SiteTest, message, pause


class OddUidlTest(SiteTest):
    """Boxes that leave and boxes that delete, on servers with odd UIDLs."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.mails = [message(n) for n in range(4)]
        self.server = Pop3Server(mailbox(*self.mails))
        self.there = self.server.mailbox

    async def check(self, visits: int = 3) -> None:
        """Collect several times, leaving, then with a new message, then deleting."""
        await self.box(self.server, leave=True)
        for _ in range(visits):
            state = await self.collect()
            self.assertEqual((state.state, state.box.last_error), ("idle", ""))
        self.assertEqual(Counter(await self.spooled()), Counter(self.mails))
        self.there.add(message(9))
        self.mails.append(message(9))
        await self.collect()
        self.assertEqual(Counter(await self.spooled()), Counter(self.mails))
        await self.multipop.change(1, {"leave": False})
        for _ in range(2):
            await self.collect()
        self.assertEqual(Counter(await self.spooled()), Counter(self.mails))
        self.assertEqual(self.there.mails, [])

    def name(self, *names: str) -> None:
        for mail, name in zip(self.there.mails, names, strict=True):
            mail.uidl = name

    async def test_repeated(self) -> None:
        self.name("a", "b", "a", "a")
        await self.check()

    async def test_blank(self) -> None:
        self.name("", "", "c", "d")
        await self.check()

    async def test_all_the_same(self) -> None:
        self.name("x", "x", "x", "x")
        await self.check()

    async def test_missing(self) -> None:
        def some(session: Session, _: str) -> None:
            session.listing(f"{n} {m.uidl}" for n, m in enumerate(session.mails, 1) if n % 2)

        self.server.acts["UIDL"] = some
        await self.check()

    async def test_too_long(self) -> None:
        self.name("l" * 71, "m" * 255, "n" * 256, "n" * 255 + "o" * 200)
        await self.check()
        self.assertEqual(set(self.there.retrieved.values()), {1})

    async def test_eight_bit(self) -> None:
        """A name may grow when it is made fit to be stored."""

        def odd(session: Session, _: str) -> None:
            session.send(b"+OK\r\n")
            for number, _mail in enumerate(session.mails, 1):
                session.send(b"%d \xff\x01 %b %d\r\n" % (number, b"\xe4" * 100, number))
            session.send(b".\r\n")

        self.server.acts["UIDL"] = odd
        await self.check()

    async def test_names_that_look_like_ours(self) -> None:
        self.name("content", "size", "content 00 1", "long x")
        await self.check()

    async def test_other_ones_each_time(self) -> None:
        fresh = itertools.count()

        def changing(session: Session, _: str) -> None:
            session.listing(f"{n} new{next(fresh)}" for n, _ in enumerate(session.mails, 1))

        self.server.acts["UIDL"] = changing
        await self.check()
        rows = await self.seen()
        self.assertLess(len(rows), 40, "old names are kept for ever")

    async def test_no_uidl_command(self) -> None:
        self.server.capabilities = ("TOP", "USER")
        self.server.acts["UIDL"] = lambda session, _: session.say("-ERR what is that")
        await self.check()

    async def test_uidl_learned_and_lost(self) -> None:
        """The server is updated and learns UIDL, then forgets it again."""
        self.server.capabilities = ("USER",)
        self.server.acts["UIDL"] = lambda session, _: session.say("-ERR what is that")
        await self.box(self.server, leave=True)
        await self.collect()
        self.server.acts.clear()
        await self.collect()
        self.server.acts["UIDL"] = lambda session, _: session.say("-ERR what is that")
        await self.collect()
        self.assertEqual(sorted(await self.spooled()), self.mails)

    async def test_uidl_refused_for_now(self) -> None:
        """A server that has it and does not give it: everything would look new."""
        await self.box(self.server, leave=True)
        await self.collect()
        self.server.acts["UIDL"] = lambda session, _: session.say("-ERR [SYS/TEMP] index broken")
        state = await self.collect()
        self.assertEqual(state.state, "waiting")
        self.assertIn("index broken", state.box.last_error)
        self.assertEqual(set(self.there.retrieved.values()), {1})

    async def test_two_of_the_same(self) -> None:
        """The same octets twice are two messages."""
        self.there.add(self.mails[0])
        self.mails.append(self.mails[0])
        await self.check()

    async def test_two_of_the_same_without_names(self) -> None:
        self.there.add(self.mails[0], self.mails[0])
        self.mails += [self.mails[0], self.mails[0]]
        self.server.capabilities = ()
        self.server.acts["UIDL"] = lambda session, _: session.say("-ERR no")
        await self.check()

    async def test_two_of_the_same_under_new_names(self) -> None:
        self.there.add(self.mails[0])
        self.mails.append(self.mails[0])
        fresh = itertools.count()

        def changing(session: Session, _: str) -> None:
            session.listing(f"{n} new{next(fresh)}" for n, _ in enumerate(session.mails, 1))

        self.server.acts["UIDL"] = changing
        await self.check()

    async def test_list_and_uidl_disagree(self) -> None:
        def too_few(session: Session, _: str) -> None:
            session.listing(["1 10"], "+OK 99 messages")

        self.server.acts["LIST"] = too_few
        await self.check()

    async def test_list_has_too_many(self) -> None:
        """What is not there is told, and does not keep the rest from coming."""

        def too_many(session: Session, _: str) -> None:
            session.listing([*(f"{n} 10" for n in range(1, len(session.mails) + 3))])

        self.server.acts["LIST"] = too_many
        await self.box(self.server)
        state = await self.collect()
        self.assertEqual(sorted(await self.spooled()), self.mails)
        self.assertEqual((state.state, self.there.mails), ("idle", []))
        self.assertIn("2 could not be collected", state.box.last_error)

    async def test_an_empty_box_by_mistake(self) -> None:
        await self.box(self.server, leave=True)
        await self.collect()
        for verb in ("LIST", "UIDL"):
            self.server.acts[verb] = lambda session, _: session.listing([])
        await self.collect()
        self.assertEqual(set((await self.states()).values()), {"gone"})
        self.server.acts.clear()
        await self.collect()
        self.assertEqual(sorted(await self.spooled()), self.mails)
        self.assertEqual(set((await self.states()).values()), {"stored"})

    async def test_an_empty_box_then_new_names(self) -> None:
        """The provider moved its mail to a new machine."""
        await self.box(self.server, leave=True)
        await self.collect()
        kept, self.there.mails = self.there.mails, []
        await self.collect()
        self.there.mails = [Mail(f"moved-{mail.uidl}", mail.data) for mail in kept]
        await self.collect()
        self.assertEqual(sorted(await self.spooled()), self.mails)


class OtherServerTest(SiteTest):
    """A box that means another server after a change."""

    async def test_same_names_other_messages(self) -> None:
        old, new = (
            Pop3Server(mailbox(*(message(n) for n in range(start, start + 3)))) for start in (0, 10)
        )
        box = await self.box(old, leave=True)
        await self.collect()
        await self.multipop.change(box, {"port": new.listen(self), "leave": False})
        await self.collect()
        self.assertEqual(len(set(await self.spooled())), 6)
        self.assertEqual((new.mailbox.mails, len(old.mailbox.mails)), ([], 3))

    async def test_what_failed_on_the_old_server(self) -> None:
        """A new message does not suffer for an old one that had its name."""
        old, new = (Pop3Server(mailbox(message(start))) for start in (0, 10))
        old.acts["RETR"] = lambda session, _: session.say("-ERR corrupt")
        box = await self.box(old)
        for _ in range(2):
            await self.collect()
        self.assertEqual(await self.states(), {"u000001": "quarantined"})
        new.acts["RETR"] = lambda session, argument: session.do_RETR(argument)
        await self.multipop.change(box, {"port": new.listen(self)})
        self.multipop.startService()
        while new.mailbox.mails:
            await pause()
        self.assertEqual(await self.spooled(), [message(10)])

    async def test_the_same_box_by_another_name(self) -> None:
        server = Pop3Server(mailbox(*(message(n) for n in range(3))))
        box = await self.box(server, leave=True)
        await self.collect()
        await self.multipop.change(box, {"host": "localhost"})
        state = await self.collect()
        self.assertEqual((state.state, len(await self.spooled())), ("idle", 3))
        self.assertEqual(set((await self.states()).values()), {"stored"})
