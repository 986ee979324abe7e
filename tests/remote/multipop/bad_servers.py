"""A box on a bad server beside one on a good server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from mailim.config_mail import Multipop as MultipopConfig
from tests.fakes.pop3_server import Act, Pop3Server, Session, mailbox
from tests.remote.multipop.sites import SiteTest, message, pause, settings

COUNT = 6


def at(number: int, act: Callable[[Session], None]) -> Act:
    """Misbehave at one message, and do the usual at the others."""

    def retr(session: Session, argument: str) -> None:
        if argument == str(number):
            act(session)
        else:
            session.do_RETR(argument)

    return retr


def falls_over(number: str) -> Act:
    """Cut the connection at a message, as it was numbered at first."""

    def retr(session: Session, argument: str) -> None:
        mail = session.mail(argument)
        if mail is not None and mail.uidl == f"u{int(number):06d}":
            session.cut()
        else:
            session.do_RETR(argument)

    return retr


def sends(data: bytes, then: str = "") -> Act:
    """Send these octets whatever was asked, then maybe "drop" or "cut"."""

    def act(session: Session, _: str) -> None:
        session.send(data)
        if then:
            getattr(session, then)()

    return act


def silent(session: Session, _: str) -> None:
    """Say nothing."""


async def endless(session: Session, piece: bytes) -> None:
    """Send without end."""
    while not session.lost:
        session.send(piece)
        await pause(0)


class BadServerTest(SiteTest):
    """One box on a bad server, one on a good one."""

    silence = 10.0  # seconds until a server is given up

    def settings(self, **values: Any) -> MultipopConfig:
        return settings(timeout_seconds=self.silence, **values)

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.config = self.settings()
        self.mails = [message(n) for n in range(COUNT)]
        self.server = Pop3Server(mailbox(*self.mails))
        self.good = Pop3Server(mailbox())

    async def bad(self, words: str, state: str = "waiting", **acts: Any) -> None:
        """Collect from a server that acts so; the box must say `words` (a pattern)."""
        self.server.acts.update(acts)
        if not await self.multipop.list():
            await self.box(self.server)
            await self.box(self.good)
        self.good.mailbox.add(message(1000 + self.good.mailbox.logins))
        self.log.clear()
        await self.multipop.run()
        found = await self.multipop.find(1)
        self.assertRegex(found.box.last_error, words)
        self.assertEqual(found.state, state)
        if state == "waiting":
            self.assertTrue(self.logged("box 1", "failed", found.box.last_error))
        other = await self.multipop.find(2)
        self.assertEqual((other.state, self.good.mailbox.mails), ("idle", []))
        self.assertNotIn(None, [session.lost or None for session in self.server.sessions])
        # Whatever was deleted there is here.
        spooled = set(await self.spooled())
        for mail in self.mails:
            there = any(mail == one.data for one in self.server.mailbox.mails)
            self.assertTrue(there or mail in spooled, mail)

    async def recovers(self) -> None:
        """The server behaves again."""
        self.server.acts.clear()
        usual = self.config
        self.config = usual.model_copy(update={"timeout_seconds": 60})
        await self.multipop.run()
        self.config = usual
        found = await self.multipop.find(1)
        self.assertEqual((found.state, found.box.last_error), ("idle", ""))
        self.assertEqual(self.server.mailbox.mails, [])
        mine = [mail for mail in await self.spooled() if mail in self.mails]
        self.assertEqual(Counter(mine), Counter(self.mails))
        self.assertEqual(self.server.errors, [])

    async def check(self, words: str, **acts: Any) -> None:
        await self.bad(words, **acts)
        await self.recovers()

    async def own(self) -> list[bytes]:
        return [mail for mail in await self.spooled() if mail in self.mails]
