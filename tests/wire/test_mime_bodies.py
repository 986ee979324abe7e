"""Bodies of parts: transfer encodings and charsets, decoded as well as may be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire import transfer
from mailim.wire.mime import decoded_body, scan, text_of
from mailim.wire.transfer import decoded_pieces, decoded_size
from tests.wire import samples
from tests.wire.samples import in_base64, leaf


class Bodies(SynchronousTestCase):
    def decoded(self, encoding: str, raw: bytes, limit: int = 1 << 20) -> bytes:
        data = leaf("application/x", raw, Content_Transfer_Encoding=encoding)
        part = scan(data)
        result = decoded_body(data, part, limit)
        if limit == 1 << 20:
            self.assertEqual(part.size, len(result))
        return result

    def test_base64(self) -> None:
        for raw, expected in (
            (b"aGVsbG8=", b"hello"),
            (b"aGVs\r\nbG8\r\n", b"hello"),
            (b"aGVsbG8=aGVsbG8=", b"hellohello"),
            (b"aGVsb*G!8=\x00", b"hello"),
            (b"a", b""),
            (b"=", b""),
            (b"====", b""),
        ):
            self.assertEqual(self.decoded("base64", raw), expected)
        footer = self.decoded("base64", b"aGVsbG8=\r\n-- list footer")
        self.assertEqual(footer[:5], b"hello")
        self.assertEqual(self.decoded("base64", b"aGVsbG8=" * 3, 7), b"hellohe")

    def test_base64_over_pieces(self) -> None:
        content = bytes(range(256)) * 5000
        data = in_base64("application/x", content)
        part = scan(data)
        self.assertEqual(part.size, len(content))
        self.assertEqual(decoded_body(data, part, 1 << 30), content)

    def test_quoted_printable(self) -> None:
        for raw, expected in (
            (b"a=3Db=\r\nc=E4", b"a=bc\xe4"),
            (b"soft =  \r\nend", b"soft =  \r\nend"),
            (b"=ZZ =", b"=ZZ "),
            (b"a=\rb=\r\nc=\nd", b"a=\rbcd"),
        ):
            self.assertEqual(self.decoded("quoted-printable", raw), expected)

    def test_quoted_printable_over_pieces(self) -> None:
        for line in (b"=41" * 300_000, b"x=41=\r\n" * 100_000, b"=41" * 24 + b"=\r\n"):
            result = self.decoded("Quoted-Printable", line, 1 << 22)
            self.assertEqual(set(result) - set(b"Ax"), set())
            self.assertEqual(result.count(b"A"), line.count(b"=41"))

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(st.sampled_from([b"A", b"AB", b"=", b"==", b"\n", b"\r\n", b"!"])),
        st.lists(st.sampled_from([b"A", b"=41", b"=\r", b"=\r\n", b"=\n", b"\r", b"\n", b"=Z"])),
    )
    def test_pieces_of_any_size(self, digits: list[bytes], words: list[bytes]) -> None:
        for encoding, raw in (
            ("base64", b"".join(digits)),
            ("quoted-printable", b"".join(words)),
        ):
            whole = b"".join(decoded_pieces(raw, 0, len(raw), encoding))
            self.assertEqual(decoded_size(raw, 0, len(raw), encoding), len(whole))
            self.patch(transfer, "PIECE", 7)
            self.assertEqual(b"".join(decoded_pieces(raw, 0, len(raw), encoding)), whole)
            self.assertEqual(decoded_size(raw, 0, len(raw), encoding), len(whole))
            self.patch(transfer, "PIECE", 1 << 18)

    def test_identity_and_unknown(self) -> None:
        for encoding in ("7bit", "binary", "x-uuencode", "nonsense"):
            self.assertEqual(self.decoded(encoding, b"a=3D\x00"), b"a=3D\x00")

    def text(self, data: bytes, limit: int = 1000) -> tuple[str, bool]:
        return text_of(data, scan(data), limit)

    def test_charsets(self) -> None:
        self.assertEqual(self.text(samples.JAPANESE), ("日本語のテキスト\n", False))
        self.assertEqual(self.text(samples.MISLABELLED), ("“5 €” – fünf\n", False))
        self.assertEqual(self.text(samples.CHINESE), ("我们的项目进展顺利，𠮷\n", False))

    def test_problems_are_told(self) -> None:
        for value, raw, expected in (
            ("text/plain", "für".encode(), "für"),
            ("text/plain; charset=klingon", "für".encode(), "für"),
            ("text/plain; charset=utf-8", b"a\xffb", "a\ufffdb"),
            ("text/plain; charset=utf-8", "für".encode("latin-1"), "für"),
            ("text/plain; charset=idna", b"abc", "abc"),
            ("text/plain; charset=zlib", b"abc", "abc"),
            ("text/plain; charset=unicode_escape", b"\\u0041", "\\u0041"),
        ):
            text, problem = self.text(leaf(value, raw))
            self.assertTrue(problem, value)
            if b"\xff" not in raw and b"\xfc" not in raw:
                self.assertEqual(text, expected)
        self.assertTrue(self.text(leaf("text/plain", b"x", Content_Transfer_Encoding="nope"))[1])

    def test_russian_without_label_is_guessed(self) -> None:
        words = "Добрый день, посылаю вам документы по нашему договору. " * 5
        data = leaf("text/plain; charset=x-nothing", words.encode("koi8_r"))
        self.assertEqual(self.text(data)[0], words)

    def test_html_says_its_own_charset(self) -> None:
        page = '<html><META http-equiv=x content="text/html; charset=windows-1251">Да'
        text, problem = self.text(leaf("text/html", page.encode("cp1251")))
        self.assertTrue(text.endswith("Да"))
        self.assertTrue(problem)

    def test_cut_inside_a_character_is_no_problem(self) -> None:
        for charset in ("utf-8", "gb18030", "shift_jis", "iso-2022-jp", "utf-16", "utf-16-le"):
            data = leaf(f"text/plain; charset={charset}", ("日本" * 500).encode(charset))
            for limit in range(5):
                text, problem = self.text(data, limit)
                self.assertEqual((text, problem), (("日本" * 3)[:limit], False), charset)

    def test_nul_and_line_ends(self) -> None:
        self.assertEqual(self.text(leaf("text/plain", b"a\x00b\r\nc\rd\n"))[0], "ab\nc\nd\n")
        surrogate = leaf("text/plain; charset=utf-7", b"a+2AA-b")
        self.assertEqual(self.text(surrogate)[0].replace("\ufffd", "")[0], "a")
        self.text(surrogate)[0].encode()

    def test_byte_order_mark_is_no_text(self) -> None:
        self.assertEqual(
            self.text(leaf("text/plain; charset=utf-8", b"\xef\xbb\xbfhi")), ("hi", False)
        )
