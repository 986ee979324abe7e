"""Why a mail did not arrive: what is refused at the door is found by `trace`."""

from __future__ import annotations

from typing import Any

from mailim.admin.display import shown
from mailim.admin.trace_acts import TraceActs
from mailim.errors import MailimError
from tests.protocols.smtp.office import ALICE, BOB, OfficeCase

CARL = "carl@example.org"
FIELDS = ("from", "to", "code", "count")


class RefusedMailTests(OfficeCase):
    async def trace(self, **values: Any) -> Any:
        await self.server._rejections.write()  # it would do so itself within seconds
        return await TraceActs(self.server.core.store).acts()["trace"](values, ALICE)

    async def refused(self, **values: Any) -> list[tuple[Any, ...]]:
        found = (await self.trace(**values))["refused"]
        return sorted(tuple(one[name] for name in FIELDS) for one in found)

    async def test_an_unknown_recipient(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.say("MAIL FROM:<Carl@Example.org>")
        for address in ("Nobody@Example.test", BOB, "nobody@example.test"):
            await client.say(f"RCPT TO:<{address}>")
        self.assertEqual(
            await self.refused(to="nobody@example.test"), [(CARL, "nobody@example.test", 550, 2)]
        )
        self.assertEqual(len(await self.refused(**{"from": "example.org"})), 1)
        self.assertEqual(await self.refused(to=BOB), [])
        self.assertEqual(await self.refused(until="2001-01-01"), [])
        answer = await self.trace(to="example.test")
        self.assertEqual(answer["mails"], [])
        self.assertEqual(answer["refused"][0]["peer"], "127.0.0.1")
        self.assertIn("5.1.1", answer["refused"][0]["reply"])
        self.assertRegex(
            shown(answer, False),
            r"\Arefused at the door:\n[0-9-]{10} [0-9:.]{12}  \[127\.0\.0\.1\]  carl@example\.org"
            r" -> nobody@example\.test  550 5\.1\.1 .*  2 times\Z",
        )

    async def test_a_sender_that_is_refused(self) -> None:
        await self.serve(more={"mail.message_octets": 100_000})
        client = await self.connect()
        await client.say("MAIL FROM:<carl@example.org> SIZE=100001")
        self.assertEqual(await self.refused(), [(CARL, "", 552, 1)])

    async def test_a_text_that_is_refused(self) -> None:
        """All recipients are named, since none of them got it."""
        await self.serve(more={"mail.message_octets": 100_000})
        client = await self.connect()
        await client.all("MAIL FROM:<>", f"RCPT TO:<{ALICE}>", f"RCPT TO:<{BOB}>", "DATA")
        client.send("Subject: x\r\n\r\n" + ("y" * 70 + "\r\n") * 2000 + ".\r\n")
        self.assertTrue((await client.next()).startswith("552 5.3.4"))
        self.assertEqual(await self.refused(), [("<>", ALICE, 552, 1), ("<>", BOB, 552, 1)])

    async def test_a_chunk_that_ends_the_connection(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.all(f"MAIL FROM:<{CARL}>", f"RCPT TO:<{BOB}>")
        client.send("BDAT 99999999999 LAST\r\n")
        await client.next()
        [(sender, to, code, _)] = await self.refused()
        self.assertEqual((sender, to), (CARL, BOB))
        self.assertGreaterEqual(code, 500)

    async def test_line_ends_that_are_not_crlf(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.all(f"MAIL FROM:<{CARL}>", f"RCPT TO:<{BOB}>", "DATA")
        client.send("Subject: x\n\nHi\n.\r\n")
        await client.next()
        self.assertEqual(await self.refused(), [(CARL, BOB, 521, 1)])

    async def test_what_is_not_about_a_mail_leaves_nothing(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.all(f"RCPT TO:<{BOB}>", "DATA", "NONSENSE", "EXPN all", "BDAT 0 LAST")
        # Nor does a mail fail that goes on behind them.
        await client.all(f"MAIL FROM:<{CARL}>", f"RCPT TO:<{BOB}>")
        said = await client.all("NONSENSE", "EXPN all", "RCPT TO:<a b>", "DATA x", "STARTTLS x")
        self.assertTrue(all(each.startswith("5") for each in said), said)
        await client.say("DATA")
        client.send("Subject: x\r\n\r\nHi\r\n.\r\n")
        self.assertTrue((await client.next()).startswith("250"))
        self.assertEqual(await self.refused(), [])

    async def test_ten_thousand_recipients(self) -> None:
        await self.serve(errors_per_connection=10_000, rejections_per_minute=50)
        client = await self.connect()
        await client.say(f"MAIL FROM:<{CARL}>")
        for first in range(0, 10_000, 500):
            await client.all(*(f"RCPT TO:<u{first + at}@example.test>" for at in range(500)))
        found = (await self.trace())["refused"]
        self.assertEqual(sum(one["count"] for one in found), 10_000)
        minutes = len({one["minute"] for one in found})
        self.assertLessEqual(len(found), 11 * minutes)
        # Who is looked for may be among those that were not told apart: that is said.
        self.assertEqual(
            [one["to"] for one in (await self.trace(to=BOB))["refused"]], ["*"] * minutes
        )

    async def test_nothing_is_kept_without_traces(self) -> None:
        await self.serve(more={"mail.trace_days": 0})
        client = await self.connect()
        await client.all(f"MAIL FROM:<{CARL}>", "RCPT TO:<nobody@example.test>")
        self.assertEqual(await self.refused(), [])

    async def test_more_pages_are_of_mails_only(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.all(f"MAIL FROM:<{CARL}>", "RCPT TO:<nobody@example.test>")
        self.assertEqual(len(await self.refused(limit=1)), 1)
        self.assertEqual(await self.refused(before=5), [])
        with self.assertRaises(MailimError):
            await self.trace(mail="nobody@example.test")
