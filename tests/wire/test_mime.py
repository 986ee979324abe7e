"""The MIME scanner: structure, offsets, names, decoding, tolerance."""

from __future__ import annotations

import json
from email import message_from_bytes

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.mime import MimeLimits, Part, decoded_body, headers, scan, text_of
from tests.wire import samples
from tests.wire.samples import entity, in_base64, leaf, multipart


def outline(part: Part) -> list[tuple[str, str]]:
    return [(each.path, each.content_type) for each in part.walk()]


def body(data: bytes, part: Part) -> bytes:
    return data[part.body_start : part.body_end]


Tree = bytes | tuple["Tree", ...]
# A part's text has neither the boundaries of samples.multipart nor (for the comparison with
# the standard library, which takes it for a line end) CR alone.
TEXTS = st.text("ab-=_\u00e4 .:", max_size=20).map(str.encode)
BLOCKS = st.lists(TEXTS, max_size=4).map(b"\r\n".join)
TREES: st.SearchStrategy[Tree] = st.recursive(
    BLOCKS, lambda inner: st.lists(inner, min_size=1, max_size=3).map(tuple), max_leaves=8
)


def written(tree: Tree) -> bytes:
    if isinstance(tree, bytes):
        return leaf("text/x-leaf", tree)
    return multipart("mixed", *map(written, tree))


def found(data: bytes, part: Part) -> Tree:
    if part.is_multipart:
        return tuple(found(data, child) for child in part.children)
    return body(data, part)


class Structure(SynchronousTestCase):
    def test_one_part(self) -> None:
        part = scan(samples.PLAIN)
        self.assertEqual(outline(part), [("1", "text/plain")])
        self.assertEqual((part.charset, part.encoding, part.lines), ("us-ascii", "7bit", 5))
        self.assertTrue(body(samples.PLAIN, part).startswith(b"Friday"))
        self.assertEqual(part.body_end, len(samples.PLAIN))

    def test_numbers_follow_imap(self) -> None:
        """RFC 3501 section 6.4.5."""
        self.assertEqual(
            outline(scan(samples.FORWARDED)),
            [
                ("", "multipart/mixed"),
                ("1", "text/plain"),
                ("2", "message/rfc822"),
                ("2", "multipart/alternative"),
                ("2.1", "text/plain"),
                ("2.2", "text/html"),
                ("3", "message/rfc822"),
                ("3.1", "text/plain"),
            ],
        )

    def test_line_end_before_a_delimiter_belongs_to_it(self) -> None:
        """RFC 2046 section 5.1.1."""
        for eol in (b"\r\n", b"\n"):
            kind = b"Content-Type: multipart/mixed; boundary=x"
            lines = [kind, b"", b"pre", b"--x", b"", b"one", b"", b"--x", b"", b"", b"--x--"]
            data = eol.join(lines)
            first, second = scan(data).children
            self.assertEqual(body(data, first), b"one" + eol)
            self.assertEqual(body(data, second), b"")

    def test_nested_message_offsets(self) -> None:
        data = samples.FORWARDED
        message = scan(data).children[1].message
        assert message is not None
        self.assertEqual(headers(data, message)[0], ("Subject", b" inner subject"))
        self.assertEqual(body(data, message.children[0]), b"inner text")

    def test_delimiter_of_the_outer_ends_the_inner(self) -> None:
        data = (
            b"Content-Type: multipart/mixed; boundary=out\n\n"
            b"--out\nContent-Type: multipart/mixed; boundary=in\n\n--in\n\na\n"
            b"--out\n\nb\n--in\nstill b\n--out--\n--out\nepilogue\n"
        )
        root = scan(data)
        self.assertEqual([part.path for part in root.walk()], ["", "1", "1.1", "2"])
        self.assertEqual(body(data, root.children[0].children[0]), b"a")
        self.assertEqual(body(data, root.children[1]), b"b\n--in\nstill b")

    def test_boundaries_that_begin_alike(self) -> None:
        inner = b"Content-Type: multipart/mixed; boundary=x--\n\n--x--\n\ndeep\n--x----\n"
        data = (
            b"Content-Type: multipart/mixed; boundary=x\n\n--x\n" + inner + b"--xy\n--x\n\nb\n--x--"
        )
        root = scan(data)
        self.assertEqual([part.path for part in root.walk()], ["", "1", "1.1", "2"])

    def test_same_boundary_inside(self) -> None:
        part = b"Content-Type: multipart/mixed; boundary=x\n\n--x\n"
        root = scan(part + part + b"\na\n--x--\n--x\n\nb\n--x--\n")
        self.assertEqual([each.path for each in root.walk()], ["", "1", "1.1", "2"])

    def test_delimiter_inside_a_header(self) -> None:
        data = b"Content-Type: multipart/mixed; boundary=x\n\n--x\nSubject: a\n--x\n\nb\n--x--\n"
        first, second = scan(data).children
        self.assertEqual(headers(data, first), [("Subject", b" a")])
        self.assertEqual((body(data, first), body(data, second)), (b"", b"b"))

    def test_delimiters_in_a_row_enclose_nothing(self) -> None:
        data = b"Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\n\n\na\n--x\n--x--\n"
        self.assertEqual([body(data, part) for part in scan(data).children], [b"\na"])

    def test_forgotten_blank_line(self) -> None:
        """The text is shown, not taken for a header."""
        for head in (b"", b"From joe Fri Nov 20 11:00:00 2026\r\n"):
            data = head + b"Subject: a\r\n b\r\nHello there\r\nfriend: x\r\n"
            part = scan(data)
            self.assertEqual(headers(data, part), [("Subject", b" a\r\n b")])
            self.assertEqual(body(data, part), b"Hello there\r\nfriend: x\r\n")
        data = b"Content-Type: multipart/mixed; boundary=x\n\n--x\nA: b\nhello\n--x--\n"
        (part,) = scan(data).children
        self.assertEqual((headers(data, part), body(data, part)), ([("A", b" b")], b"hello"))

    def test_only_a_header(self) -> None:
        for data in (b"A: b", b"A: b\r\n", b"A: b\r\n\r\n", b"A: b\n c\n"):
            part = scan(data)
            self.assertEqual((part.body_start, part.body_end), (len(data), len(data)))

    def test_white_space_behind_a_delimiter(self) -> None:
        data = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x \t\r\n\r\na\r\n--x-- \r\n"
        self.assertEqual(body(data, scan(data).children[0]), b"a")

    def test_missing_end(self) -> None:
        data = b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\nthe rest\n"
        self.assertEqual(body(data, scan(data).children[0]), b"the rest\n")

    def test_multipart_without_boundary_is_a_leaf(self) -> None:
        for boundary in ("", "; boundary=", '; boundary=""', "; charset=x"):
            root = scan(entity({"Content-Type": "multipart/mixed" + boundary}, b"--\r\n\r\nx"))
            self.assertEqual(outline(root), [("", "multipart/mixed")])

    def test_digest(self) -> None:
        """RFC 2046 section 5.1.5: the default type in a digest is message/rfc822."""
        root = scan(multipart("digest", b"\r\nSubject: one\r\n\r\ntext", leaf("text/plain")))
        self.assertEqual(
            [part.content_type for part in root.walk()],
            ["multipart/digest", "message/rfc822", "text/plain", "text/plain"],
        )

    def test_encoded_message_is_a_leaf(self) -> None:
        root = scan(in_base64("message/rfc822", samples.PLAIN))
        self.assertIsNone(root.message)
        self.assertEqual(decoded_body(b"", root, 10), b"")

    def test_no_header_at_all(self) -> None:
        for text in (b"just text\nand more\n\nend", b" indented", b"-- \n"):
            self.assertEqual(scan(text).body_start, 0)
        self.assertEqual(scan(b"\r\nbody").body_start, 2)
        self.assertEqual(outline(scan(b"")), [("1", "text/plain")])

    def test_mbox_line(self) -> None:
        data = b"From joe Fri Nov 20 11:00:00 2026\nSubject: x\n\nbody"
        self.assertEqual(headers(data, scan(data)), [("Subject", b" x")])

    def test_memoryview(self) -> None:
        data = samples.FILENAMES
        root = scan(memoryview(data))
        self.assertEqual(root, scan(data))
        pdf = root.children[1]
        self.assertEqual(decoded_body(memoryview(data), pdf, 99), b"%PDF")
        self.assertEqual(headers(memoryview(data), pdf), headers(data, pdf))


class AsWritten(SynchronousTestCase):
    """A message written by the rules is found as it was written."""

    @settings(max_examples=150, deadline=None)
    @given(TREES)
    def test_trees(self, tree: Tree) -> None:
        data = written(tree)
        root = scan(data)
        self.assertEqual(found(data, root), tree)
        theirs = [part.get_content_type() for part in message_from_bytes(data).walk()]
        self.assertEqual([part.content_type for part in root.walk()], theirs)


class Fields(SynchronousTestCase):
    def test_raw_values(self) -> None:
        data = b"A: one\r\n two\r\nb:x\r\nBad line\r\nC : y \r\nA:\r\n\r\nD: no"
        self.assertEqual(
            headers(data, scan(data)),
            [("A", b" one\r\n two"), ("b", b"x"), ("C", b" y "), ("A", b"")],
        )

    def test_filenames(self) -> None:
        names = [part.filename for part in scan(samples.FILENAMES).children]
        self.assertEqual(
            names,
            [None, "日本 plan für.pdf", "grüße.png", 'pass"wd.csv', "my report (final).log"],
        )

    def test_hostile_filenames(self) -> None:
        for given_name, expected in (
            ("../../etc/passwd", "passwd"),
            ("C:\\Windows\\x.exe", "x.exe"),
            ("..", None),
            ("/", None),
            ("a\x00b\x1fc.txt", "abc.txt"),
            ("txt.\u202egpj.exe", "txt.gpj.exe"),
            ("x" * 400 + ".pdf", "x" * 251 + ".pdf"),
        ):
            quoted = given_name.replace("\\", "\\\\")
            part = scan(leaf("text/x", disposition=f'attachment; filename="{quoted}"'))
            self.assertEqual(part.filename, expected)

    def test_encoded_line_break_in_a_parameter(self) -> None:
        part = scan(leaf("text/x; x*=utf-8''a%0D%0ABcc%3A%20b; y==?utf-8?q?a=0D=0AB?="))
        self.assertEqual(dict(part.params), {"x": "aBcc: b", "y": "a B"})

    def test_rfc2231_out_of_order_and_language(self) -> None:
        value = "text/x; t*2=c; t*1*=%62; t*0*=us-ascii'en'a; u*=iso-8859-1'de'%FC; v*='x"
        self.assertEqual(dict(scan(leaf(value)).params), {"t": "abc", "u": "ü", "v": "'x"})

    def test_types(self) -> None:
        for value, kind, charset in (
            ("TEXT/Html; Charset=UTF-8", "text/html", "utf-8"),
            ("text", "text/plain", "us-ascii"),
            ("", "text/plain", "us-ascii"),
            ("/", "text/plain", "us-ascii"),
            ("image/png", "image/png", None),
            ('text/plain; charset="utf-8" (comment)', "text/plain", "utf-8"),
            ("text/plain; charset=utf-8 (comment)", "text/plain", "utf-8"),
            ("text/plain;;; charset = utf-8;", "text/plain", "utf-8"),
        ):
            part = scan(leaf(value))
            self.assertEqual((part.content_type, part.charset), (kind, charset), value)

    def test_others(self) -> None:
        part = scan(
            leaf(
                "image/png",
                disposition="INLINE; x=y",
                Content_ID=" <logo@x> ",
                Content_Language="de, en",
                Content_Location="http://example.org/a\r\n b",
                Content_Description="=?utf-8?q?gr=C3=BCn?=",
                Content_Transfer_Encoding="BASE64",
            )
        )
        self.assertEqual(part.disposition, "inline")
        self.assertEqual(part.cid, "logo@x")
        self.assertEqual(part.language, ("de", "en"))
        self.assertEqual(part.location, "http://example.org/ab")
        self.assertEqual(part.description, "grün")
        self.assertEqual(part.encoding, "base64")

    def test_first_of_repeated_fields_counts(self) -> None:
        data = b"Content-Type: text/html\nContent-Type: text/plain\n\nx"
        self.assertEqual(scan(data).content_type, "text/html")


class Json(SynchronousTestCase):
    def test_round_trip(self) -> None:
        for data in samples.ALL:
            part = scan(data)
            again = Part.from_json(json.loads(json.dumps(part.to_json())))
            self.assertEqual(again, part)

    def test_unknown_keys_are_ignored(self) -> None:
        """A newer version's value can be read by an older one."""
        value = scan(samples.PLAIN).to_json() | {"invented": 1}
        self.assertEqual(Part.from_json(value), scan(samples.PLAIN))


class Limits(SynchronousTestCase):
    def test_depth(self) -> None:
        deep = leaf("text/plain", b"bottom")
        for _ in range(1000):
            deep = multipart("mixed", deep)
        parts = list(scan(deep).walk())
        self.assertEqual(len(parts), 100)
        self.assertEqual([part.truncated for part in parts], [False] * 99 + [True])
        json.dumps(parts[0].to_json())

    def test_depth_of_messages(self) -> None:
        parts = list(scan(b"Content-Type: message/rfc822\r\n\r\n" * 1000).walk())
        self.assertEqual(len(parts), 100)
        self.assertTrue(parts[-1].truncated)

    def test_number_of_parts(self) -> None:
        body = b"--x\r\n\r\nhello\r\n" * 100_000 + b"--x--\r\nepilogue"
        data = entity({"Content-Type": "multipart/mixed; boundary=x"}, body)
        root = scan(data)
        self.assertEqual(len(root.children), 1999)
        self.assertTrue(root.truncated)
        self.assertEqual(root.body_end, len(data))
        self.assertEqual(root.children[-1].size, 5)

    def test_header_octets(self) -> None:
        data = b"X: y\r\n" * 1000 + b"Content-Type: text/html\r\n\r\nbody"
        part = scan(data, MimeLimits(header_bytes=600))
        self.assertEqual((part.content_type, part.truncated), ("text/plain", True))
        self.assertEqual(data[part.body_start :], b"body")
        self.assertEqual(len(headers(data, part, MimeLimits(header_bytes=600))), 100)

    def test_line(self) -> None:
        data = b"Content-Type: text/plain; a=" + b"b" * 1000 + b"; charset=utf-8\r\n\r\n"
        self.assertEqual(scan(data, MimeLimits(line=100)).charset, "us-ascii")


WORDS = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=x\r\n", b"Content-Type: message/rfc822\r\n",
        b"Content-Type: multipart/digest; boundary=y\n", b"--x\r\n", b"--x--\r\n", b"--y\n",
        b"--y--", b"\r\n", b"\n", b"\r", b"--", b"text", b"Subject: =?utf-8?q?=E4?=\r\n", b" ",
        b"Content-Transfer-Encoding: base64\r\n", b"QUJD", b"=", b"\x00", b"\xff", b": ",
        b"Content-Disposition: attachment; filename*0*=a'b'%FF; filename*1=\"\r\n", b";",
    ]
)  # fmt: skip
MAILISH = st.one_of(st.binary(max_size=200), st.lists(WORDS, max_size=40).map(b"".join))


class Anything(SynchronousTestCase):
    """Whatever the octets, the scanner gives a tree that fits them."""

    def check(self, part: Part, low: int, high: int) -> None:
        self.assertLessEqual(low, part.header_start)
        self.assertLessEqual(part.header_start, part.body_start)
        self.assertLessEqual(part.body_start, part.body_end)
        self.assertLessEqual(part.body_end, high)
        self.assertLessEqual(0, part.size)
        inner = part.children if part.message is None else (*part.children, part.message)
        place = part.body_start
        for each in inner:
            self.check(each, place, part.body_end)
            place = each.body_end

    @settings(max_examples=500, deadline=None)
    @given(MAILISH)
    @example(b"--x\n")
    @example(
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n"
        b"Content-Type: multipart/mixed; boundary=y\n\n--y\n\n--x\n"
    )
    @example(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x--")
    @example(b"Content-Type:multipart/x;boundary=y\nContent-Transfer-Encoding:base64\n--y")
    def test_offsets_are_nested(self, data: bytes) -> None:
        root = scan(data)
        self.check(root, 0, len(data))
        self.assertEqual(root.body_end, len(data))
        for part in root.walk():
            self.assertEqual(len(decoded_body(data, part, 1 << 20)), part.size)
            text, _ = text_of(data, part, 50)
            self.assertLessEqual(len(text), 50)
            text.encode()
            self.assertNotIn("\0", text)
            headers(data, part)
        self.assertEqual(Part.from_json(json.loads(json.dumps(root.to_json()))), root)

    @settings(max_examples=300, deadline=None)
    @given(MAILISH, st.integers(1, 4), st.integers(1, 5), st.integers(0, 60))
    def test_within_small_limits(self, data: bytes, depth: int, parts: int, octets: int) -> None:
        root = scan(data, MimeLimits(depth, parts, octets, octets))
        self.check(root, 0, len(data))
        self.assertLessEqual(sum(1 for _ in root.walk()), parts)
