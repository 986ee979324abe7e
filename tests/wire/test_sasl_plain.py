"""SASL PLAIN: RFC 4616."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.sasl_plain import PlainError, parse_plain
from mailim.wire.scram import ScramError


class PlainTests(SynchronousTestCase):
    def test_rfc_4616_section_4(self) -> None:
        self.assertEqual(("", "tim", "tanstaaftanstaaf"), parse_plain(b"\0tim\0tanstaaftanstaaf"))
        self.assertEqual(("Ursel", "Kurt", "xipj3plmq"), parse_plain(b"Ursel\0Kurt\0xipj3plmq"))

    def test_not_ascii(self) -> None:
        self.assertEqual(("", "ü", " é "), parse_plain("\0ü\0 é ".encode()))

    def test_refused(self) -> None:
        long = b"x" * 1024
        for data in [
            b"", b"\0", b"\0\0", b"\0a\0", b"\0\0b", b"a\0b", b"a", b"\0a\0b\0", b"\0a\0b\0c",
            b"\0a\0\xff", b"\xff\0a\0b", b"\0\xed\xa0\x80\0b", b"\0" + long + b"\0b",
            b"\0a\0" + long, long + b"\0a\0b", b"\0a\0" + b"x" * 10_000,
        ]:  # fmt: skip
            error = self.assertRaises(PlainError, parse_plain, data)
            self.assertEqual("malformed-request", error.sasl_condition)
            self.assertIsInstance(error, ScramError)

    @given(st.binary(max_size=40))
    def test_garbage(self, data: bytes) -> None:
        try:
            self.assertEqual(data, "\0".join(parse_plain(data)).encode())
        except PlainError:
            pass
