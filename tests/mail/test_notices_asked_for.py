"""Senders are told what they asked for, and not what they did not want (RFC 3461)."""

from __future__ import annotations

import time

from mailim.errors import Invalid, Unavailable
from mailim.interfaces.dsn import MailDsn, RecipientDsn
from mailim.interfaces.store import ITransaction
from mailim.mail.backoff import NOTICE_AFTER
from tests.fakes.relay import RememberingRelay
from tests.mail.test_bounce import ANN, NoticeCase
from tests.store.mails import message

PAIR = "pair@example.test"
BOB, CARL = "bob@example.test", "carl@example.org"


def asked(address: str, *notify: str, ret: str = "", orcpt: str = "") -> MailDsn:
    """What somebody wants to be told of one recipient."""
    return MailDsn(ret, "QQ 3", {address: RecipientDsn(notify, orcpt)})


class SuccessTest(NoticeCase):
    async def actions(self) -> list[tuple[str, str, str]]:
        """Give what the notices say: action, recipient, status."""
        await self.settle()
        found = []
        for notice in await self.notices():
            about, recipient = self.blocks(notice)
            self.assertEqual(about["Original-Envelope-Id"], "QQ 3")
            self.assertEqual(recipient.get("Original-Recipient", "rfc822;Bob@x"), "rfc822;Bob@x")
            found.append((recipient["Action"], recipient["Final-Recipient"], recipient["Status"]))
        return found

    async def test_delivered(self) -> None:
        self.start()
        dsn = asked(BOB, "SUCCESS", orcpt="rfc822;Bob@x")
        await self.send("bob", sender=ANN, dsn=dsn)
        self.assertEqual(await self.actions(), [("delivered", f"rfc822; {BOB}", "2.0.0")])
        self.assertEqual(len(await self.mail_of(1)), 1)
        (notice,) = await self.notices()
        self.assertEqual(notice["Subject"], "Mail delivered")

    async def test_not_asked_for(self) -> None:
        self.start(relay=RememberingRelay())
        await self.send("bob", CARL, sender=ANN)
        await self.send("bob", sender=ANN, dsn=asked(BOB, "FAILURE", "DELAY"))
        await self.send("bob", sender="", dsn=asked(BOB, "SUCCESS"))
        self.assertEqual(await self.actions(), [])

    async def test_an_alias_is_followed_to_its_end(self) -> None:
        self.start()
        dsn = asked("robert@example.test", "SUCCESS", orcpt="rfc822;Bob@x")
        await self.send("robert", sender=ANN, dsn=dsn)
        told = ("delivered", "rfc822; robert@example.test", "2.0.0")
        self.assertEqual(await self.actions(), [told])

    async def test_a_group_is_a_success_of_its_own(self) -> None:
        """RFC 3461 5.2.7.3: its members' successes are not told."""
        self.start(relay=RememberingRelay())

        def unit(tx: ITransaction) -> None:
            tx.accounts.add_group(PAIR, "")
            for member in (BOB, CARL):
                tx.accounts.add_member(PAIR, member)

        await self.store.write(unit)
        await self.send(PAIR, sender=ANN, dsn=asked(PAIR, "SUCCESS"))
        self.assertEqual(await self.actions(), [("expanded", f"rfc822; {PAIR}", "2.0.0")])
        self.assertEqual(len(await self.mail_of(1)), 1)

    async def test_handed_to_a_server_that_cannot_tell(self) -> None:
        self.start(relay=RememberingRelay())
        await self.send(CARL, sender=ANN, dsn=asked(CARL, "SUCCESS"))
        self.assertEqual(await self.actions(), [("relayed", f"rfc822; {CARL}", "2.0.0")])

    async def test_handed_to_a_server_that_tells(self) -> None:
        relay = RememberingRelay()
        relay.tells = True
        self.start(relay=relay)
        await self.send(CARL, sender=ANN, dsn=asked(CARL, "SUCCESS"))
        self.assertEqual(await self.actions(), [])
        self.assertEqual(relay.sent, [(ANN, CARL)])


class FailureTest(NoticeCase):
    async def test_never(self) -> None:
        self.start(relay=RememberingRelay(Invalid("No.")))
        await self.send(CARL, sender=ANN, dsn=asked(CARL, "NEVER"))
        await self.settle()
        self.assertEqual((await self.notices(), await self.waiting()), ([], []))

    async def test_one_wants_to_know_the_other_not(self) -> None:
        self.start()
        await self.send("x", "y", sender=ANN, dsn=asked("x@example.test", "SUCCESS"))
        await self.settle()
        (notice,) = await self.notices()
        _, recipient = self.blocks(notice)
        self.assertEqual(recipient["Final-Recipient"], "rfc822; y@example.test")
        self.assertEqual(await self.waiting(), [])

    async def test_delays_only_if_wanted(self) -> None:
        for notify, told in ((("FAILURE",), 0), (("DELAY",), 1)):
            self.start(relay=RememberingRelay(*(Unavailable("Busy.") for _ in range(30))))
            await self.send(CARL, sender=ANN, dsn=asked(CARL, *notify))
            await self.settle()
            begun = self.intake.now()
            while self.intake.now() <= begun + NOTICE_AFTER:
                (entry,) = await self.waiting()
                await self.later((entry.recipients[0].next_attempt - self.intake.now()) / 1e6)
            subjects = [each["Subject"] for each in await self.notices()]
            self.assertEqual(subjects, ["Mail not yet delivered"] * told)
            await self.queue.stopService()
            for entry in [each for each in await self.waiting() if each.sender]:
                await self.store.write(lambda tx, id_=entry.id: tx.spool.remove(id_))  # type: ignore[misc]

    async def test_the_whole_mail_comes_back(self) -> None:
        self.start()
        data = message("Plans", body="At n\u00f6\u00f6n?")
        await self.send(
            "x", sender=ANN, dsn=asked("x@example.test", "FAILURE", ret="FULL"), data=data
        )
        await self.settle()
        (notice,) = await self.notices()
        _, _, returned = notice.iter_parts()
        self.assertEqual(returned.get_content_type(), "message/rfc822")
        (original,) = returned.iter_parts()
        self.assertEqual(original["Subject"], "Plans")
        self.assertIn("At n", original.get_payload())

    async def test_a_whole_mail_comes_back_as_it_came_whatever_it_is(self) -> None:
        """It is not parsed: this one would keep a parser of mail for minutes."""
        self.start()
        odd = b"Subject:a\r\nContent-Type: text/plain" + b"; a=b" * 150_000 + b"\r\n\r\n\xff\r\n"
        began = time.process_time()
        await self.send("x", sender=ANN, dsn=asked("x@example.test", ret="FULL"), data=odd)
        await self.settle()
        ((item,)) = await self.mail_of(2)
        self.assertLess(time.process_time() - began, 20)
        told = await self.store.bodies.read(item.sha256)
        self.assertIn(b"Content-Type: message/rfc822\r\n", told)
        self.assertEqual(told.count(odd), 1)
        boundary = told.split(b'boundary="')[1].partition(b'"')[0]
        self.assertTrue(told.endswith(odd + b"\r\n--" + boundary + b"--\r\n"))

    async def test_a_mail_that_is_none_comes_back_too(self) -> None:
        self.start()
        odd = b"Subject: a\r\nContent-Type: multipart/mixed; boundary*=x''%00\r\n\r\n\xff\x00\r\n"
        await self.send("x", sender=ANN, dsn=asked("x@example.test", ret="FULL"), data=odd)
        await self.settle()
        self.assertEqual(len(await self.notices()), 1)
        self.assertEqual(await self.waiting(), [])
