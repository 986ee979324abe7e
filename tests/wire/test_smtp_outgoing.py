"""Nothing in a message may end it early, whatever was stored and wherever pieces end."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.smtp_outgoing import Needs, NeedsSeeker, OutgoingBody


def encoded(*pieces: bytes) -> bytes:
    body = OutgoingBody()
    return b"".join([*map(body.feed, pieces), body.finish()])


def received(wire: bytes) -> bytes:
    """Read as RFC 5321 4.5.2 says; the end of data must be the end."""
    lines = wire.split(b"\r\n")
    assert lines[-2:] == [b".", b""], lines[-3:]
    assert b"." not in lines[:-2], "ended early"
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:-2])


def normalised(data: bytes) -> bytes:
    whole = re.sub(rb"\r\n|\r|\n", b"\r\n", data)
    return whole if not whole or whole.endswith(b"\r\n") else whole + b"\r\n"


ENDINGS = (
    b"\r\n.\r\n", b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r",
    b"\n\n.\r\n", b"\r\n\x00.\r\n", b"\r\r\n.\r\r\n",
)  # fmt: skip


class OutgoingBodyTest(SynchronousTestCase):
    def test_plain(self) -> None:
        self.assertEqual(encoded(b"a\r\n.b\r\n..\r\nc"), b"a\r\n..b\r\n...\r\nc\r\n.\r\n")
        self.assertEqual(encoded(), b".\r\n")
        self.assertEqual(encoded(b""), b".\r\n")
        self.assertEqual(encoded(b"."), b"..\r\n.\r\n")
        self.assertEqual(encoded(b"a\r"), b"a\r\n.\r\n")

    def test_endings_that_smuggle(self) -> None:
        """RFC 5321 2.3.8; each ending at every place, in every two and three pieces."""
        for ending in ENDINGS:
            data = b"x" + ending + b"MAIL FROM:<evil@x>\r\n"
            for at in range(len(data) + 1):
                for then in range(at, len(data) + 1):
                    wire = encoded(data[:at], data[at:then], data[then:])
                    self.assertEqual(received(wire), normalised(data), (ending, at, then))
                    self.assertNotRegex(wire, rb"\r(?!\n)|(?<!\r)\n")

    def test_dots_at_every_border(self) -> None:
        """A line of a dot around each border of pieces from 1 to 65,537 octets."""
        line = b"x" * 65_537
        for size in range(1, 65_538):
            # Up to 300, every place of the dot near the border; then each in its turn.
            for before in range(min(size, 4)) if size <= 300 else (size % 4,):
                data = line[: size - before - 1] + b"\r\n.\r\nMAIL"
                wire = encoded(data[:size], data[size:])
                self.assertEqual(wire[size - before - 1 :], b"\r\n..\r\nMAIL\r\n.\r\n")

    def test_one_octet_pieces(self) -> None:
        data = b".a\r\n..\r\n\r\n.\r\n\n.\n\r.\r"
        pieces = [bytes([octet]) for octet in data]
        self.assertEqual(encoded(*pieces), encoded(data))

    @settings(max_examples=300)
    @given(st.lists(st.text(alphabet="\r\n.xé\0").map(str.encode), max_size=8))
    def test_any_octets_in_any_pieces(self, pieces: list[bytes]) -> None:
        wire = encoded(*pieces)
        self.assertEqual(wire, encoded(b"".join(pieces)))
        self.assertEqual(received(wire), normalised(b"".join(pieces)))
        self.assertNotRegex(wire, rb"\r(?!\n)|(?<!\r)\n")


class NeedsTest(SynchronousTestCase):
    def needs(self, data: bytes, size: int) -> Needs:
        seeker = NeedsSeeker()
        for at in range(0, len(data), size):
            seeker.feed(data[at : at + size])
        return seeker.needs

    def test_found(self) -> None:
        for size in (1, 2, 3, 5, 1000):
            for data, eight_bit, utf8_header in (
                (b"Subject: a\r\n\r\nbody\r\n", False, False),
                (b"Subject: a\r\n\r\nb\xc3\xa9\r\n", True, False),
                (b"Subject: \xc3\xa9\r\n\r\nbody", True, True),
                (b"Subject: a\n\nb\xc3\xa9", True, False),
                (b"Subject: \xc3\xa9", True, True),
            ):
                self.assertEqual(self.needs(data, size), Needs(eight_bit, utf8_header), data)
