"""Single messages that cannot be had: the others come all the same."""

from __future__ import annotations

from collections import Counter

from tests.fakes.pop3_server import Session
from tests.remote.multipop.bad_servers import COUNT, BadServerTest, at, falls_over, sends
from tests.remote.multipop.sites import pause


class BadMessageTest(BadServerTest):
    """Six messages, one of which makes trouble."""

    async def test_size_lies(self) -> None:
        for mail, size in zip(self.server.mailbox.mails, (0, 1, 10, 10**6, 10**8, 99), strict=True):
            mail.size = size
        await self.bad("^$", state="idle")
        await self.recovers()

    async def test_size_too_large_stays(self) -> None:
        self.server.mailbox.mails[2].size = 10**9
        await self.bad("1 left there for being too large", state="idle")
        self.assertEqual(len(self.server.mailbox.mails), 1)
        self.assertEqual(len(await self.own()), COUNT - 1)
        self.server.mailbox.mails[0].size = None
        await self.recovers()

    async def test_refused_message(self) -> None:
        """Those behind it come; after two failures it is left alone, and tried by hand."""
        act = at(3, lambda session: session.say("-ERR corrupt"))
        await self.bad(r"1 could not be collected \(The server .*corrupt", state="idle", RETR=act)
        self.assertEqual(len(await self.own()), COUNT - 1)
        self.assertEqual((await self.states())["u000003"], "failing")
        act = at(1, lambda session: session.say("-ERR corrupt"))
        await self.bad("1 could not be collected", state="idle", RETR=act)
        self.assertEqual((await self.states())["u000003"], "quarantined")
        self.assertEqual(len(self.server.mailbox.mails), 1)
        await self.recovers()

    async def test_refused_for_now(self) -> None:
        """[SYS/TEMP] (RFC 3206) is not the message's fault, however often."""
        act = sends(b"-ERR [SYS/TEMP] disk is slow\r\n")
        for _ in range(3):
            await self.bad("6 could not be collected", state="idle", RETR=act)
        self.assertEqual(set((await self.states()).values()), {"failing"})
        await self.recovers()

    async def test_dots_that_are_not_doubled(self) -> None:
        """Half a message must not be taken for a whole one, and the other half deleted."""
        dotted = b"Subject: dot\r\n\r\nfirst half\r\n.\r\nsecond half\r\n"
        for data in (dotted, b".\r\nall of it\r\n"):
            self.server.mailbox.mails[2].data = self.mails[2] = data
            for pipelining in (True, False):
                self.server.capabilities = ("UIDL", "PIPELINING") if pipelining else ("UIDL",)

                def as_it_is(session: Session, argument: str) -> None:
                    mail = session.mail(argument)
                    assert mail is not None
                    session.send(b"+OK\r\n" + mail.data + b".\r\n")

                await self.bad("doubtful|does not speak|nothing of|asked", RETR=as_it_is)
                self.assertNotIn("u000003", [*self.server.mailbox.deleted])
                halves = [mail for mail in await self.spooled() if b"first half" in mail]
                self.assertEqual((halves, b"" in await self.spooled()), ([], False))
        await self.recovers()

    async def test_nothing_instead_of_a_message(self) -> None:
        act = at(3, lambda session: session.send(b"+OK\r\n.\r\n"))
        await self.bad("gives nothing of a message of", state="idle", RETR=act)
        self.assertEqual(len(await self.own()), COUNT - 1)
        await self.recovers()

    async def test_gone_between_uidl_and_retr(self) -> None:
        def gone(session: Session, argument: str) -> None:
            if argument == "2":
                session.box.mails.remove(session.mails[1])
                session.say("-ERR it was here a moment ago")
            else:
                session.do_RETR(argument)

        del self.mails[1]
        await self.bad("1 could not be collected", state="idle", RETR=gone)
        self.server.acts.clear()
        await self.recovers()
        self.assertNotIn("u000002", await self.states())

    async def test_poison(self) -> None:
        """A message at which the server falls over does not keep those behind it."""
        await self.bad("closed the connection|lost", RETR=falls_over("3"))
        # Many were asked for: whose fault it was is found out one by one.
        for _ in range(2):
            self.assertNotIn("quarantined", (await self.states()).values())
            await self.bad("closed the connection|lost")
        self.assertEqual((await self.states())["u000003"], "quarantined")
        self.assertEqual(len(await self.own()), 2)
        # Not by hand, which would try it again (as the last one).
        self.multipop.startService()
        while len(await self.own()) < COUNT - 1 or (await self.multipop.find(1)).state == "running":
            await self.store.write(lambda tx: tx.boxes.update(1, next_run=None))
            self.multipop._tick()
            await pause(0.02)
        found = await self.multipop.find(1)
        self.assertIn("1 left there after failing repeatedly", found.box.last_error)
        self.assertEqual(len(self.server.mailbox.mails), 1)
        await self.multipop.stopService()
        self.multipop = self.collector()
        await self.recovers()

    async def test_poison_without_name(self) -> None:
        """The same on a server without UIDL."""
        self.server.capabilities = ()
        no_uidl = sends(b"-ERR no\r\n")
        act = falls_over("3")
        self.server.mailbox.mails[2].size = 77  # nothing else to tell it by
        await self.bad("closed|lost", RETR=act, UIDL=no_uidl)
        await self.bad("closed|lost", RETR=act)
        self.assertEqual(list((await self.states()).values()).count("quarantined"), 1)
        # By hand it is tried again, when all others are here.
        await self.bad("closed|lost", RETR=act)
        self.assertEqual(len(await self.own()), COUNT - 1)
        self.server.acts["RETR"] = lambda session, argument: session.do_RETR(argument)
        await self.bad("^$", state="idle")
        self.assertEqual(Counter(await self.own()), Counter(self.mails))
        self.assertEqual(self.server.mailbox.mails, [])

    async def test_poison_of_ours(self) -> None:
        """A message at which our own code falls over is left alone too."""
        intake = self.intake
        poison = self.mails[2]

        class Weak:
            message_octets = intake.message_octets
            spool = intake.spool

            def writer(self) -> WeakWriter:
                return WeakWriter(intake.writer(), poison)

        self.multipop = self.collector(intake=Weak())
        for state in ("failing", "quarantined"):
            await self.bad("1 could not be collected .Something went wrong", state="idle")
            self.assertEqual((await self.states())["u000003"], state)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(await self.own()), COUNT - 1)
        self.multipop = self.collector()
        await self.recovers()


class WeakWriter:
    """Falls over at one message."""

    def __init__(self, writer: object, poison: bytes) -> None:
        self._writer = writer
        self._poison = poison
        self._data = b""

    async def write(self, data: bytes) -> None:
        self._data += data
        await self._writer.write(data)  # type: ignore[attr-defined]

    async def finish(self) -> object:
        if self._data == self._poison:
            await self.abort()
            raise ZeroDivisionError("a bug")
        return await self._writer.finish()  # type: ignore[attr-defined]

    async def abort(self) -> None:
        await self._writer.abort()  # type: ignore[attr-defined]
