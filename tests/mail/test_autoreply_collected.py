"""Automatic replies to mail that MultiPOP collected: it has lost its envelope."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from mailim.interfaces.store import ITransaction
from tests.mail.autoreplies import BOB, DAY, AutoreplyCase
from tests.store.mails import message


class CollectedTests(AutoreplyCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()

        def unit(tx: ITransaction) -> None:
            for host, user in (("pop.a.test", "Kate@A.test"), ("pop.b.test", "kate77")):
                tx.boxes.add(BOB, host, 995, user, b"", "tls", "", True, 0)

        await self.store.write(unit)

    async def collect(self, data: bytes, source: str = "pop.a.test as Kate@A.test") -> None:
        await self.send("bob", data=data, sender="", origin="multipop", source=source,
                        account_id=BOB)  # fmt: skip

    def mail(
        self, to: str = "kate@a.test", more: str = "", days: float = 0.5, **given: Any
    ) -> bytes:
        when = datetime.fromtimestamp(self.clock.seconds() - days * DAY, UTC)
        fields = [f"Date: {format_datetime(when)}", *([more] if more else [])]
        return message(to=to, more="\r\n".join(fields), **given)

    async def test_the_original_sender_is_answered_once(self) -> None:
        await self.set()
        self.serve()
        for _ in range(3):
            await self.collect(self.mail(more="Return-Path: <Zoe@Example.org>"))
        self.assertEqual(await self.answered(), ["zoe@example.org"])

    async def test_whom_it_goes_to(self) -> None:
        await self.set()
        self.serve()
        for number, (more, expected) in enumerate(
            (
                ("Return-Path: <>\r\nReply-To: x@example.org", []),
                ("Return-Path: nonsense\r\nReply-To: x@example.org", []),
                ("Reply-To: r@example.org", ["r@example.org"]),
                ("Reply-To: r@example.org, s@example.org", []),
                ("X-Nothing: 1", ["ann@example.org"]),
            )
        ):
            self.relay.sent.clear()
            await self.set(text=f"text {number}")
            await self.collect(self.mail(more=more))
            self.assertEqual(await self.answered(), expected, more)

    async def test_addressees(self) -> None:
        await self.set()
        self.serve()
        other = "pop.b.test as kate77"
        for number, (to, source, count) in enumerate(
            (
                ("bob@example.test", other, 1),
                ("kate@a.test", other, 1),
                ("somebody@b.test", other, 1),  # nobody knows the address of that box
                ("undisclosed-recipients:;", other, 0),
                ("somebody@b.test", "pop.a.test as Kate@A.test", 0),
            )
        ):
            self.relay.sent.clear()
            await self.set(text=f"text {number}")
            await self.collect(self.mail(to=to), source)
            self.assertEqual(len(await self.answered()), count, (to, source))

    async def test_a_full_box_of_old_mail_is_not_answered(self) -> None:
        await self.set()
        self.serve()
        for days in (3.1, 30, 3000):
            for number in range(5):
                await self.collect(self.mail(days=days, sender=f"{number}@example.org"))
        await self.collect(message(to="kate@a.test"))  # nobody knows how old it is
        self.assertEqual(await self.answered(), [])
        await self.collect(self.mail(days=2.9))
        self.assertEqual(await self.answered(), ["ann@example.org"])
