"""Header fields and MIME entities that are written: what was asked for is what can be read."""

from __future__ import annotations

import base64
import email
import email.policy
import io
import random
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire import compose_fields as fields
from mailim.wire.compose_encoders import Base64Encoder, LineCheck, LineEnds, encoder
from mailim.wire.compose_fields import ComposeError
from mailim.wire.compose_parts import Entity, Gap, compose, encoded_text, parameter
from mailim.wire.encoded_words import decode_words
from mailim.wire.fields import raw_fields
from mailim.wire.header_forms import HeaderForm, header_as
from mailim.wire.mailboxes import Group, Mailbox
from mailim.wire.message import describe
from mailim.wire.mime import decoded_body, text_of
from mailim.wire.parameters import content_type

# Every character but what is refused: line ends, NUL, lone surrogates.
TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=200)
LONG = st.text('ab é€𝄞 =?_<>"\\,:;@()', max_size=2000)
HOSTILE = st.text('ab\r\n\0 :<>"\\,;@()=?é\u2028\x85', max_size=60)
ATOM = st.text("abcXYZ019!#$%&'*+/=?^_`{|}~-é", min_size=1, max_size=12)
EMAIL = st.builds(lambda a, b: f"{a}@{b}", ATOM, ATOM)


def form(octets: bytes, kind: HeaderForm) -> Any:
    """Read the one field these octets are."""
    ((_, raw),) = list(raw_fields(octets))
    return header_as(kind, [raw])[0]


def meant(text: str) -> str:
    """What a reader shows of a text: one line, normalised, without controls."""
    return decode_words(text.replace("=?", "=\u200b?")).replace("=\u200b?", "=?")


class Fields(SynchronousTestCase):
    def check(self, octets: bytes, name: str = "X-Some") -> None:
        """One field, of lines that may travel, that nothing can follow."""
        lines = octets.split(b"\r\n")
        self.assertEqual(lines.pop(), b"")
        self.assertTrue(lines[0].startswith(name.encode() + b":"))
        for line in lines[1:]:
            self.assertIn(line[:1], (b" ", b"\t"))
            self.assertTrue(line.strip())
        for line in lines:
            self.assertLessEqual(len(line), 998)
            self.assertNotRegex(line, rb"[\r\n\0]")

    @given(st.one_of(TEXT, LONG))
    @example("=?utf-8?q?no?=")
    @example(" blank before and behind ")
    @example("two  blanks")
    @example("x" * 5000)
    @example("")
    def test_text(self, text: str) -> None:
        octets = fields.text_field("X-Some", text)
        self.check(octets)
        self.assertTrue(octets.isascii())
        for line in octets.split(b"\r\n"):
            if b"=?utf-8" in line:
                self.assertLessEqual(len(line), 77)
        self.assertEqual(form(octets, HeaderForm.TEXT), meant(text))

    @given(st.text(st.characters(exclude_categories=["C"]), max_size=100))
    def test_text_as_the_standard_library_reads_it(self, text: str) -> None:
        octets = fields.text_field("Subject", text) + b"\r\n"
        message = email.message_from_bytes(octets, policy=email.policy.default)
        # The library gives no white space at the edges, and others than blank as a blank.
        self.assertEqual(str(message["Subject"]).split(), text.split())

    @given(st.lists(st.tuples(st.one_of(st.none(), TEXT, LONG), EMAIL), min_size=1, max_size=8))
    @example([('=?utf-8?q?a?= "b"', "a@b"), ("a@b.c", "x@y"), ("a, b: c; <d>", "x@y")])
    @example([("back\\slash", "a@b"), ("x" * 3000, "a@b"), ("(comment)", "a@b")])
    def test_addresses(self, pairs: list[tuple[str | None, str]]) -> None:
        mailboxes = [Mailbox(name, address) for name, address in pairs]
        octets = fields.addresses_field("X-Some", mailboxes)
        self.check(octets)
        wanted = [
            {"name": meant(each.name or "").strip() or None, "email": each.email}
            for each in mailboxes
        ]
        shown = form(octets, HeaderForm.ADDRESSES)
        self.assertEqual([each["email"] for each in shown], [each["email"] for each in wanted])
        for one, other in zip(shown, wanted, strict=True):
            self.assertEqual(letters(one["name"]), letters(other["name"]))

    @given(
        st.lists(
            st.tuples(
                st.text(st.characters(exclude_categories=["C", "Z"]), max_size=40),
                st.from_regex(
                    r"[a-z0-9]{1,10}(\.[a-z0-9]{1,10})?@[a-z]{1,10}\.org", fullmatch=True
                ),
            ),
            min_size=1,
            max_size=5,
        )
    )
    def test_addresses_as_the_standard_library_reads_them(
        self, pairs: list[tuple[str, str]]
    ) -> None:
        octets = fields.addresses_field("To", [Mailbox(*pair) for pair in pairs]) + b"\r\n"
        message = email.message_from_bytes(octets, policy=email.policy.default)
        header = message["To"]
        assert isinstance(header, AddressHeader)
        # The library puts a blank between two encoded words of a name.
        read = [(each.display_name.replace(" ", ""), each.addr_spec) for each in header.addresses]
        self.assertEqual(read, pairs)

    @given(st.lists(st.tuples(HOSTILE, HOSTILE), max_size=5))
    def test_no_address_breaks_out(self, pairs: list[tuple[str, str]]) -> None:
        mailboxes = [Mailbox(name, address) for name, address in pairs]
        try:
            octets = fields.addresses_field("X-Some", mailboxes)
        except ComposeError:
            return
        if octets:
            self.check(octets)
        shown = form(octets, HeaderForm.ADDRESSES) if octets else []
        # As many as were given: none has become two.
        given_ = [each for each in mailboxes if (each.name or "").strip() or each.email.strip()]
        self.assertLessEqual(len(shown), len(given_))

    def test_what_is_no_address_is_kept(self) -> None:
        for text, shown in (
            ("joh", "joh"),
            ("john smith", '"john smith"'),
            ("a@", '"a@"'),
            ("@b", '""@b'),
            ("a b@c", '"a b"@c'),
            ("a,b@c", '"a,b"@c'),
            ("x <y@z>", '"x <y@z>"'),
            ('"quoted one"@c', '"quoted one"@c'),
            ("a@b@c", '"a@b"@c'),
            ("user@[IPv6:2001:db8::1]", "user@[IPv6:2001:db8::1]"),
            ("jörg@köln.example", "jörg@köln.example"),
        ):
            for name in (None, "N"):
                octets = fields.addresses_field("To", [Mailbox(name, text), Mailbox(None, "l@m")])
                first, last = form(octets, HeaderForm.ADDRESSES)
                self.assertEqual(first, {"name": name, "email": shown}, octets)
                self.assertEqual(last["email"], "l@m")
                again = fields.addresses_field("To", [Mailbox(name, shown)])
                self.assertEqual(form(again, HeaderForm.ADDRESSES), [first])

    def test_groups(self) -> None:
        groups = [
            Group(None, (Mailbox("A", "a@x"),)),
            Group("Küche, alle", (Mailbox(None, "b@x"), Mailbox("C", "c@x"))),
            Group("Nobody", ()),
            Group(None, (Mailbox(None, "d@x"),)),
        ]
        octets = fields.groups_field("X-Some", groups)
        self.check(octets)
        wanted = [
            {"name": each.name, "addresses": [one.to_json() for one in each.mailboxes]}
            for each in groups
        ]
        self.assertEqual(form(octets, HeaderForm.GROUPED_ADDRESSES), wanted)

    def test_ids_urls_dates(self) -> None:
        ids = [f"{number}.{'x' * 40}@example.org" for number in range(30)]
        octets = fields.ids_field("References", ids)
        self.check(octets, "References")
        self.assertLessEqual(max(map(len, octets.split(b"\r\n"))), 78)
        self.assertEqual(form(octets, HeaderForm.MESSAGE_IDS), ids)
        urls = ["mailto:a@b?subject=x", "https://example.org/a,b"]
        octets = fields.urls_field("List-Post", urls)
        self.assertEqual(form(octets, HeaderForm.URLS), urls)
        date = datetime(2026, 11, 23, 9, 5, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))
        octets = fields.date_field("Date", date)
        self.assertEqual(octets, b"Date: Mon, 23 Nov 2026 09:05:01 +0530\r\n")
        self.assertEqual(form(octets, HeaderForm.DATE), "2026-11-23T09:05:01+05:30")
        date = datetime(1899, 12, 31, tzinfo=UTC)
        self.assertRaises(ComposeError, fields.date_field, "Date", date)

    def test_refused(self) -> None:
        for broken in ("a\r\nBcc: x@y", "a\nb", "a\rb", "a\0b", "a\ud800b"):
            mailbox = Mailbox(broken, "a@b")
            for write in (
                lambda: fields.text_field("X", broken),  # noqa: B023
                lambda: fields.addresses_field("X", [mailbox]),  # noqa: B023
                lambda: fields.addresses_field("X", [Mailbox(None, broken)]),  # noqa: B023
                lambda: fields.groups_field("X", [Group(broken, ())]),  # noqa: B023
                lambda: fields.ids_field("X", [broken]),  # noqa: B023
                lambda: fields.urls_field("X", [broken]),  # noqa: B023
                lambda: fields.word_field("X", [broken]),  # noqa: B023
                lambda: fields.raw_field("X", broken),  # noqa: B023
                lambda: parameter("name", broken),  # noqa: B023
            ):
                self.assertRaises(ComposeError, write)
        for name in ("", "a b", "a:b", "a\r\nb", "é", "x" * 101):
            self.assertRaises(ComposeError, fields.text_field, name, "x")
            self.assertRaises(ComposeError, fields.raw_field, name, "x")
        for id in ("", "a b", "a<b", "a>b", "x" * 901):
            self.assertRaises(ComposeError, fields.ids_field, "X", [id])
        self.assertRaises(ComposeError, fields.addresses_field, "X", [Mailbox(None, "x" * 901)])

    def test_raw(self) -> None:
        value = " one\r\n two\r\n\tthree"
        self.assertEqual(fields.raw_field("X", value), b"X: one\r\n two\r\n\tthree\r\n")
        for broken in (
            "a\r\nb", "a\r\n", "a\r\n ", "a\r\n \r\n b", "a\r\n\r\nb", "a\n b", "a\r b", "é",
            "x" * 999, "a\r\n " + "x" * 999, "\x7f", "\x01",
        ):  # fmt: skip
            self.assertRaises(ComposeError, fields.raw_field, "X", broken)


class Parameters(SynchronousTestCase):
    @given(
        st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=255)
    )
    @example('a "quoted" \\ name; x=y.txt')
    @example("=?utf-8?q?x?=")
    @example("''")
    @example("%41")
    def test_as_we_read_them(self, value: str) -> None:
        text = "; ".join(["a/b", *parameter("name", value)])
        self.assertTrue(text.isascii() and text.isprintable())
        read = content_type(text)
        assert read is not None
        controls = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
        self.assertEqual(controls.sub("", read[1]["name"]), controls.sub("", value))

    @given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=255))
    def test_as_the_standard_library_reads_them(self, value: str) -> None:
        field = fields.word_field(
            "Content-Disposition", ["attachment;", *_ended(parameter("filename", value))]
        )
        self.assertLessEqual(max(map(len, field.split(b"\r\n"))), 78)
        message = email.message_from_bytes(field + b"\r\n", policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.assertEqual(message.get_filename(), value)


class Texts(SynchronousTestCase):
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
    @example("x" * 3000)
    @example(".\n..\nFrom me\n")
    @example("trailing \n\t\n")
    @example("x" * 74 + " \né")
    @example("no end")
    @example("é" * 2000)
    @example("a=b\n=\n==")
    def test_bodies(self, text: str) -> None:
        normal = text.replace("\r\n", "\n").replace("\r", "\n")
        for ended in (False, True):
            octets, encoding = encoded_text(text, ended)
            self.assertTrue(octets.isascii())
            self.assertEqual(octets.count(b"\n"), octets.count(b"\r\n"))
            self.assertEqual(octets.count(b"\r"), octets.count(b"\r\n"))
            longest = max(map(len, octets.split(b"\r\n")))
            self.assertLessEqual(longest, 900 if encoding == "7bit" else 76)
            message = email.message_from_bytes(
                f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + octets
            )
            payload = message.get_payload(decode=True)
            assert isinstance(payload, bytes)
            wanted = normal + ("\n" if ended and not normal.endswith("\n") else "")
            self.assertEqual(payload.replace(b"\r\n", b"\n").decode(), wanted)


class Encoders(SynchronousTestCase):
    def pieces(self, data: bytes, seed: int) -> Iterable[bytes]:
        rest = io.BytesIO(data)
        chance = random.Random(seed)
        while piece := rest.read(chance.choice((0, 1, 2, 56, 57, 58, 200)) or 1):
            yield piece
            yield b""

    def through(self, encoding: str, data: bytes, seed: int) -> bytes:
        one = encoder(encoding)
        return b"".join([*map(one.feed, self.pieces(data, seed)), one.finish()])

    @given(st.binary(max_size=2000), st.integers())
    def test_base64(self, data: bytes, seed: int) -> None:
        encoded = self.through("base64", data, seed)
        whole = Base64Encoder()
        self.assertEqual(encoded, whole.feed(data) + whole.finish())
        lines = encoded.split(b"\r\n")
        self.assertTrue(lines[-1] or not data)
        self.assertTrue(all(len(line) == 76 for line in lines[:-1]))
        self.assertEqual(base64.b64decode(encoded), data)

    @given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc"])), st.integers())
    def test_line_ends(self, pieces: list[bytes], seed: int) -> None:
        data = b"".join(pieces)
        self.assertEqual(self.through("8bit", data, seed), re.sub(rb"(?<!\r)\n", b"\r\n", data))
        one = LineEnds()
        self.assertEqual(one.feed(data), re.sub(rb"(?<!\r)\n", b"\r\n", data))

    @given(
        st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\0", b"\xe9", b"x" * 500])),
        st.integers(),
    )
    def test_line_check(self, pieces: list[bytes], seed: int) -> None:
        data = b"".join(pieces)
        check = LineCheck()
        for piece in self.pieces(data, seed):
            check.feed(piece)
        longest = max(map(len, data.replace(b"\r\n", b"\n").split(b"\n")))
        bad = b"\0" in data or re.search(rb"\r(?!\n)", data)
        if bad or longest > 998:
            self.assertEqual(check.encoding, "base64")
        elif longest < 998:  # a CR may count
            self.assertEqual(check.encoding, "7bit" if data.isascii() else "8bit")


class Messages(SynchronousTestCase):
    def written(self, entity: Entity, *head: bytes) -> bytes:
        return b"".join(
            each if isinstance(each, bytes) else self.filled(each)
            for each in compose(head, entity, _tokens())
        )

    def filled(self, gap: Gap) -> bytes:
        one = encoder(gap.encoding)
        return one.feed(gap.blob) + one.finish()

    @given(st.binary(max_size=300), st.text(st.characters(exclude_categories=["C"]), max_size=80))
    def test_a_tree(self, data: bytes, text: str) -> None:
        inner = Entity("multipart/alternative", children=[
            Entity("text/plain", {"charset": "utf-8"}, text=text),
            Entity("text/html", {"charset": "utf-8"}, text=f"<b>{text}</b>"),
        ])  # fmt: skip
        file = Entity("application/x-y", {}, "attachment", {"filename": "a b.bin"}, blob=data)
        raw = self.written(Entity("multipart/mixed", children=[inner, file]), b"Subject: x\r\n")
        facts = describe(raw)
        self.assertEqual(
            [part.path for part in facts.structure.walk()], ["", "1", "1.1", "1.2", "2"]
        )
        plain, html, attached = [facts.structure.find(path) for path in ("1.1", "1.2", "2")]
        assert plain and html and attached
        self.assertEqual(text_of(raw, plain, 1000), (text, False))
        self.assertEqual(text_of(raw, html, 1000), (f"<b>{text}</b>", False))
        self.assertEqual(decoded_body(raw, attached, 1000), data)
        self.assertEqual(attached.filename, "a b.bin")
        message = email.message_from_bytes(raw, policy=email.policy.default)
        for part in message.walk():
            self.assertEqual(part.defects, [])


def letters(text: str | None) -> str:
    """What stays of a name however blanks and controls in it are read."""
    return "".join(char for char in text or "" if not char.isspace() and char.isprintable())


def _ended(words: list[str]) -> list[str]:
    return [*(f"{word};" for word in words[:-1]), words[-1]]


def _tokens() -> Callable[[], str]:
    numbers = iter(range(1000))
    return lambda: f"=_{next(numbers)}"
