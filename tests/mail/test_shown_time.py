"""When a mail counts as received: collected mail by its own date, all else by its arrival."""

from __future__ import annotations

from typing import Any

from tests.mail.post import START, Post

ARRIVED = START * 1_000_000


class ShownTimeTest(Post):
    async def received(self, date: str | None, **more: Any) -> int:
        head = "" if date is None else f"Date: {date}\r\n"
        data = f"From: a@x.test\r\n{head}Subject: {date}\r\n\r\nHello\r\n".encode()
        await self.send("bob", data=data, **more)
        await self.settle()
        return (await self.mail_of(1))[-1].received

    async def test_collected_mail_counts_from_its_date(self) -> None:
        self.start()
        collected = {"origin": "multipop", "account_id": 1, "source": "pop.x.test as bob"}
        for date, expected in (
            ("Sat, 01 Jan 2022 12:00:00 +0100", 1_641_034_800_000_000),
            ("Mon, 01 Jan 1990 00:00:00 +0000", 631_152_000_000_000),
            ("Sun, 31 Dec 1989 23:59:59 +0000", ARRIVED),
            ("Wed, 01 Jan 2070 00:00:00 +0000", ARRIVED),
            ("not a date at all", ARRIVED),
            ("Mon, 99 Jan 9999 99:99:99 +9999", ARRIVED),
            (None, ARRIVED),
        ):
            self.assertEqual(await self.received(date, **collected), expected, date)

    async def test_its_received_field_says_when_it_came(self) -> None:
        self.start()
        await self.received(
            "Sat, 01 Jan 2022 12:00:00 +0100", origin="multipop", account_id=1, source="x as bob"
        )
        self.assertIn(b"14 Nov 2023 22:13:20", (await self.mail_of(1))[0].prefix)

    async def test_other_mail_counts_from_its_arrival(self) -> None:
        self.start()
        self.assertEqual(await self.received("Sat, 01 Jan 2022 12:00:00 +0100"), ARRIVED)
