"""Automatic replies through the queue: exactly one, once in a period, and never a loop."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mailim.errors import Invalid, LimitExceeded
from mailim.interfaces.filters import Action, Verdict
from mailim.interfaces.spool import NewMail, SpoolEntry
from mailim.interfaces.store import ITransaction
from mailim.interfaces.submissions import Identity
from mailim.mail.autoreply import Autoreplies
from mailim.mail.delivery import LocalDelivery, _NotAnswered
from tests.mail.autoreplies import ANN, BOB, DAY, MESSAGE, AutoreplyCase, here
from tests.store.mails import message


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
        self.assertIn(("autoreply", "to carl@example.org"), [(e.what, e.detail) for e in events])

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

    async def test_a_sender_under_changing_names_is_one_person(self) -> None:
        await self.set()
        self.serve()
        for sender in (
            "carl@x.org",
            "carl+a@x.org",
            "prvs=01=carl@x.org",
            "srs0=a=b=x.org=carl@y.org",
        ):
            await self.send("bob", data=MESSAGE, sender=sender)
            await self.settle()
        self.assertEqual(await self.answered(), ["carl@x.org"])

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

    async def test_it_comes_from_the_address_that_was_written_to(self) -> None:
        """RFC 3834 4; the address behind an alias is nowhere in it."""
        await self.set(text="$RECIPIENT$ is away.")
        await self.store.write(
            lambda tx: tx.accounts.add_alias("sales@example.test", "robert@example.test")
        )
        self.serve()
        for number, (recipient, to, address) in enumerate(
            (
                ("sales", "sales@example.test", "sales@example.test"),
                ("robert", "Robert <ROBERT@example.test>", "robert@example.test"),
                ("sales+May", "sales+May@example.test", "sales+may@example.test"),
                # Its envelope counts, not what is written about it.
                ("robert", "sales@example.test, bob@example.test", "robert@example.test"),
                # A group is nobody's own: then it goes by the addressees.
                ("team", "team@example.test, Sales@example.test", "sales@example.test"),
            )
        ):
            sender = f"carl{number}@example.org"
            await self.send(recipient, data=message(to=to), sender=sender)
            reply = (await self.bodies())[-1]
            self.assertEqual((reply["From"], reply["To"]), (f'"bob" <{address}>', f"<{sender}>"))
            self.assertIn(f"{address} is away.", str(reply.get_payload()))
            hidden = {"bob@example.test", "robert@example.test"} - {address}
            for each in hidden:
                self.assertNotIn(each, reply.as_string(), address)

    async def test_it_has_the_name_of_the_identity(self) -> None:
        await self.set()
        sales = Identity(0, BOB, "Sales desk", "Robert@example.test", None, None, "", "", False)
        await self.store.write(lambda tx: tx.identities.add(sales))
        self.serve()
        await self.send("robert", data=message(to="robert@example.test"))
        (reply,) = await self.bodies()
        self.assertEqual(reply["From"], '"Sales desk" <robert@example.test>')

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

    async def test_none_in_an_hour_is_none_at_all(self) -> None:
        await self.set()
        self.serve(per_hour=0)
        await self.send("bob", data=MESSAGE)
        self.assertEqual(await self.answered(), [])

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


class GarbageTests(AutoreplyCase):
    async def test_garbage_is_delivered(self) -> None:
        """Whatever a mail holds it arrives, and nothing is logged as a failure."""
        mails: list[bytes] = []
        pieces = st.sampled_from(
            [b"From: ", b"To: bob@example.test", b"Subject: ", b"Message-ID: <", b"Date: ", b"\r\n",
             b"References: ", b"=?utf-8?b?", b"?=", b"\xff", b"<", b">", b"(", b"\n", b"\x00",
             b"Content-Type: multipart/mixed; boundary=", b"Return-Path: <a@b.test>"]
        ) | st.binary(max_size=20)  # fmt: skip

        @settings(max_examples=80, database=None)
        @given(st.lists(pieces, max_size=20).map(b"".join))
        def collect(data: bytes) -> None:
            mails.append(data)

        collect()
        await self.set()
        self.serve()
        for number, data in enumerate(mails):
            origin = ("smtp", "multipop")[number % 2]
            await self.send(
                "bob", data=data, sender="" if number % 2 else f"x{number}@example.org",
                origin=origin, account_id=BOB if number % 2 else None,
            )  # fmt: skip
        await self.settle()
        self.assertEqual(await self.waiting(), [])
        self.assertEqual(len(await self.mail_of(BOB)), len(mails))


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
