"""Mail to other servers: what they say decides, and nothing is lost or half sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mailim.errors import NotFound
from mailim.interfaces.dsn import MailDsn, RecipientDsn
from tests.remote.relay.kit import HASTE, PATIENCE, RelayCase
from tests.store.mails import message


class GoodWayTest(RelayCase):
    async def test_one_mail(self) -> None:
        data = message(body="Hello\r\n.\r\n..dots\r\n")
        self.assertEqual(await self.outcome(self.relay(), data=data), "sent")
        (taken,) = self.server.taken
        self.assertEqual(taken.rcpt, ["<carl@example.org>"])
        self.assertTrue(taken.mail.startswith("FROM:<bob@example.test> SIZE="), taken.mail)
        self.assertNotIn("BODY", taken.mail)
        prefix, _, rest = taken.data.partition(b"From: ")
        self.assertTrue(prefix.startswith(b"Received: by mail.example.test"))
        self.assertEqual(b"From: " + rest, data)
        self.assertEqual(self.server.commands[0], "EHLO mail.example.test")

    async def test_null_sender(self) -> None:
        self.assertEqual(await self.outcome(self.relay(), sender=""), "sent")
        self.assertTrue(self.server.taken[0].mail.startswith("FROM:<> "))

    async def test_recipients_of_one_domain_share_a_transaction(self) -> None:
        addresses = [f"{at}@example.org" for at in range(5)]
        found = await self.outcomes(self.relay(), await self.entry(*addresses))
        self.assertEqual(set(found.values()), {"sent"})
        (taken,) = self.server.taken
        self.assertEqual(taken.rcpt, [f"<{each}>" for each in addresses])

    async def test_what_filters_added_stands_before_the_mail(self) -> None:
        """Recipients with other headers travel apart, and SIZE counts them."""
        data = message()
        entry = await self.entry(*(f"{at}@example.org" for at in range(4)), data=data)
        relay, headers = self.relay(), (b"", b"X-A: 1\r\n", b"X-A: 1\r\n", b"X-B: 2\r\n")
        sent = [
            Deferred.fromCoroutine(relay.send(entry, each, before))
            for each, before in zip(entry.recipients, headers, strict=True)
        ]
        for over in sent:
            await over
        taken = {tuple(each.rcpt): each for each in self.server.taken}
        self.assertEqual(
            {rcpt: each.data.partition(b"Received:")[0] for rcpt, each in taken.items()},
            {
                ("<0@example.org>",): b"",
                ("<1@example.org>", "<2@example.org>"): b"X-A: 1\r\n",
                ("<3@example.org>",): b"X-B: 2\r\n",
            },
        )
        for each in taken.values():
            self.assertIn(f"SIZE={len(each.data)}", each.mail)

    async def test_more_than_fit_into_one(self) -> None:
        """RFC 5321 4.5.3.1.8."""
        addresses = [f"{at}@example.org" for at in range(230)]
        found = await self.outcomes(self.relay(), await self.entry(*addresses))
        self.assertEqual(set(found.values()), {"sent"})
        self.assertEqual([len(each.rcpt) for each in self.server.taken], [100, 100, 30])
        self.assertEqual(self.server.verbs().count("EHLO"), 1)

    async def test_without_pipelining(self) -> None:
        self.server.offers = []
        found = await self.outcomes(
            self.relay(), await self.entry("a@example.org", "b@example.org")
        )
        self.assertEqual(set(found.values()), {"sent"})
        self.assertEqual(self.server.taken[0].mail, "FROM:<bob@example.test>")

    async def test_helo(self) -> None:
        """RFC 5321 3.2."""
        self.refuse("EHLO", "502 5.5.1 no")
        self.assertEqual(await self.outcome(self.relay()), "sent")
        self.assertEqual(self.server.verbs()[:2], ["EHLO", "HELO"])

    async def test_a_large_one(self) -> None:
        self.server.offers = ["PIPELINING"]
        data = message(body="x" * 76 + "\r\n" + ("." + "y" * 76 + "\r\n") * 40_000)
        self.assertEqual(await self.outcome(self.relay(), data=data), "sent")
        self.assertTrue(self.server.taken[0].data.endswith(data))

    async def test_case_of_the_name_stays_and_domains_become_a_labels(self) -> None:
        self.dns.a("xn--bcher-kva.example", "127.0.0.1")
        found = await self.outcome(self.relay(), "Carl.B@BÜCHER.example")
        self.assertEqual(found, "sent")
        self.assertEqual(self.server.taken[0].rcpt, ["<Carl.B@xn--bcher-kva.example>"])

    async def test_smuggling_outward(self) -> None:
        """Whatever is stored, one mail leaves as one mail."""
        evil = b"MAIL FROM:<evil@x>\r\nRCPT TO:<v@example.org>\r\nDATA\r\nhi\r\n.\r\n"
        for ending in (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r\n.\r\n"):
            self.server.taken.clear()
            data = b"Subject: a\r\n\r\nbody" + ending + evil
            self.assertEqual(await self.outcome(self.relay(), data=data), "sent")
            self.assertEqual(len(self.server.taken), 1, ending)
            self.assertIn(b"MAIL FROM:<evil@x>\r\n", self.server.taken[0].data)


class RefusalTest(RelayCase):
    async def test_each_recipient_for_itself(self) -> None:
        for offers in (["PIPELINING"], []):
            self.server.offers = offers
            self.server.taken.clear()
            self.server.script = lambda verb, arguments: {
                "TO:<no@example.org>": "550-5.1.1 no such\r\n550 5.1.1 user",
                "TO:<full@example.org>": "452 4.2.2 full",
                "TO:<many@example.org>": "552 5.5.3 too many recipients",
            }.get(arguments)
            entry = await self.entry(
                "no@example.org", "ok@example.org", "full@example.org", "many@example.org"
            )
            self.assertEqual(
                await self.outcomes(self.relay(), entry),
                {
                    "no@example.org": "never: mx.example.org said: 550 5.1.1 no such user",
                    "ok@example.org": "sent",
                    "full@example.org": "later: mx.example.org said: 452 4.2.2 full",
                    "many@example.org": "later: mx.example.org said: 552 5.5.3 too many recipients",
                },
            )
            self.assertEqual(len(self.server.taken), 1)

    async def test_all_recipients_refused_but_not_the_data(self) -> None:
        """RFC 2920 3.1: then nothing but the end is sent."""
        replies = {"RCPT": "550 no", "DATA": "354 go", ".": "554 5.5.1 none"}
        self.server.script = lambda verb, _: replies.get(verb)
        self.assertEqual(await self.outcome(self.relay()), "never: mx.example.org said: 550 no")
        self.assertEqual(self.server.taken, [])

    async def test_at_every_step(self) -> None:
        for offers in (["PIPELINING"], []):
            self.server.offers = offers
            for verb in ("MAIL", "RCPT", "DATA", "."):
                for code, word in ((451, "later"), (554, "never")):
                    self.refuse(verb, f"{code} because")
                    found = await self.outcome(self.relay())
                    self.assertEqual(
                        found, f"{word}: mx.example.org said: {code} because", (offers, verb)
                    )
        self.assertEqual(self.server.taken, [])

    async def test_connection_lost_at_every_step(self) -> None:
        for offers in (["PIPELINING"], []):
            self.server.offers = offers
            for verb in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA"):
                self.refuse(verb, "close")
                found = await self.outcome(self.relay())
                self.assertEqual(found[:22], "later: mx.example.org:", (verb, found))
                self.assertIn("closed the connection", found)

    async def test_silence_at_every_step(self) -> None:
        for verb in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."):
            self.refuse(verb, "silence")
            found = await self.outcome(self.relay(HASTE))
            self.assertIn("the server was silent", found, verb)
            self.assertTrue(found.startswith("later"), found)

    async def test_lost_behind_the_end_is_tried_again(self) -> None:
        """At least once: a second copy rather than none."""
        self.refuse(".", "close after")
        self.assertIn("later", await self.outcome(self.relay()))
        self.assertEqual(len(self.server.taken), 1)

    async def test_refused_in_the_middle_of_the_message(self) -> None:
        self.server.script = lambda verb, _: "552 5.3.4 too much" if verb == "LINE" else None
        data = message(body=("y" * 76 + "\r\n") * 100_000)
        self.server.offers = []
        self.assertEqual(
            await self.outcome(self.relay(), data=data),
            "never: mx.example.org said: 552 5.3.4 too much",
        )
        self.assertEqual(self.server.taken, [])

    async def test_a_server_that_stops_reading(self) -> None:
        """RFC 5321 4.5.3.2.5; meanwhile the message waits on disk, not in memory."""
        entry = await self.entry("carl@example.org", data=message(body="y" * 18_000_000))
        relay = self.relay(replace(PATIENCE, block=1, end=1))
        stream, read = self.store.bodies.stream, [0, 0]

        async def counting(sha256: bytes) -> AsyncIterator[bytes]:
            read.append(0)
            async for piece in stream(sha256):
                read[-1] += len(piece)
                yield piece

        def script(verb: str, _: str) -> str | None:
            if verb == "DATA":
                for session in self.server.sessions:
                    transport: Any = session.transport
                    reactor.callLater(0, transport.pauseProducing)
            return None

        self.server.script = script
        self.server.offers = []
        self.patch(self.store.bodies, "stream", counting)
        found = await self.outcomes(relay, entry)
        self.assertIn("the server was silent", found["carl@example.org"])
        self.assertGreater(read[-2], 18_000_000)  # when it was looked at
        self.assertLess(read[-1], 12_000_000)  # what the sockets' buffers hold
        for session in self.server.sessions:
            session.transport.abortConnection()  # type: ignore[union-attr]

    async def test_going_down(self) -> None:
        self.refuse("MAIL", "421 4.3.2 going down")
        found = await self.outcome(self.relay())
        self.assertEqual(found, "later: mx.example.org said: 421 4.3.2 going down")

    async def test_no_smtp_at_all(self) -> None:
        for greeting in (
            "HTTP/1.1 400 Bad",
            "220 " + "x" * 10_000,
            "554 5.7.1 go away",
            "420 later",
        ):
            self.refuse("CONNECT", greeting)
            found = await self.outcome(self.relay())
            self.assertTrue(found.startswith("later: mx.example.org: "), found)

    async def test_a_body_that_cannot_be_read(self) -> None:
        """No end of data is sent: half a message must never be taken for one."""
        entry = await self.entry("carl@example.org", data=message(body="z" * 300_000))
        relay = self.relay()
        stream, asked = self.store.bodies.stream, []

        async def broken(sha256: bytes) -> object:
            asked.append(sha256)
            async for piece in stream(sha256):
                yield piece
                if len(asked) == 2:  # not while it is looked at, but while it is sent
                    raise NotFound("The body is gone.")

        self.patch(self.store.bodies, "stream", broken)
        self.assertEqual(
            await self.outcomes(relay, entry), {"carl@example.org": "never: The body is gone."}
        )
        self.assertEqual((len(asked), self.server.taken), (2, []))


class NeedsTest(RelayCase):
    EIGHT = message(body="gr\u00fc\u00df")

    async def test_eight_bit(self) -> None:
        self.assertEqual(await self.outcome(self.relay(), data=self.EIGHT), "sent")
        self.assertTrue(self.server.taken[0].mail.endswith("BODY=8BITMIME"))

    async def test_eight_bit_to_a_server_of_seven(self) -> None:
        self.server.offers = ["PIPELINING"]
        self.assertEqual(
            await self.outcome(self.relay(), data=self.EIGHT),
            "never: mx.example.org takes only messages of 7-bit characters (no 8BITMIME).",
        )
        self.assertNotIn("MAIL", self.server.verbs())

    async def test_too_large(self) -> None:
        self.server.offers = ["SIZE 100"]
        self.assertEqual(
            await self.outcome(self.relay()),
            "never: mx.example.org takes no message of more than 100 octets.",
        )

    async def test_smtputf8(self) -> None:
        """RFC 6531 3.1: addresses need it, a header in UTF-8 says it."""
        self.server.offers = ["8BITMIME", "PIPELINING", "SMTPUTF8"]
        self.assertEqual(await self.outcome(self.relay(), "j\u00fcrgen@example.org"), "sent")
        self.assertTrue(self.server.taken[0].mail.endswith("SMTPUTF8"))
        await self.outcome(self.relay(), data=message("Gr\u00fc\u00dfe"))
        self.assertTrue(self.server.taken[1].mail.endswith("BODY=8BITMIME SMTPUTF8"))
        self.server.offers.remove("SMTPUTF8")
        found = await self.outcome(self.relay(), "j\u00fcrgen@example.org")
        self.assertIn("no SMTPUTF8", found)
        self.assertTrue(found.startswith("never"))
        found = await self.outcome(self.relay(), sender="j\u00fcrgen@example.test")
        self.assertIn("no SMTPUTF8", found)

    async def test_what_the_sender_wants_to_be_told(self) -> None:
        """RFC 3461 4, to servers that know it."""
        said = RecipientDsn(("SUCCESS", "DELAY"), "rfc822;kim+a=b@example.org")
        dsn = MailDsn("HDRS", "a b+c", {"carl@example.org": said})
        self.assertEqual(await self.outcome(self.relay(), dsn=dsn), "sent")
        self.server.offers.append("DSN")
        self.assertEqual(await self.outcome(self.relay(), dsn=dsn), "sent")
        without, with_it = self.server.taken
        self.assertNotIn("RET", without.mail + without.rcpt[0])
        self.assertIn(" RET=HDRS ENVID=a+20b+2Bc", with_it.mail)
        self.assertEqual(
            with_it.rcpt,
            ["<carl@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;kim+2Ba+3Db@example.org"],
        )

    async def test_what_is_no_address(self) -> None:
        names = ("a\r\nRCPT TO:<b>", "a b", "a@b", "", "a>", "a,b", '"a\r\nb"', "x" * 300)
        for bad in (*(f"{name}@example.org" for name in names), "carl@exa mple.org", "carl"):
            found = await self.outcome(self.relay(), bad)
            self.assertTrue(found.startswith("never: "), (bad, found))
        found = await self.outcome(self.relay(), sender="a\r\nRSET@x.test")
        self.assertIn("is not an address", found)
        self.assertNotIn("MAIL", self.server.verbs())
