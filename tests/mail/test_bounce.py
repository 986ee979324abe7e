"""Senders are told, once, of what did not arrive; nobody is told of a notice that did not."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from mailim.errors import Invalid, Unavailable
from mailim.interfaces.dsn import MailDsn, RecipientDsn
from mailim.interfaces.mail_events import FAILED
from mailim.interfaces.store import ITransaction
from mailim.mail.backoff import GIVE_UP_AFTER, NOTICE_AFTER, Backoff
from mailim.mail.bounce import Bounces
from mailim.mail.queue import Queue
from tests.fakes.relay import RememberingRelay
from tests.mail.post import Post
from tests.store.mails import message

ANN = "ann@example.test"
SAID = "mx.example.org said: 550 5.1.1 No such user"


class NoticeCase(Post):
    def start(self, *args: Any, **settings: Any) -> Queue:
        self.bounces = Bounces(self.store, self.intake, "mail.example.test", "example.test")
        settings["bounces"] = self.bounces
        return super().start(*args, **settings)

    async def notices(self) -> list[EmailMessage]:
        """Give the notices in ann's Inbox."""
        found = []
        for item in await self.mail_of(2):
            data = item.prefix + await self.store.bodies.read(item.sha256)
            parsed = email.message_from_bytes(data, policy=email.policy.default)
            assert isinstance(parsed, EmailMessage)
            self.assertEqual(parsed["Return-Path"], "<>")
            found.append(parsed)
        return found

    def text(self, part: Any) -> str:
        """Give the content of a part with plain line ends."""
        return str(part.get_content()).replace("\r\n", "\n")

    def blocks(self, notice: EmailMessage) -> list[dict[str, str]]:
        """Give the fields of the delivery status, of the mail and of each recipient."""
        _, status, _ = notice.iter_parts()
        self.assertEqual(status.get_content_type(), "message/delivery-status")
        blocks: Any = status.get_payload()
        return [dict(block.items()) for block in blocks]


class FailedTest(NoticeCase):
    async def test_refused_by_another_server(self) -> None:
        self.start(relay=RememberingRelay(Invalid(SAID)))
        await self.send("carl@example.org", sender=ANN, data=message("Plans", more="X-A: b"))
        await self.settle()
        (notice,) = await self.notices()
        self.assertEqual(notice.get_content_type(), "multipart/report")
        self.assertEqual(notice.get_param("report-type"), "delivery-status")
        self.assertEqual(notice["Auto-Submitted"], "auto-replied")
        self.assertEqual((notice["To"], notice["From"]),
                         (ANN, "Mail system <postmaster@example.test>"))  # fmt: skip
        text, _, header = notice.iter_parts()
        self.assertIn(f"  carl@example.org\n  {SAID}\n", self.text(text))
        about, recipient = self.blocks(notice)
        self.assertEqual(about["Reporting-MTA"], "dns; mail.example.test")
        self.assertEqual(
            recipient,
            {
                "Final-Recipient": "rfc822; carl@example.org",
                "Action": "failed",
                "Status": "5.1.1",
                "Remote-MTA": "dns; mx.example.org",
                "Diagnostic-Code": "smtp; 550 5.1.1 No such user",
            },
        )
        self.assertEqual(header.get_content_type(), "text/rfc822-headers")
        original = self.text(header)
        self.assertTrue(original.startswith("Received: by mail.example.test"), original)
        self.assertIn("Subject: Plans\nX-A: b\n", original)
        self.assertNotIn("At noon?", original)
        self.assertEqual(await self.waiting(), [])

    async def test_one_notice_for_all_that_failed_together(self) -> None:
        self.start()
        await self.send("nobody", "bob", "empty", "x@example.org", sender=ANN)
        await self.settle()
        (notice,) = await self.notices()
        _, *recipients = self.blocks(notice)
        self.assertEqual(
            [(each["Final-Recipient"], each["Status"]) for each in recipients],
            [
                ("rfc822; nobody@example.test", "5.0.0"),
                ("rfc822; empty@example.test", "5.0.0"),
                ("rfc822; x@example.org", "5.0.0"),
            ],
        )
        self.assertEqual((len(await self.mail_of(1)), await self.waiting()), (1, []))

    async def test_given_up(self) -> None:
        self.start(relay=RememberingRelay(*(Unavailable("Busy.") for _ in range(100))))
        await self.send("carl@example.org", sender=ANN)
        await self.settle()
        await self.later(GIVE_UP_AFTER / 1e6 + 1)
        last = (await self.notices())[-1]
        self.assertEqual(last["Subject"], "Mail not delivered")
        (_, recipient) = self.blocks(last)
        self.assertEqual((recipient["Action"], recipient["Status"]), ("failed", "5.4.7"))
        self.assertEqual(await self.waiting(), [])


class BehindAddressesTest(NoticeCase):
    """RFC 3464 4.2: what an alias, a group or a tag leads to is not told."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()

        def unit(tx: ITransaction) -> None:
            tx.accounts.add_alias("sales@example.test", "robert.secret@hidden.example")
            tx.accounts.add_alias("desk@example.test", "sales@example.test")
            tx.accounts.add_group("both@example.test", "")
            for member in ("robert.secret", "second.secret"):
                tx.accounts.add_member("both@example.test", f"{member}@hidden.example")

        await self.store.write(unit)

    async def told(self, *recipients: str, error: Exception, **other: Any) -> list[dict[str, str]]:
        """Send where that is the answer; gives the recipients of the one notice about it."""
        self.start(relay=RememberingRelay(error, error))
        await self.send(*recipients, sender=ANN, **other)
        await self.settle()
        notice = (await self.notices())[-1]
        whole = notice.as_string().lower()
        for word in ("secret", "hidden"):
            self.assertNotIn(word, whole)
        _, *blocks = self.blocks(notice)
        self.assertEqual(await self.waiting(), [])
        await self.queue.stopService()
        self.text_of = self.text(next(iter(notice.iter_parts())))
        return blocks

    async def test_refused_by_the_server_behind(self) -> None:
        said = "mx.hidden.example said: 550 5.1.1 <robert.secret@hidden.example> is unknown"
        for address in ("sales", "sales+may", "desk"):
            blocks = await self.told(address, error=Invalid(said))
            final = f"rfc822; {address}@example.test"
            wanted = {"Final-Recipient": final, "Action": "failed", "Status": "5.1.1"}
            self.assertEqual(blocks, [wanted])
            self.assertIn("did not take the mail (550 5.1.1)", self.text_of)

    async def test_what_the_sender_called_it(self) -> None:
        dsn = MailDsn("", "", {"sales@example.test": RecipientDsn((), "rfc822;Old@example.com")})
        (block,) = await self.told("sales", error=Invalid("no.hidden.example said: 550"), dsn=dsn)
        self.assertEqual(block["Original-Recipient"], "rfc822;Old@example.com")
        self.assertEqual((block["Final-Recipient"], block["Status"]),
                         ("rfc822; sales@example.test", "5.0.0"))  # fmt: skip

    async def test_words_of_our_own(self) -> None:
        await self.told("sales", error=Invalid("There is no domain hidden.example."))
        self.assertIn("could not be brought to where this address leads", self.text_of)

    async def test_members_of_a_group_are_one(self) -> None:
        blocks = await self.told("both", error=Invalid("mx.hidden.example said: 554 no"))
        final = "rfc822; both@example.test"
        wanted = {"Final-Recipient": final, "Action": "failed", "Status": "5.0.0"}
        self.assertEqual(blocks, [wanted])

    async def test_given_up(self) -> None:
        error = Unavailable("mx.hidden.example does not answer")
        self.start(relay=RememberingRelay(*[error] * 100))
        await self.send("sales", sender=ANN)
        await self.settle()
        while not await self.notices():
            (entry,) = await self.waiting()
            await self.later((entry.recipients[0].next_attempt - self.intake.now()) / 1e6)
        await self.later(GIVE_UP_AFTER / 1e6)
        notices = await self.notices()
        told = [self.blocks(each)[1] for each in notices]
        self.assertEqual(
            [(each["Final-Recipient"], each["Action"], each["Status"]) for each in told],
            [
                ("rfc822; sales@example.test", "delayed", "4.4.7"),
                ("rfc822; sales@example.test", "failed", "5.4.7"),
            ],
        )
        for each in notices:
            self.assertNotIn("hidden", each.as_string())

    async def test_who_is_written_to_by_name_is_told_of_by_name(self) -> None:
        said = "mx.example.org said: 550 5.1.1 no"
        self.start(relay=RememberingRelay(Invalid(said)))
        await self.send("carl@example.org", "sales", sender=ANN)
        await self.settle()
        found = [block for each in await self.notices() for block in self.blocks(each)[1:]]
        self.assertIn("rfc822; carl@example.org", [each["Final-Recipient"] for each in found])


class DelayedTest(NoticeCase):
    async def test_once_after_four_hours(self) -> None:
        relay = RememberingRelay(*(Unavailable("Busy.") for _ in range(30)))
        self.start(relay=relay)
        await self.send("carl@example.org", sender=ANN)
        await self.settle()
        received = (await self.waiting())[0].received
        told_at: list[int] = []
        while relay.failures:
            (entry,) = await self.waiting()
            await self.later((entry.recipients[0].next_attempt - self.intake.now()) / 1e6)
            if len(await self.notices()) > len(told_at):
                told_at.append(self.intake.now() - received)
        self.assertEqual(told_at, [NOTICE_AFTER])
        (notice,) = await self.notices()
        self.assertEqual(notice["Subject"], "Mail not yet delivered")
        (_, recipient) = self.blocks(notice)
        self.assertEqual((recipient["Action"], recipient["Status"]), ("delayed", "4.4.7"))
        self.assertIn("Will-Retry-Until", recipient)
        await self.later(14_400 * 2)
        self.assertEqual((len(relay.sent), await self.waiting()), (1, []))

    async def test_one_notice_for_all_that_wait(self) -> None:
        """Also for the members of a group, and of the end, though attempts go apart."""
        self.start(relay=RememberingRelay(*(Unavailable("Busy.") for _ in range(1000))))
        chance = iter(range(10_000))
        self.queue._endings._backoff = Backoff(lambda: next(chance) % 7 / 7)
        await self.send(*(f"u{at}@example.org" for at in range(5)), sender=ANN)
        await self.settle()
        (entry,) = await self.waiting()
        apart = 0
        while await self.waiting():
            (now,) = await self.waiting()
            times = {each.next_attempt for each in now.recipients}
            apart = max(apart, len(times))
            await self.later((min(times) - self.intake.now()) / 1e6)
        notices = await self.notices()
        told = [[each["Action"] for each in self.blocks(one)[1:]] for one in notices]
        self.assertEqual(told, [["delayed"] * 5, ["failed"] * 5])
        self.assertEqual(apart, 5)
        self.assertEqual(self.intake.now(), entry.received + GIVE_UP_AFTER)

    async def test_not_where_it_went_before(self) -> None:
        self.start(relay=RememberingRelay(Unavailable("Busy.")))
        await self.send("carl@example.org", sender=ANN)
        await self.settle()
        await self.later(5 * 3600)
        self.assertEqual((await self.notices(), await self.waiting()), ([], []))


class NobodyToTellTest(NoticeCase):
    async def held(self) -> list[str]:
        found = [each for entry in await self.waiting() for each in entry.recipients]
        self.assertTrue(all(each.held for each in found), found)
        return [each.last_error for each in found]

    async def test_no_sender(self) -> None:
        """RFC 5321 6.1: a notice is never answered by one."""
        self.start()
        for origin, account_id in (("smtp", None), ("submission", 2), ("jmap", 2)):
            spool_id = await self.send(
                "nobody", "bob", sender="", origin=origin, account_id=account_id
            )
            await self.settle()
            self.assertEqual(await self.waiting(), [])
            end = ("nobody@example.test", "There is no such address here.")
            self.assertEqual(await self.failures(spool_id), [end])
        self.assertEqual((len(await self.mail_of(1)), await self.notices()), (3, []))

    async def test_a_notice_that_fails_ends(self) -> None:
        self.start()
        spool_id = await self.send("nobody", sender="nothing@example.test")
        await self.settle()
        self.assertEqual(await self.waiting(), [])
        end = ("nothing@example.test", "There is no such address here.")
        self.assertEqual(await self.failures(spool_id + 1), [end])

    async def test_a_sender_who_cannot_be_told(self) -> None:
        """He should be: an administrator has to see it."""

        async def never(_address: str) -> bool:
            return False

        self.start()
        self.patch(self.bounces, "_reaches", never)
        await self.send("nobody")
        await self.settle()
        self.assertEqual(await self.held(), ["There is no such address here."])

    async def failures(self, spool_id: int) -> list[tuple[str, str]]:
        """Give what the trace of a mail says of its ends."""
        lines = await self.store.read(lambda tx: tx.mail_events.events([spool_id], 100))
        return [(one.address, one.detail) for one in lines if one.what == FAILED]

    async def test_collected_mail(self) -> None:
        await self.store.write(lambda tx: tx.accounts.delete(1))
        self.start()
        await self.send("bob", sender=ANN, origin="multipop", account_id=1)
        await self.settle()
        self.assertEqual(await self.held(), ["The account does not exist any more."])
        self.assertEqual(await self.notices(), [])

    async def test_no_notice_of_delay_either(self) -> None:
        self.start(relay=RememberingRelay(*(Unavailable("Busy.") for _ in range(100))))
        spool_id = await self.send("carl@example.org", sender="")
        await self.settle()
        await self.later(NOTICE_AFTER / 1e6)
        await self.later(GIVE_UP_AFTER / 1e6)
        self.assertEqual(await self.waiting(), [])
        end = ("carl@example.org", "Given up after five days. Busy.")
        self.assertEqual(await self.failures(spool_id), [end])

    async def test_a_notice_that_cannot_be_made(self) -> None:
        """Then the mail is held: it is neither lost nor tried for ever."""
        self.start()

        async def broken(entry: Any, troubles: Any) -> Any:
            raise ValueError("bug")

        self.patch(self.bounces, "failed", broken)
        await self.send("nobody", sender=ANN)
        await self.settle()
        self.assertEqual(await self.held(), ["There is no such address here."])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class StrangersTest(NoticeCase):
    """Nothing a stranger says becomes a header, a field or a part of its own."""

    async def test_words_of_the_other_server(self) -> None:
        evil = "mx said: 550 no\r\nBcc: v@example.test\r\n\r\n--\x1b[2J gr\u00fc\u00df " + "x" * 999
        self.start(relay=RememberingRelay(Invalid(evil)))
        await self.send("carl@example.org", sender=ANN)
        await self.settle()
        (notice,) = await self.notices()
        self.assertIsNone(notice["Bcc"])
        _, recipient = self.blocks(notice)
        self.assertNotIn("Bcc", recipient)
        self.assertIn("550 no Bcc: v@example.test -- [2J gr??", recipient["Diagnostic-Code"])
        text = next(iter(notice.iter_parts())).get_content()
        self.assertNotIn("\x1b", text)
        self.assertIn("gr\u00fc\u00df", text)

    async def test_headers_that_are_odd(self) -> None:
        for data in (
            b"", b"no header at all", b"\r\n\r\nbody", b"A: \xff\xfe\r\n\r\nx",
            b"A: " + b"x" * 100_000 + b"\r\n\r\nbody", b"A: b\r--\r\nContent-Type: x\n\nbody",
        ):  # fmt: skip
            self.start()
            await self.send("nobody", sender=ANN, data=data)
            await self.settle()
            notice = (await self.notices())[-1]
            kinds = [part.get_content_type() for part in notice.iter_parts()]
            wanted = ["text/plain", "message/delivery-status", "text/rfc822-headers"]
            self.assertEqual(kinds, wanted)
            self.assertEqual(await self.waiting(), [])
            await self.queue.stopService()

    async def test_addresses_that_are_not_ascii(self) -> None:
        """RFC 6533 3: in a delivery status of ASCII they are escaped."""
        self.start(relay=RememberingRelay(Invalid("no")))
        await self.send("j\u00fcrgen@example.org", sender=ANN)
        await self.settle()
        (notice,) = await self.notices()
        _, recipient = self.blocks(notice)
        self.assertEqual(recipient["Final-Recipient"], r"utf-8; j\x{FC}rgen@example.org")
