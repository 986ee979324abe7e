"""What a client writes into an Email is what stands in the message, and nothing else does."""

from __future__ import annotations

import email
import email.policy
import itertools
import json
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.protocols.jmap.email_create import read_email
from mailim.protocols.jmap.emails import PROPERTIES
from mailim.protocols.jmap.errors import SetError
from mailim.protocols.jmap.limits import JmapLimits
from mailim.wire.compose_encoders import encoder
from mailim.wire.compose_parts import compose
from mailim.wire.message import describe
from mailim.wire.mime import text_of

LIMITS: Final = JmapLimits()
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
LINE = st.lists(WORDS, max_size=12).map(" ".join)
TEXT = st.lists(LINE, max_size=8).map("\n".join)
NAME = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\."), min_size=1, max_size=80
)
ADDRESS = st.from_regex(r"[a-z0-9+_-]{1,20}@[a-z0-9]{1,20}\.example", fullmatch=True)
MAILBOX = st.fixed_dictionaries(
    {"name": st.one_of(st.none(), LINE.map(str.strip)), "email": ADDRESS}
)
EVIL: Final = (
    "a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\r\n\r\nX-Evil: 1", "\r\nX-Evil: 1",
    "a\r\n X-Evil: 1\r\nX-Evil: 2", "a\0b", 'a"\r\nX-Evil: 1', "a>\r\nX-Evil: 1",
    "a\u2028X-Evil: 1", "a\x85X-Evil: 1", "a\x0bX-Evil: 1", "a\x0cX-Evil: 1", "a\x1cX-Evil: 1",
    "\ud800", "a\udc0aX-Evil: 1", "=?utf-8?q?a=0D=0AX-Evil:_1?=",
    "=?utf-8?b?YQ0KWC1FdmlsOiAx?=", "a%0d%0aX-Evil: 1", "a; x=y\r\nX-Evil: 1",
)  # fmt: skip


NAMES: Final = (
    *PROPERTIES, "header:X", "header:X:asText", "header:X:asURLs", "header:X:asDate:all",
    "header:X:asGroupedAddresses", "header:X:asAddresses:all", "header:", "", "nothing",
)  # fmt: skip
PART_NAMES: Final = (
    "partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language",
    "location", "subParts", "headers", "header:Content-Type", "header:Content-Disposition:asText",
    "header:X:asText:all", "email", "addresses", "value", "t",
)  # fmt: skip


def written(value: Mapping[str, Any], blobs: Mapping[str, bytes] | None = None) -> bytes:
    """Read and write an Email as the server does; raises `SetError`."""
    new = read_email({"mailboxIds": {"m1": True}, **value}, LIMITS)
    for id, entities in new.blobs.items():
        for entity in entities:
            entity.blob = (blobs or {})[id]
    numbers = itertools.count()
    pieces = compose(new.ordered_fields(), new.body, lambda: f"=_token_{next(numbers)}")
    octets = []
    for piece in pieces:
        if isinstance(piece, bytes):
            octets.append(piece)
        else:
            through = encoder(piece.encoding)
            octets += [through.feed(piece.blob), through.finish()]
    return b"".join(octets)


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


class TextTests(SynchronousTestCase):
    @given(LINE, st.lists(MAILBOX, min_size=1, max_size=4), TEXT, TEXT)
    def test_two_readers_read_what_was_written(
        self, subject: str, to: list[dict[str, Any]], text: str, html: str
    ) -> None:
        raw = written(
            {
                "subject": subject,
                "to": to,
                "textBody": [{"partId": "t"}],
                "htmlBody": [{"partId": "h"}],
                "bodyValues": {"t": {"value": text}, "h": {"value": html}},
            }
        )
        self.assertTrue(raw.isascii())
        facts = describe(raw)
        self.assertEqual([mailbox.email for mailbox in facts.to], [each["email"] for each in to])
        for path, wanted in (("1", text), ("2", html)):
            part = facts.structure.find(path)
            assert part is not None
            self.assertEqual(text_of(raw, part, 100_000), (wanted, False))
        message = parsed(raw)
        self.assertEqual(message["subject"].split(), subject.split())
        plain, other = message.iter_parts()
        assert isinstance(plain, EmailMessage) and isinstance(other, EmailMessage)
        self.assertEqual(plain.get_content().replace("\r\n", "\n").rstrip("\n"), text.rstrip("\n"))
        self.assertEqual(other.get_content().replace("\r\n", "\n").rstrip("\n"), html.rstrip("\n"))
        self.assertEqual(message.defects, [])

    @given(NAME, st.binary(max_size=500))
    def test_files(self, name: str, data: bytes) -> None:
        part = {"blobId": "b", "type": "application/octet-stream", "name": name}
        message = parsed(written({"attachments": [part]}, {"b": data}))
        (file,) = message.iter_attachments()
        assert isinstance(file, EmailMessage)
        self.assertEqual(file.get_filename(), name)
        self.assertEqual(file.get_content(), data)


def settable(evil: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give Emails with something evil in each property a client can set, one by one."""
    for name in ("messageId", "inReplyTo", "references"):
        yield name, {name: [evil]}
        yield name, {name: ["good@id", evil]}
    for name in ("sender", "from", "to", "cc", "bcc", "replyTo"):
        yield name, {name: [{"name": evil, "email": "a@b.example"}]}
        yield name, {name: [{"email": evil}]}
        yield name, {name: [{"name": "x", "email": f"{evil}@b.example"}]}
        yield name, {name: [{"name": "x", "email": f"a@{evil}"}]}
    yield "subject", {"subject": evil}
    yield "sentAt", {"sentAt": evil}
    yield "receivedAt", {"receivedAt": evil}
    for form, value in (
        ("", evil), (":asRaw", evil), (":asText", evil), (":asDate", evil), (":asURLs", [evil]),
        (":asMessageIds", [evil]), (":asAddresses", [{"name": evil, "email": "a@b"}]),
        (":asAddresses", [{"email": evil}]),
        (":asGroupedAddresses", [{"name": evil, "addresses": [{"email": "a@b"}]}]),
        (":asGroupedAddresses", [{"name": "G", "addresses": [{"name": evil, "email": evil}]}]),
    ):  # fmt: skip
        yield form, {f"header:X-Some{form}": value}
        yield form, {f"header:X-Some{form}:all": [value, value]}
    yield "name of a field", {f"header:X-{evil}": "x"}
    yield "name of a field", {f"header:{evil}:asText": "x"}
    part: dict[str, Any] = {"blobId": "b", "type": "application/x", "disposition": "attachment"}
    for name in ("name", "type", "charset", "disposition", "cid", "location"):
        yield name, {"attachments": [{**part, name: evil}]}
        yield name, {"bodyStructure": {**part, name: evil}}
    yield "name", {"bodyStructure": {"blobId": "b", "type": "image/png", "name": evil}}
    yield "language", {"attachments": [{**part, "language": [evil]}]}
    yield "type", {"attachments": [{**part, "type": f"text/{evil}"}]}
    yield "type", {"bodyStructure": {"type": f"multipart/{evil}", "subParts": [part]}}
    for name in ("Content-Description", "X-Some", f"X-{evil}"):
        for form in ("", ":asText", ":asText:all"):
            value = [evil] if form.endswith("all") else evil
            yield name, {"attachments": [{**part, f"header:{name}{form}": value}]}
    bare = {"blobId": "b"}
    for form in ("", ":asText"):
        for value in (
            evil,
            f"text/x; {evil}=1",
            f'text/x; a="{evil}"',
            f"text/x; a*=utf-8''{evil}",
        ):
            yield "type", {"bodyStructure": {**bare, f"header:Content-Type{form}": value}}
        for value in (evil, f'attachment; filename="{evil}"'):
            yield "where", {"bodyStructure": {**bare, f"header:Content-Disposition{form}": value}}
    yield "text", {"textBody": [{"partId": evil}], "bodyValues": {evil: {"value": evil}}}
    yield "text", {"bodyStructure": {"partId": "t"}, "bodyValues": {"t": {"value": evil}}}


JSON: Final = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT),
    lambda inside: st.one_of(
        st.lists(inside, max_size=3), st.dictionaries(st.sampled_from(PART_NAMES), inside)
    ),
    max_leaves=6,
)


class GarbageTests(SynchronousTestCase):
    @given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5))
    def test_top(self, value: dict[str, Any]) -> None:
        self.try_it(value)

    @given(st.dictionaries(st.sampled_from(PART_NAMES), JSON, max_size=5))
    def test_parts(self, value: dict[str, Any]) -> None:
        self.try_it({"bodyStructure": value, "bodyValues": {"t": {"value": "x"}}})
        self.try_it({"attachments": [value, value]})

    def try_it(self, value: dict[str, Any]) -> None:
        """It is written, or refused for what is wrong with it."""
        try:
            new = read_email({"mailboxIds": {}, **value}, LIMITS)
        except SetError as error:
            self.assertIn(error.type, ("invalidProperties", "tooLarge"))
            json.dumps(error.to_json())
        else:
            self.assertTrue(list(compose(new.ordered_fields(), new.body, lambda: "=_b")))


class InjectionTests(SynchronousTestCase):
    def test_no_property_makes_a_field_of_its_own(self) -> None:
        refused = written_ones = 0
        for evil in EVIL:
            for what, value in settable(evil):
                try:
                    raw = written(value, {"b": b"data"})
                except SetError as error:
                    self.assertEqual(error.type, "invalidProperties")
                    self.assertTrue(error.properties)
                    refused += 1
                    continue
                written_ones += 1
                message = parsed(raw)
                for part in message.walk():
                    self.assertNotIn(
                        "x-evil", [name.lower() for name in part.keys()], (what, value)
                    )
                for one in describe(raw).structure.walk():
                    header = raw[one.header_start : one.body_start]
                    self.assertNotRegex(header, rb"(?im)^x-evil")
                    odd = (
                        rb"[\0\x0b\x0c\x1c]" if what in ADDRESSES else rb"[\0\x0b\x0c\x1c\x80-\xff]"
                    )
                    self.assertNotRegex(header, odd)
                    self.assertEqual(header.count(b"\n"), header.count(b"\r\n"))
                    self.assertEqual(header.count(b"\r"), header.count(b"\r\n"))
        self.assertGreater(refused, 500)
        self.assertGreater(written_ones, 100)

    def test_an_attachment_cannot_end_its_part(self) -> None:
        """Not even if it knew the token, which nobody can guess."""
        for evil in ("\n--=_token_0\n\nsecond", "\n--=_token_0--\n", "\r\n.\r\nMAIL FROM:<x>\r\n"):
            raw = written(
                {"attachments": [{"blobId": "b", "type": "text/plain"}, {"blobId": "b"}]},
                {"b": evil.encode()},
            )
            self.assertEqual(raw.count(b"\r\n--=_token_0"), 3)
            self.assertEqual(len(describe(raw).structure.children), 2)


ADDRESSES: Final = (
    "sender", "from", "to", "cc", "bcc", "replyTo", "messageId", "inReplyTo", "references",
    ":asAddresses", ":asGroupedAddresses", ":asMessageIds", "cid",
)  # fmt: skip
