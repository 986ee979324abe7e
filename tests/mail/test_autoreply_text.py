"""What an automatic reply says: RFC 3834's fields, and nothing a stranger could put there."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.interfaces.vacation import Vacation
from mailim.mail.autoreply_text import STANDARD_TEXT, Reply, compose
from mailim.wire.message import MessageFacts, describe
from mailim.wire.part import Part

NOW = 1_700_000_000_000_000
FIELDS = [
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
    "X-Auto-Response-Suppress", "Precedence", "Content-Type", "Content-Transfer-Encoding",
    "MIME-Version",
]  # fmt: skip


def octets_of(
    subject: str | None = "Lunch", name: str = "Bob", sender: str = "carl@example.org", **more: Any
) -> bytes:
    ids = {key: more.pop(key, ()) for key in ("message_id", "references", "in_reply_to")}
    facts = MessageFacts(Part(), subject=subject, **ids)
    reply = Reply("bob@example.test", name, sender, Vacation(**more), facts, "1@mail.test", NOW)
    return compose(reply)


def parsed(octets: bytes) -> EmailMessage:
    return message_from_bytes(octets, policy=policy.SMTP)


def made(*args: Any, **named: Any) -> EmailMessage:
    return parsed(octets_of(*args, **named))


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


class FieldTests(SynchronousTestCase):
    def test_all_of_them(self) -> None:
        message = made(message_id=("a@x",), references=("b@x", "c@x"), text="Hi")
        self.assertEqual(message["From"], "Bob <bob@example.test>")
        self.assertEqual(message["To"], "carl@example.org")
        self.assertEqual(message["Subject"], "Auto: Lunch")
        self.assertEqual(message["Date"], "Tue, 14 Nov 2023 22:13:20 +0000")
        self.assertEqual(message["Message-ID"], "<1@mail.test>")
        self.assertEqual(message["In-Reply-To"], "<a@x>")
        self.assertEqual(message["References"].split(), ["<b@x>", "<c@x>", "<a@x>"])
        self.assertEqual(message["Auto-Submitted"], "auto-replied")
        self.assertEqual(sorted(message.keys()), sorted(FIELDS))

    def test_subjects(self) -> None:
        self.assertEqual(made(None)["Subject"], "Auto:")
        self.assertEqual(made(subject="Lunch", text="x")["Subject"], "Auto: Lunch")
        gruesse = made("Grüße " * 20)
        self.assertEqual(gruesse["Subject"], ("Auto: " + "Grüße " * 20).strip())
        mine = Vacation(subject="Re: $SUBJECT$ – $SENDER$ $OTHER$")
        facts = MessageFacts(Part(), subject="$SENDER$")
        reply = Reply("b@x.test", "", "c@x.test", mine, facts, "1@x", NOW)
        # What a macro gives is not expanded again.
        self.assertEqual(parsed(compose(reply))["Subject"], "Re: $SENDER$ – c@x.test $OTHER$")
        self.assertLessEqual(len(made("y" * 9000)["Subject"]), 255)

    def test_lines_are_short_and_ascii(self) -> None:
        octets = octets_of("Ä" * 150, "Ö" * 90, text="ü" * 5000, html="ß" * 5000,
                           message_id=("x" * 240 + "@y",))  # fmt: skip
        octets.decode("ascii")
        for line in octets.split(b"\r\n"):
            self.assertLessEqual(len(line), 270 if b"@" in line else 78, line)
        self.assertNotIn(b"\n", octets.replace(b"\r\n", b""))

    def test_names(self) -> None:
        for name in (
            "Bob",
            "Björn Ö",
            'B "the" \\ob',
            "a, b <x@y.test>",
            "=?utf-8?q?x?=",
            "名前 " * 20,
        ):
            [found] = describe(octets_of(name=name)).from_
            self.assertEqual((found.name, found.email), (name.strip(), "bob@example.test"))
        self.assertEqual(made(name="")["From"], "bob@example.test")

    def test_encoded_words_of_strangers_stay_text(self) -> None:
        message = made("=?utf-8?q?=0D=0ABcc:_x@y.test?=")
        self.assertNotIn("Bcc", message)
        self.assertEqual(message["Subject"], "Auto: =?utf-8?q?=0D=0ABcc:_x@y.test?=")

    def test_identifiers_that_are_none_are_left_out(self) -> None:
        for bad in ("a b@x", "ä@x", "a@x\r\nBcc: y", "x" * 300, "", "a<b"):
            message = made(message_id=(bad,), references=("ok@x",))
            self.assertNotIn("In-Reply-To", message)
            self.assertNotIn("References", message)
        message = made(message_id=("a@x",), references=("b c@x", *(f"{n}@x" for n in range(50))))
        ids = message["References"].split()
        self.assertEqual(ids, [*(f"<{n}@x>" for n in range(41, 50)), "<a@x>"])

    def test_addresses_outside_ascii(self) -> None:
        """RFC 6532: then the header is UTF-8, and the relay asks for SMTPUTF8."""
        self.assertIn("To: <jörg@example.org>\r\n".encode(), octets_of(sender="jörg@example.org"))


class BodyTests(SynchronousTestCase):
    def test_texts(self) -> None:
        self.assertEqual(text_of(made()).replace("\r", ""), STANDARD_TEXT)
        self.assertEqual(text_of(made(text="", html="")).replace("\r", ""), STANDARD_TEXT)
        self.assertEqual(text_of(made(text="Grüße\rA\nB")).split(), ["Grüße", "A", "B"])
        self.assertEqual(made(text="x").get_content_type(), "text/plain")

    def test_html(self) -> None:
        both = made(text="Hi", html="<p>Hi $SUBJECT$</p>", subject="<b>&")
        self.assertEqual(both.get_content_type(), "multipart/alternative")
        self.assertEqual(text_of(both).strip(), "Hi")
        self.assertEqual(text_of(both, "html").strip(), "<p>Hi &lt;b&gt;&amp;</p>")
        alone = made(html="<h1>Away</h1><p>till <b>May</b></p><script>x()</script>")
        self.assertEqual(text_of(alone).split(), ["Away", "till", "May"])

    def test_macros(self) -> None:
        text = "$SENDER$ $RECIPIENT$ $SUBJECT$ $SUBJECT $subject$ $$ $X$"
        expected = "carl@example.org bob@example.test Lunch $SUBJECT $subject$ $$ $X$"
        self.assertEqual(text_of(made(text=text)).strip(), expected)

    def test_macros_do_not_make_it_endless(self) -> None:
        octets = octets_of("y" * 9000, text="$SUBJECT$" * 7000, html="$SUBJECT$" * 7000)
        self.assertLess(len(octets), 600_000)


NASTY = st.text(max_size=60) | st.lists(
    st.sampled_from(["\r\n", "\n", "\r", "Bcc: x@y.test", " ", "\x00", "=?utf-8?q?=0A?=", "\u2028",
                     "\x85", "\x0b", '"', "\\", "<", ">", ":", "$SUBJECT$", "$SENDER$", "Ä"]),
    max_size=12,
).map("".join)  # fmt: skip


class InjectionTests(SynchronousTestCase):
    @settings(max_examples=400, database=None)
    @given(NASTY, NASTY, st.lists(NASTY, max_size=3), st.none() | NASTY, NASTY)
    def test_nothing_of_a_stranger_makes_a_field(
        self, subject: str, name: str, ids: list[str], own: str | None, text: str
    ) -> None:
        own = None if own is None else re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", "", own)
        said = tuple(ids)
        facts = MessageFacts(Part(), subject=subject, message_id=said[:1], references=said)
        mine = Vacation(subject=own, text=text.replace("\x00", ""))
        octets = compose(
            Reply("bob@example.test", name, "carl@example.org", mine, facts, "1@mail.test", NOW)
        )
        octets.decode("ascii")
        head = octets.split(b"\r\n\r\n", 1)[0]
        names = [
            line.split(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in b" \t"
        ]
        self.assertLessEqual(set(names), set(FIELDS))
        self.assertEqual(len(names), len(set(names)))
        facts = describe(octets)
        self.assertEqual([each.email for each in facts.to], ["carl@example.org"])
        self.assertEqual([each.email for each in facts.from_], ["bob@example.test"])
        self.assertEqual((facts.cc, facts.bcc, facts.auto_submitted), ((), (), "auto-replied"))
