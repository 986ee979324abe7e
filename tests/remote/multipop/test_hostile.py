"""Servers that are broken or hostile.

Whatever a server does: the visit ends, the box says why in plain words, the log has a
line, the other boxes are collected, and what could not be collected is collected once the
server behaves, each message once.
"""

from __future__ import annotations

from tests.fakes.pop3_server import Session, stuffed
from tests.remote.multipop.bad_servers import (
    COUNT,
    BadServerTest,
    endless,
    sends,
    silent,
)
from tests.remote.multipop.sites import pause


class SilentTest(BadServerTest):
    """Answers that never come, or ever so slowly."""

    silence = 1.5

    async def test_silent_at_every_step(self) -> None:
        self.server.capabilities = ("SASL PLAIN", "UIDL")
        for step in ("greeting", "CAPA", "AUTH", "LIST", "UIDL", "RETR", "DELE", "QUIT"):
            await self.bad("silent for", "waiting", **{step: silent})
            self.server.acts.clear()
        await self.recovers()

    async def test_silent_after_user(self) -> None:
        self.server.capabilities = ()
        for step in ("USER", "PASS"):
            await self.bad("silent for", "waiting", **{step: silent})
            self.server.acts.clear()

    async def test_silent_in_the_middle(self) -> None:
        for step, data in (
            ("greeting", b"+OK hel"),
            ("LIST", b"+OK\r\n1 10\r\n2 "),
            ("UIDL", b"+OK\r\n1 abc\r\n"),
            ("RETR", b"+OK\r\nSubject: half\r\n"),
        ):
            await self.bad("silent for|too slow", "waiting", **{step: sends(data)})
            self.server.acts.clear()

    async def test_no_end(self) -> None:
        """A +OK without the dot at the end."""

        def no_end(session: Session, argument: str) -> None:
            mail = session.mail(argument)
            assert mail is not None
            session.send(b"+OK\r\n" + stuffed(mail.data)[:-3])

        await self.check("too slow|silent", RETR=no_end)

    async def test_one_octet_at_a_time(self) -> None:
        async def slowly(session: Session, argument: str) -> None:
            await session.trickle(b"+OK\r\n" + b"x" * 100_000, 0.02)

        await self.bad("too slow", RETR=slowly)
        await self.recovers()

    async def test_one_octet_at_a_time_in_a_listing(self) -> None:
        async def slowly(session: Session, argument: str) -> None:
            await session.trickle(b"+OK\r\n" + b"1 1\r\n" * 100_000, 0.02)

        await self.check("too slow", LIST=slowly)

    async def test_greeting_that_never_ends(self) -> None:
        async def slowly(session: Session, argument: str) -> None:
            await session.trickle(b"+OK " + b"x" * 100_000, 0.02)

        await self.check("too slow", greeting=slowly)

    async def test_login_that_never_ends(self) -> None:
        """Each answer is in time, and there are ever more of them."""

        async def more(session: Session, argument: str) -> None:
            session.send(b"+OK\r\n")
            while not session.lost:
                session.send(b"X-" + b"y" * 400 + b"\r\n")
                await pause(0.05)

        await self.check("takes too long to sign us in", CAPA=more)


class HostileTest(BadServerTest):
    """Answers that never end, or are none."""

    # --- too much --------------------------------------------------------------------------

    async def test_endless_status_line(self) -> None:
        for step in ("greeting", "LIST", "UIDL", "RETR", "QUIT"):

            async def act(session: Session, _: str) -> None:
                session.send(b"+OK ")
                await endless(session, b"x" * 10_000)

            await self.bad("longer than", "waiting", **{step: act})
            self.server.acts.clear()
        await self.recovers()

    async def test_endless_lines(self) -> None:
        async def act(session: Session, _: str) -> None:
            session.send(b"+OK\r\n1 ")
            await endless(session, b"1" * 10_000)

        for step in ("LIST", "UIDL"):
            await self.bad("longer than 512", "waiting", **{step: act})
            self.server.acts.clear()
        await self.recovers()

    async def test_endless_listing(self) -> None:
        for step, line in (("LIST", b"%d 10\r\n"), ("UIDL", b"%d u%d\r\n"), ("CAPA", b"X%d\r\n")):

            async def act(session: Session, _: str, line: bytes = line) -> None:
                session.send(b"+OK\r\n")
                number = 0
                while not session.lost:
                    numbers = range(number, number := number + 5000)
                    session.send(b"".join(line % ((n + 1,) * line.count(b"%d")) for n in numbers))
                    await pause(0)

            await self.bad("has more than", "waiting", **{step: act})
            self.server.acts.clear()
        await self.recovers()

    async def test_endless_message(self) -> None:
        self.config = self.settings(message_octets=300_000)

        async def act(session: Session, _: str) -> None:
            session.send(b"+OK\r\nSubject: endless\r\n\r\n")
            await endless(session, b"x" * 10_000)

        for _ in range(2):
            await self.bad("larger than the server said", RETR=act)
        self.assertEqual((await self.states())["u000001"], "quarantined")

    async def test_a_line_of_100_megabytes(self) -> None:
        """As a message it is a message; as an answer it is an end."""
        line = b"x" * 1_000_000

        async def act(session: Session, argument: str) -> None:
            session.send(b"+OK ")
            for _ in range(100):
                session.send(line)
                await pause(0)
                if session.lost:
                    return

        await self.check("longer than 2048", LIST=act)

    async def test_unasked(self) -> None:
        def twice(session: Session, _: str) -> None:
            session.do_LIST("")
            session.say("+OK and another thing")

        await self.check("without being asked|does not speak|not two numbers", LIST=twice)

    async def test_unasked_later(self) -> None:
        async def twice(session: Session, argument: str) -> None:
            session.do_RETR(argument)
            await pause(0.02)
            session.say("+OK and another thing")
            await pause(0.05)

        self.server.capabilities = ("UIDL",)
        self.config = self.settings(failures_before_quarantine=50)
        await self.bad(".", RETR=twice)
        await self.recovers()

    # --- nonsense --------------------------------------------------------------------------

    async def test_not_pop3(self) -> None:
        for data in (b"220 mail.example.org ESMTP\r\n", b"HTTP/1.1 400\r\n", b"\0\xff\n", b"+\r\n"):
            await self.bad("does not speak POP3", greeting=sends(data))
        await self.recovers()

    async def test_text_of_the_server_is_harmless(self) -> None:
        """What it says stands in pages and logs: no controls, no end of line, not too long."""
        data = "-ERR \x1b[2J\u202eevil\x07 ".encode() + b"\xff\r" + b"x" * 1500 + b"\r\n"
        await self.bad("does not list", LIST=sends(data))
        text = (await self.row()).last_error
        self.assertTrue(text.isprintable() and len(text) <= 500, text)
        await self.recovers()

    async def test_wrong_listings(self) -> None:
        for data in (b"+OK\r\nfoo bar\r\n.\r\n", b"+OK\r\n0 10\r\n.\r\n", b"+OK\r\n-1 1\r\n.\r\n"):
            await self.bad("two numbers|number 0", LIST=sends(data))
        self.server.acts.clear()
        for data in (b"+OK\r\nfoo bar\r\n.\r\n", b"+OK\r\n0 x\r\n.\r\n"):
            await self.bad("without number|number 0", UIDL=sends(data))
        await self.recovers()

    async def test_refused_listings(self) -> None:
        await self.bad("does not list its messages: no", LIST=sends(b"-ERR no\r\n"))
        self.server.acts.clear()
        await self.bad("does not tell its messages apart", UIDL=sends(b"-ERR no\r\n"))
        await self.recovers()

    async def test_impossible_numbers(self) -> None:
        data = b"+OK\r\n1 9999999999999999999\r\n4294967297 10\r\n2 10\r\n.\r\n"
        self.config = self.settings(failures_before_quarantine=9)
        await self.bad("too large; 1 could not be", state="idle", LIST=sends(data))
        await self.recovers()

    # --- ends ------------------------------------------------------------------------------

    async def test_dropped_at_every_step(self) -> None:
        for end in ("drop", "cut"):
            for step in ("greeting", "CAPA", "AUTH", "LIST", "UIDL", "DELE", "QUIT"):
                await self.bad("closed the connection|lost", "waiting", **{step: sends(b"", end)})
                self.server.acts.clear()
        await self.recovers()

    async def test_dropped_at_every_octet_of_a_message(self) -> None:
        """Whatever came before, no half message is taken for a whole one."""
        self.config = self.settings(failures_before_quarantine=10_000)
        data = b"+OK 30 octets\r\nSubject: x\r\n\r\n..dot\r\n.\r\n"
        self.server.mailbox.mails[0].data = self.mails[0] = b"Subject: x\r\n\r\n.dot\r\n"
        for length in range(len(data)):
            await self.bad("closed the connection|lost", RETR=sends(data[:length], "drop"))
        self.assertEqual(await self.own(), [])
        await self.recovers()

    async def test_one_message_a_session(self) -> None:
        """A server that hangs up after each message: slow progress is progress."""

        def once(session: Session, argument: str) -> None:
            session.do_RETR(argument)
            session.drop()

        self.server.acts["RETR"] = once
        await self.box(self.server)
        for number in range(COUNT):
            await self.multipop.run()
            self.assertEqual(len(await self.own()), number + 1)
        await self.multipop.run()
        self.assertEqual(self.server.mailbox.mails, [])
