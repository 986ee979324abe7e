"""Decoding in pieces gives what decoding the whole gives."""

from __future__ import annotations

import base64
import quopri

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.transfer import decoded_pieces, decoded_size
from mailim.wire.transfer_stream import TransferDecoder

ENCODINGS = st.sampled_from(["base64", "quoted-printable", "7bit", "x-unknown"])
CUTS = st.lists(st.integers(1, 30), max_size=20)
TRICKY = st.lists(
    st.sampled_from([b"QUJD", b"Q", b"=", b"==", b"\n", b"\r\n", b" ", b"=4", b"1", b"=\r\n", b"!"])
).map(b"".join)


def in_pieces(data: bytes, cuts: list[int], encoding: str) -> bytes:
    decoder = TransferDecoder(encoding)
    result = b""
    for cut in cuts:
        result += decoder.feed(data[:cut])
        data = data[cut:]
    return result + decoder.feed(data) + decoder.finish()


class TransferStreamTests(SynchronousTestCase):
    @given(TRICKY | st.binary(max_size=300), CUTS, ENCODINGS)
    def test_the_same_as_whole(self, data: bytes, cuts: list[int], encoding: str) -> None:
        whole = b"".join(decoded_pieces(data, 0, len(data), encoding))
        self.assertEqual(in_pieces(data, cuts, encoding), whole)
        self.assertEqual(len(whole), decoded_size(data, 0, len(data), encoding))

    @given(st.binary(max_size=300), CUTS)
    def test_what_others_encoded(self, data: bytes, cuts: list[int]) -> None:
        self.assertEqual(in_pieces(base64.encodebytes(data), cuts, "base64"), data)
        quoted = quopri.encodestring(data, quotetabs=True)
        self.assertEqual(in_pieces(quoted, cuts, "quoted-printable"), data)

    def test_a_line_without_end_is_not_kept_for_ever(self) -> None:
        decoder = TransferDecoder("quoted-printable")
        given = sum(len(decoder.feed(b"a=3D" * 16384)) for _ in range(100))
        self.assertGreater(given, 2 * 16384 * 95)
        self.assertEqual(given + len(decoder.finish()), 2 * 16384 * 100)
