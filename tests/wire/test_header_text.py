"""Charsets, encoded words and the parsed header forms of RFC 8621 section 4.1.2."""

from __future__ import annotations

import encodings

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.charsets import codec_name, decode
from mailim.wire.encoded_words import decode_words
from mailim.wire.header_forms import HeaderForm, header_as


def one(form: HeaderForm, raw: bytes) -> object:
    (value,) = header_as(form, [raw])
    return value


class Charsets(SynchronousTestCase):
    def test_names(self) -> None:
        for name, codec in (
            ("UTF-8", "utf_8"),
            ("utf8", "utf_8"),
            ("US-ASCII", "ascii"),
            ("iso-8859-1", "cp1252"),
            ("ISO_8859-15", "iso8859_15"),
            ("windows-1252", "cp1252"),
            ("GB2312", "gb18030"),
            ("ks_c_5601-1987", "cp949"),
            ("Shift_JIS", "cp932"),
            ("koi8-r", "koi8_r"),
            ("ISO-8859-8-I", "iso8859_8"),
            ("x-mac-cyrillic", "mac_cyrillic"),
        ):
            self.assertEqual(codec_name(name), codec, name)

    def test_every_codec_in_the_table_exists(self) -> None:
        from mailim.wire import charsets

        for codec in set(charsets._NAMES.values()) | set(charsets._GUESSES):
            self.assertIsInstance(b"abc".decode(codec, "replace"), str)

    def test_what_is_no_charset_is_refused(self) -> None:
        for name in ("idna", "punycode", "zlib", "hex", "rot13", "unicode_escape", "mbcs", "", "-"):
            self.assertIsNone(codec_name(name), name)

    def test_unknown_names_leave_nothing_behind(self) -> None:
        """Python's codec registry remembers every unknown name it is asked for."""
        before = len(encodings._cache)
        for number in range(1000):
            decode(b"\xff", f"x-unknown-{number}")
            decode_words(f"=?x-other-{number}?q?a?=")
        self.assertEqual(len(encodings._cache), before)

    @settings(deadline=None)
    @given(st.binary(max_size=64), st.sampled_from(["utf-8", "utf-7", "hz", "gb2312", "x", None]))
    def test_always_text(self, raw: bytes, charset: str | None) -> None:
        for guess in (False, True):
            text, _ = decode(raw, charset, guess=guess)
            text.encode()
            self.assertNotIn("\0", text)


class EncodedWords(SynchronousTestCase):
    def test_examples_of_the_standard(self) -> None:
        """RFC 2047 section 8."""
        for text, expected in (
            ("=?ISO-8859-1?Q?a?=", "a"),
            ("=?ISO-8859-1?Q?a?= b", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a_b?=", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
            ("=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
        ):
            self.assertEqual(decode_words(text), expected, text)

    def test_real_life(self) -> None:
        for text, expected in (
            ("=?utf-8?b?5pel5pys6Kqe?=", "日本語"),
            ("=?utf-8?b?5pel5g==?= =?utf-8?b?nKzoqp4=?=", "日本語"),
            ("=?utf-8?q?=E6=97?= =?UTF-8?q?=A5?=", "日"),
            ("=?utf-8?q?spaces in it?=", "spaces in it"),
            ("x=?utf-8?q?glued?=y", "xgluedy"),
            ("=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本"),
            ("=?utf-8?b?YQ?=", "a"),
            ("=?utf-8?q?u=CC=88?=", "ü"),  # NFC
        ):
            self.assertEqual(decode_words(text), expected, text)

    def test_not_understood_stays(self) -> None:
        for text in (
            "=?klingon?q?a?=", "=?utf-8?x?a?=", "=?utf-8?q?a", "=?", "?=", "=??q?a?=",
            "=?klingon?q?a?= =?utf-8?z?b?=",
        ):  # fmt: skip
            self.assertEqual(decode_words(text), text)

    def test_no_line_break_and_no_nul_comes_out(self) -> None:
        self.assertEqual(decode_words("=?utf-8?q?a=0D=0ABcc=3A_x=00y?="), "a Bcc: xy")

    @settings(max_examples=300, deadline=None)
    @given(st.text("=?utf-8qb_ \r\n\0é=4AJ", max_size=60))
    def test_anything(self, text: str) -> None:
        decoded = decode_words(text)
        self.assertFalse(set(decoded) & set("\r\n\0"))


class Forms(SynchronousTestCase):
    def test_raw(self) -> None:
        self.assertEqual(one(HeaderForm.RAW, b" a\r\n b\xff\x00"), " a\r\n b\ufffd")

    def test_text(self) -> None:
        self.assertEqual(
            one(HeaderForm.TEXT, b"  =?utf-8?q?gr=C3=BCn?=\r\n\tund blau\r\n"), "grün\tund blau"
        )
        self.assertEqual(one(HeaderForm.TEXT, "für".encode("cp1252")), "für")

    def test_addresses(self) -> None:
        raw = b"A <a@b.c>, G: d@e.f;"
        self.assertEqual(
            one(HeaderForm.ADDRESSES, raw),
            [{"name": "A", "email": "a@b.c"}, {"name": None, "email": "d@e.f"}],
        )
        self.assertEqual(
            one(HeaderForm.GROUPED_ADDRESSES, raw),
            [
                {"name": None, "addresses": [{"name": "A", "email": "a@b.c"}]},
                {"name": "G", "addresses": [{"name": None, "email": "d@e.f"}]},
            ],
        )

    def test_message_ids(self) -> None:
        for raw, expected in (
            (b"<a@b>", ["a@b"]),
            (b" <a@b> (c)\r\n <c d@\r\n e>", ["a@b", "cd@e"]),
            (b"Your mail of Friday <x.y@z>", ["x.y@z"]),
            (b"naked@id", ["naked@id"]),
            (b"nothing", None),
            (b"<>", None),
            (b"<a\x01\x00b@c>", ["ab@c"]),
        ):
            self.assertEqual(one(HeaderForm.MESSAGE_IDS, raw), expected, raw)

    def test_date(self) -> None:
        for raw, expected in (
            (b"Fri, 20 Nov 2026 11:55:06 +0100", "2026-11-20T11:55:06+01:00"),
            (b"20 Nov 2026 11:55:06 -0000 (UTC)", "2026-11-20T11:55:06Z"),
            (b"Fri, 20 Nov 2026 11:55:06 GMT", "2026-11-20T11:55:06Z"),
            (b"Thu, 31 Feb 2026 11:55:06 GMT", None),
            (b"Fri, 20 Nov 2026 25:61:00 GMT", None),
            (b"20 Nov 2026 11:55:06 +9999", None),
            (b"20 Nov 99999 11:55:06 +0000", None),
            (b"yesterday", None),
            (b"", None),
            (b"1" * 10_000, None),
        ):
            self.assertEqual(one(HeaderForm.DATE, raw), expected, raw)

    def test_urls(self) -> None:
        self.assertEqual(
            one(HeaderForm.URLS, b"<mailto:a@b?subject=x>,\r\n <https://x.example/\r\n y> (web)"),
            ["mailto:a@b?subject=x", "https://x.example/y"],
        )
        self.assertIsNone(one(HeaderForm.URLS, b"NO"))

    def test_every_value_counts(self) -> None:
        self.assertEqual(header_as(HeaderForm.TEXT, [b" a", b" b"]), ["a", "b"])

    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from(HeaderForm),
        st.one_of(
            st.binary(max_size=80), st.text("0123456789:+- FriNov,<>@", max_size=40).map(str.encode)
        ),
    )
    def test_never_raises(self, form: HeaderForm, raw: bytes) -> None:
        header_as(form, [raw])
