"""Automatic replies through the queue: exactly one, once in a period, and never a loop."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.utils import format_datetime
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import implementer

from mailim.errors import Invalid, LimitExceeded
from mailim.interfaces.filters import Action, Verdict
from mailim.interfaces.relay import Handed, IRelay
from mailim.interfaces.spool import NewMail, SpoolEntry, SpoolRecipient
from mailim.interfaces.store import ITransaction
from mailim.mail.autoreply import Autoreplies
from mailim.mail.delivery import LocalDelivery, _NotAnswered
from tests.mail.post import Post
from tests.store.mails import message

BOB, ANN = 1, 2
DAY = 86_400.0
MESSAGE = message("Lunch", message_id="one@example.org")


def here(work: Any) -> Deferred[Any]:
    return maybeDeferred(work)


@implementer(IRelay)
class KeepingRelay:
    """Takes everything for other servers, and keeps what it was."""

    def __init__(self) -> None:
        self.sent: list[tuple[SpoolEntry, str]] = []
        self.failure: Exception | None = None

    async def send(
        self, entry: SpoolEntry, recipient: SpoolRecipient, headers: bytes = b""
    ) -> Handed:
        if self.failure is not None:
            raise self.failure
        self.sent.append((entry, recipient.address))
        return Handed()


class AutoreplyCase(Post):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.relay = KeepingRelay()

    def serve(self, filters: Any = (), relays: bool = True, **limits: Any) -> None:
        self.autoreplies = Autoreplies(
            self.store, self.intake, "mail.example.test", here, can_relay=relays, **limits
        )
        delivery = LocalDelivery(self.store, self.autoreplies)
        self.start(filters, self.relay if relays else None, delivery=delivery)

    async def set(self, account_id: int = BOB, **changes: Any) -> None:
        values = {"enabled": True, "text": "I am away."} | changes
        await self.store.write(lambda tx: tx.vacation.set(account_id, **values))

    async def answered(self) -> list[str]:
        """Give who got mail elsewhere, once the queue is at rest."""
        await self.settle()
        return [address for _, address in self.relay.sent]

    async def bodies(self) -> list[Message]:
        """Give the mails sent elsewhere."""
        await self.settle()
        found = []
        for entry, _ in self.relay.sent:
            self.assertEqual((entry.sender, entry.origin), ("", "system"))
            data = await self.store.bodies.read(entry.sha256)
            found.append(message_from_bytes(entry.prefix + data))
        return found


class AnsweringTests(AutoreplyCase):
    async def test_a_mail_is_answered(self) -> None:
        await self.set()
        self.serve()
        spool_id = await self.send("bob", data=MESSAGE)
        [reply] = await self.bodies()
        self.assertEqual(reply["To"], "<carl@example.org>")
        self.assertEqual(reply["From"], '"bob" <bob@example.test>')
        self.assertEqual(reply["Subject"], "Auto: Lunch")
        self.assertEqual(reply["In-Reply-To"], "<one@example.org>")
        self.assertEqual(reply["Auto-Submitted"], "auto-replied")
        self.assertEqual(reply.get_payload(), "I am away.\r\n")
        self.assertEqual(len(await self.mail_of(BOB)), 1)
        events = await self.store.read(lambda tx: tx.mail_events.events([spool_id], 99))
        self.assertIn(("autoreply", "carl@example.org"), [(e.what, e.address) for e in events])

    async def test_not_unless_it_is_on(self) -> None:
        self.serve()
        await self.send("bob", data=MESSAGE)
        await self.set(enabled=False)
        await self.send("bob", data=MESSAGE)
        now = self.intake.now()
        await self.set(from_date=now + 1)
        await self.send("bob", data=MESSAGE)
        await self.set(from_date=None, to_date=now)
        await self.send("bob", data=MESSAGE)
        self.assertEqual(await self.answered(), [])
        await self.set(from_date=now, to_date=now + 1)
        await self.send("bob", data=MESSAGE)
        self.assertEqual(await self.answered(), ["carl@example.org"])
        self.assertEqual(len(await self.mail_of(BOB)), 5)

    async def test_once_in_a_period(self) -> None:
        await self.set(days=2)
        self.serve()
        for sender in ("carl@example.org", "Carl@Example.ORG", "dora@example.org"):
            await self.send("bob", data=MESSAGE, sender=sender)
        expected = ["carl@example.org", "dora@example.org"]
        self.assertEqual(sorted(await self.answered()), expected)
        await self.later(2 * DAY - 1)
        await self.send("bob", data=MESSAGE)
        self.assertEqual(sorted(await self.answered()), expected)
        await self.later(1)
        await self.send("bob", data=MESSAGE)
        self.assertEqual(Counter(await self.answered())["carl@example.org"], 2)

    async def test_two_at_once_are_answered_once(self) -> None:
        await self.set()
        for _ in range(10):
            await self.send("bob", data=MESSAGE)
        self.serve()
        self.assertEqual(await self.answered(), ["carl@example.org"])
        self.assertEqual(len(await self.mail_of(BOB)), 10)

    async def test_each_account_answers_for_itself(self) -> None:
        await self.set(BOB)
        await self.set(ANN)
        self.serve()
        data = message(to="bob@example.test, ann@example.test")
        await self.send("bob", "ann", data=data)
        self.assertEqual(await self.answered(), ["carl@example.org"] * 2)
        senders = {reply["From"] for reply in await self.bodies()}
        self.assertEqual(len(senders), 2)

    async def test_by_alias_and_plus_but_not_by_group(self) -> None:
        await self.set()
        self.serve()
        await self.send("all", data=message(to="all@example.test"))
        self.assertEqual(await self.answered(), [])
        await self.send("robert", data=message(to="Robert <ROBERT@example.test>"))
        await self.send("bob+x", data=message(to="bob+x@example.test"), sender="dora@example.org")
        self.assertEqual(sorted(await self.answered()), ["carl@example.org", "dora@example.org"])

    async def test_a_mail_that_comes_twice_to_an_account_is_answered_once(self) -> None:
        await self.set()
        self.serve()
        await self.send("robert", "bob", data=message(to="robert@example.test, bob@example.test"))
        self.assertEqual(await self.answered(), ["carl@example.org"])

    async def test_so_many_in_an_hour(self) -> None:
        await self.set()
        self.serve(per_hour=3)
        for number in range(6):
            await self.send("bob", data=MESSAGE, sender=f"{number}@example.org")
        self.assertEqual(len(await self.answered()), 3)
        self.assertEqual(len(await self.mail_of(BOB)), 6)
        await self.later(3600)
        await self.send("bob", data=MESSAGE, sender="new@example.org")
        self.assertEqual(len(await self.answered()), 4)

    async def test_colleagues(self) -> None:
        await self.set()
        self.serve()
        await self.send("bob", data=MESSAGE, sender="ann@example.test", origin="submission")
        await self.settle()
        [reply] = await self.mail_of(ANN)
        await self.set(colleagues=False)
        await self.later(DAY)
        await self.send("bob", data=MESSAGE, sender="ann@example.test", origin="submission")
        await self.settle()
        self.assertEqual(await self.mail_of(ANN), [reply])

    async def test_junk_is_not_answered(self) -> None:
        class Judge:
            name = "judge"

            async def check(self, *_: Any) -> Verdict:
                return verdict

        await self.set()
        self.serve([Judge()])
        for verdict in (  # noqa: B007 - the judge gives it
            Verdict(Action.JUNK),
            Verdict(headers=b"X-Spam-Flag: YES\r\n"),
        ):
            await self.send("bob", data=MESSAGE)
            self.assertEqual(await self.answered(), [])
        verdict = Verdict(headers=b"X-Spam-Flag: NO\r\n")
        await self.send("bob", data=MESSAGE)
        self.assertEqual(await self.answered(), ["carl@example.org"])

    async def test_what_a_rule_put_into_junk_is_not_answered(self) -> None:
        await self.set()
        await self.store.write(lambda tx: tx.folders.create(BOB, "Junk", role="junk"))
        replies = Autoreplies(self.store, self.intake, "mail.example.test", here)
        for folder, answered in (("Junk", []), ("Lists", ["carl@example.org"])):
            spool_id = await self.send("bob", data=MESSAGE)
            entry = await self.store.read(lambda tx, id=spool_id: tx.spool.get(id))  # type: ignore[misc]
            facts = await self.store.read(lambda tx, id=spool_id: tx.spool.facts(id))  # type: ignore[misc]
            verdict = Verdict(folder=folder)
            delivery = LocalDelivery(self.store, replies)
            await delivery.deliver(entry, entry.recipients[0], BOB, facts, verdict)
            found = [each.recipients[0].address for each in await self.waiting()]
            self.assertEqual(found, answered)

    async def test_without_a_way_out_only_people_here(self) -> None:
        await self.set()
        self.serve(relays=False)
        await self.send("bob", data=MESSAGE)
        await self.send("bob", data=MESSAGE, sender="ann@example.test")
        await self.settle()
        self.assertEqual(await self.waiting(), [])
        self.assertEqual(len(await self.mail_of(ANN)), 1)


class LoopTests(AutoreplyCase):
    async def test_two_facing_each_other(self) -> None:
        """ann writes to bob, both are away: bob's reply comes, ann's does not."""
        await self.set(BOB)
        await self.set(ANN)
        self.serve()
        await self.send("bob", data=MESSAGE, sender="ann@example.test")
        await self.settle()
        await self.later(10 * DAY)
        self.assertEqual((len(await self.mail_of(ANN)), len(await self.mail_of(BOB))), (1, 1))
        self.assertEqual(await self.waiting(), [])

    async def test_one_that_hides_what_it_is(self) -> None:
        """A robot with a sender, without any mark, that answers everything: once a period."""
        await self.set()
        self.serve()
        for _ in range(20):
            before = len(self.relay.sent)
            await self.send("bob", data=message("Re: Auto: Re: Auto"))
            await self.settle()
            if len(self.relay.sent) == before:
                break
        self.assertEqual(await self.answered(), ["carl@example.org"])

    async def test_an_alias_of_itself(self) -> None:
        await self.set()
        self.serve()
        for sender in ("bob@example.test", "robert@example.test", "bob+tag@example.test"):
            await self.send("bob", data=MESSAGE, sender=sender)
        await self.settle()
        self.assertEqual(len(await self.mail_of(BOB)), 3)


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


class FailureTests(AutoreplyCase):
    async def test_a_reply_that_cannot_be_made(self) -> None:
        await self.set()
        self.serve()
        self.patch(self.intake, "prepare", self.fails)
        await self.put(MESSAGE)
        await self.settle()
        self.assertEqual(len(self.flushLoggedErrors(LimitExceeded)), 1)
        self.assertEqual(len(await self.mail_of(BOB)), 1)
        self.assertEqual(await self.answered(), [])

    async def fails(self, *_: Any) -> Any:
        raise LimitExceeded("no")

    async def put(self, data: bytes) -> None:
        """Accept a mail while `prepare` fails."""
        writer = self.intake.writer()
        await writer.write(data)
        mail = NewMail("c@example.org", ("bob@example.test",), "smtp", "test", self.intake.now())
        await self.intake.keep(mail, await writer.finish())

    async def test_a_reply_that_cannot_be_spooled(self) -> None:
        await self.set()
        self.serve()

        def broken(tx: ITransaction, entry: SpoolEntry, reply: Any) -> None:
            original(tx, entry, reply)
            raise ZeroDivisionError

        original = self.autoreplies.spool
        self.patch(self.autoreplies, "spool", broken)
        await self.send("bob", data=MESSAGE)
        self.assertEqual(await self.answered(), [])
        self.assertEqual(len(self.flushLoggedErrors(_NotAnswered)), 1)
        self.assertEqual(len(await self.mail_of(BOB)), 1)
        # Nothing is left of it: the next mail is answered.
        self.patch(self.autoreplies, "spool", original)
        await self.send("bob", data=MESSAGE)
        self.assertEqual(await self.answered(), ["carl@example.org"])

    async def test_a_reply_that_cannot_be_sent_ends_quietly(self) -> None:
        """Senders are often forged: what was refused may not fill the queue for postmaster."""
        await self.set()
        self.serve()
        self.relay.failure = Invalid("No such user")
        spool_id = await self.send("bob", data=MESSAGE)
        await self.settle()
        self.assertEqual(await self.waiting(), [])
        events = await self.store.read(lambda tx: tx.mail_events.events([spool_id], 99))
        [reply_id] = [each.other for each in events if each.what == "autoreply"]
        events = await self.store.read(lambda tx: tx.mail_events.events([reply_id or 0], 99))
        self.assertEqual([(e.what, e.detail) for e in events], [("failed", "No such user")])

    async def test_a_header_without_end(self) -> None:
        await self.set()
        self.serve()
        await self.send("bob", data=message(more="X-Long: " + "y" * 300_000))
        self.assertEqual(await self.answered(), [])
        self.assertEqual(len(await self.mail_of(BOB)), 1)
