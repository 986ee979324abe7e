"""What is derived from whole messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.body import body_of
from mailim.wire.message import Group, Mailbox, MessageFacts, base_subject, describe
from mailim.wire.mime import decoded_body, scan
from tests.wire import samples
from tests.wire.samples import entity, in_base64, leaf, multipart, rfc8621_example
from tests.wire.test_mime import MAILISH


class Facts(SynchronousTestCase):
    def test_plain(self) -> None:
        facts = describe(samples.PLAIN)
        self.assertEqual(facts.subject, "Re: [team] Lunch on Friday? (fwd)")
        self.assertEqual(facts.base_subject, "Lunch on Friday?")
        self.assertEqual(facts.from_, (Mailbox("Anna Ek", "anna@example.org"),))
        self.assertEqual(
            facts.to,
            (Mailbox("Berg, Bo", "bo@example.com"), Mailbox("Cecilia", "cecilia@example.net")),
        )
        self.assertEqual(facts.date, datetime(2026, 11, 20, 10, 55, 6, tzinfo=UTC))
        self.assertEqual(facts.message_id, ("lunch.2@example.org",))
        self.assertEqual(facts.in_reply_to, ("lunch.1@example.com",))
        self.assertEqual(facts.references, ("lunch.0@example.com", "lunch.1@example.com"))
        self.assertEqual(facts.preview, "Friday is fine.")
        self.assertEqual((facts.text_parts, facts.html_parts), (("1",), ("1",)))
        self.assertFalse(facts.has_attachment)
        self.assertEqual(facts.grouped, {})

    def test_charsets(self) -> None:
        facts = describe(samples.JAPANESE)
        self.assertEqual(facts.from_[0].name, "日本")
        self.assertEqual(facts.subject, "日本語 raw")
        self.assertEqual(facts.preview, "日本語のテキスト")
        self.assertEqual(describe(samples.CHINESE).subject, "项目进展")
        self.assertEqual(describe(samples.MISLABELLED).preview, "“5 €” – fünf")

    def test_groups(self) -> None:
        facts = describe(b"To: Team: a@b, c@d;, e@f\r\nCc: g@h\r\n\r\n")
        self.assertEqual([each.email for each in facts.to], ["a@b", "c@d", "e@f"])
        self.assertEqual(list(facts.grouped), ["to"])
        self.assertEqual(
            facts.grouped["to"][0], Group("Team", (Mailbox(None, "a@b"), Mailbox(None, "c@d")))
        )

    def test_last_of_repeated_fields_counts(self) -> None:
        """RFC 8621 section 4.1.3."""
        facts = describe(b"Subject: one\r\nSubject: two\r\nFrom: a@b\r\nFrom: c@d\r\n\r\n")
        self.assertEqual((facts.subject, facts.from_[0].email), ("two", "c@d"))

    def test_automatic_mail(self) -> None:
        facts = describe(
            b"Auto-Submitted: Auto-Replied (vacation)\r\nList-Id: A list <A.lists.example>\r\n\r\n"
        )
        self.assertEqual(facts.auto_submitted, "auto-replied")
        self.assertEqual(facts.list_id, "a.lists.example")
        self.assertIsNone(describe(samples.PLAIN).auto_submitted)

    def test_nothing(self) -> None:
        facts = describe(b"")
        self.assertIsNone(facts.subject)
        self.assertIsNone(facts.date)
        self.assertEqual((facts.from_, facts.message_id, facts.preview), ((), (), ""))

    def test_dates_beyond_the_calendar(self) -> None:
        for date in (b"31 Dec 9999 23:59:59 -0100", b"x"):
            self.assertIsNone(describe(b"Date: " + date + b"\r\n\r\n").date)

    def test_json_round_trip(self) -> None:
        for data in [*samples.ALL, b"To: T: a@b;\r\nSubject:\r\n\r\n", b""]:
            facts = describe(data)
            again = MessageFacts.from_json(json.loads(json.dumps(facts.to_json())))
            self.assertEqual(again, facts)

    def test_json_from_a_newer_version(self) -> None:
        value = describe(samples.PLAIN).to_json() | {"invented": [1]}
        self.assertEqual(MessageFacts.from_json(value), describe(samples.PLAIN))

    def test_nul_and_surrogates_never_come_out(self) -> None:
        facts = describe(
            b"Subject: a\x00=?utf-7?q?+2AA-?=b\r\nFrom: \x00 <a@\x00b>\r\n"
            b"Content-Type: text/plain; charset=utf-16-le; name=\x00x\r\n\r\n\x00\xd8\x00\x00a\x00"
        )
        text = json.dumps(facts.to_json(), ensure_ascii=False)
        text.encode()
        self.assertNotIn("\\u0000", text)
        self.assertNotIn("\0", text)

    @settings(max_examples=400, deadline=None)
    @given(MAILISH)
    def test_never_raises(self, data: bytes) -> None:
        facts = describe(data)
        json.dumps(facts.to_json(), ensure_ascii=False).encode()
        self.assertLessEqual(len(facts.preview), 256)
        for path in (*facts.text_parts, *facts.html_parts, *facts.attachments):
            self.assertIsNotNone(facts.structure.find(path))


class BodyStructure(SynchronousTestCase):
    """RFC 8621 section 4.1.4."""

    def lists(self, data: bytes) -> tuple[str, str, str]:
        body = body_of(scan(data))

        def letters(parts: object) -> str:
            assert isinstance(parts, tuple)
            return "".join(decoded_body(data, part, 1 << 10).decode()[-1:] for part in parts)

        return letters(body.text), letters(body.html), letters(body.attachments)

    def test_example(self) -> None:
        self.assertEqual(self.lists(rfc8621_example()), ("ABCDK", "AEK", "CFGHJ"))

    def test_only_html(self) -> None:
        self.assertEqual(self.lists(leaf("text/html", b"H")), ("H", "H", ""))
        alone = multipart("alternative", leaf("text/html", b"H"))
        self.assertEqual(self.lists(alone), ("H", "H", ""))

    def test_only_plain_in_alternative(self) -> None:
        self.assertEqual(
            self.lists(multipart("alternative", leaf("text/plain", b"P"))), ("P", "P", "")
        )

    def test_alternative_with_calendar(self) -> None:
        data = multipart(
            "alternative",
            leaf("text/plain", b"P"),
            leaf("text/html", b"H"),
            leaf("text/calendar", b"C"),
        )
        self.assertEqual(self.lists(data), ("P", "H", "C"))

    def test_related(self) -> None:
        data = multipart("related", leaf("text/html", b"H"), leaf("image/png", b"I"))
        self.assertEqual(self.lists(data), ("H", "H", "I"))

    def test_named_text_behind_the_first_is_a_file(self) -> None:
        data = multipart(
            "mixed",
            leaf("text/plain; name=a.txt", b"A"),
            leaf("text/plain; name=b.txt", b"B"),
            leaf("text/plain", b"C"),
            leaf("text/plain", b"D", "attachment"),
        )
        self.assertEqual(self.lists(data), ("AC", "AC", "BD"))

    def test_inline_pictures_in_mixed(self) -> None:
        data = multipart("mixed", leaf("image/png", b"I"), leaf("audio/ogg", b"O"))
        self.assertEqual(self.lists(data), ("IO", "IO", ""))

    def test_message_alone(self) -> None:
        self.assertEqual(self.lists(leaf("message/rfc822", entity({"A": "b"}, b"M")))[2], "M")

    def test_nested_alternatives(self) -> None:
        """An alternative inside a settled alternative must not fail."""
        inner = multipart("alternative", leaf("text/plain", b"p"), leaf("text/html", b"h"))
        data = multipart(
            "alternative",
            leaf("text/plain", b"P"),
            multipart("mixed", leaf("text/html", b"H"), inner),
        )
        text, html, attachments = self.lists(data)
        self.assertEqual((text, html), ("P", "Hh"))
        self.assertEqual(attachments, "p")

    def test_has_attachment(self) -> None:
        inline_png = leaf("image/png", b"I", "inline")
        for data, expected in (
            (samples.PLAIN, False),
            (samples.PICTURES, False),
            (samples.FILENAMES, True),
            (samples.INVITATION, True),
            (samples.FORWARDED, True),
            (multipart("mixed", leaf("text/plain"), inline_png), False),
            (multipart("related", leaf("text/html"), inline_png), False),
            (multipart("mixed", leaf("text/plain"), in_base64("application/zip", b"PK")), True),
            (multipart("signed", leaf("text/plain"), leaf("application/pgp-signature")), False),
        ):
            self.assertEqual(describe(data).has_attachment, expected)


class Preview(SynchronousTestCase):
    def preview(self, kind: str, body: str) -> str:
        return describe(leaf(f"{kind}; charset=utf-8", body.encode())).preview

    def test_html(self) -> None:
        self.assertEqual(describe(samples.HTML_ONLY).preview, "Hello wörld 5 < 6 & so on")
        self.assertEqual(self.preview("text/html", "<p>a</p><p>b<b>c</b></p>d<br>e"), "a bc d e")
        self.assertEqual(self.preview("text/html", "&lt;script&gt;x"), "<script>x")

    def test_hostile_html(self) -> None:
        for markup in (
            "<div>" * 50_000,
            "<!--" * 50_000,
            "<a " * 50_000,
            "&" * 50_000,
            "<" * 50_000,
        ):
            self.assertLessEqual(len(self.preview("text/html", markup)), 256)

    def test_quotes_and_signature(self) -> None:
        self.assertEqual(self.preview("text/plain", "> old\nnew\n> old\n-- \nme"), "new")
        self.assertEqual(self.preview("text/plain", "> only quotes"), "> only quotes")

    def test_length_and_white_space(self) -> None:
        self.assertEqual(len(self.preview("text/plain", "ä" * 300)), 256)
        self.assertEqual(self.preview("text/plain", " a \t\r\n\u200b\u00a0 b "), "a b")

    def test_empty_first_part(self) -> None:
        data = multipart("mixed", leaf("text/plain", b"\r\n"), leaf("text/plain", b"second"))
        self.assertEqual(describe(data).preview, "second")

    def test_empty_text_beside_html(self) -> None:
        html = leaf("text/html", b"<p>words</p>")
        data = multipart("alternative", leaf("text/plain", b" \r\n"), html)
        self.assertEqual(describe(data).preview, "words")

    def test_calendar_alone(self) -> None:
        self.assertEqual(describe(leaf("text/calendar", b"BEGIN:VCALENDAR")).preview, "")


class BaseSubject(SynchronousTestCase):
    """RFC 5256 section 2.1."""

    def test_forms(self) -> None:
        for subject, expected in (
            ("Re: x", "x"),
            ("RE:RE : Fwd: fw:x", "x"),
            ("Re[2]: x", "x"),
            ("Re [2]: x", "x"),
            ("[list] Re: [other] x", "x"),
            ("[list]", "[list]"),
            ("[a] [b]", "[b]"),
            ("x (fwd) (FWD) ", "x"),
            ("[Fwd: Re: x (fwd)]", "x"),
            ("[fwd: [fwd: x]]", "x"),
            ("Re:", ""),
            ("  a \t b ", "a b"),
            ("Regarding: x", "Regarding: x"),
            ("Fwd x", "Fwd x"),
            ("[unclosed Re: x", "[unclosed Re: x"),
            (None, ""),
        ):
            self.assertEqual(base_subject(subject), expected, subject)

    @given(st.text("[]Re:fwd() ", max_size=40))
    def test_base_of_base(self, subject: str) -> None:
        base = base_subject(subject)
        self.assertEqual(base_subject(base), base)
