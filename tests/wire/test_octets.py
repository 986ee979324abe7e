"""A mapped file gives the same facts as the same octets in memory."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.message import describe
from mailim.wire.mime import decoded_body, headers, text_of
from mailim.wire.octets import mapped

PIECES = (
    b"--q\r\n", b"--q--\r\n", b"\r\n", b"\n", b"text\r\n", b"Content-Type: text/html\r\n\r\n",
    b"Content-Type: multipart/mixed; boundary=r\r\n\r\n", b"--r\r\n", b"QUJD\r\n", b"=C3=A4\r\n",
    b"Content-Transfer-Encoding: base64\r\n\r\n", b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", b"Subject: x\r\n", b"\0\xff",
)  # fmt: skip


class MappedTest(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "mail"

    def test_same_facts(self) -> None:
        pick = random.Random(1)
        for _ in range(300):
            data = b"Subject: s\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n"
            data = pick.choice((data, b"--q\r\n", b"\n", b"x")) + b"".join(
                pick.choices(PIECES, k=pick.randint(0, 12))
            )
            self.path.write_bytes(data)
            facts = describe(data)
            with mapped(self.path) as octets:
                self.assertEqual(describe(octets), facts, data)
                for part in facts.structure.walk():
                    self.assertEqual(headers(octets, part), headers(data, part))
                    self.assertEqual(decoded_body(octets, part, 9), decoded_body(data, part, 9))
                    self.assertEqual(text_of(octets, part, 9), text_of(data, part, 9))

    def test_long_lines_are_counted(self) -> None:
        data = b"Subject: s\r\n\r\n" + (b"y" * 700_000 + b"\n") * 4
        self.path.write_bytes(data)
        with mapped(self.path) as octets:
            self.assertEqual(describe(octets), describe(data))
            self.assertEqual(describe(octets).structure.lines, 4)

    def test_found_wherever_it_stands(self) -> None:
        """Also across the borders of the pieces that are searched one by one."""
        mega = 1 << 20
        data = bytearray(b"x" * (3 * mega))
        for place in (0, 5, mega - 2, 2 * mega - 1, 2 * mega, 3 * mega - 3):
            data[place : place + 3] = b"\n--"
        self.path.write_bytes(data)
        plain = bytes(data)
        with mapped(self.path) as octets:
            for start in (0, 1, 5, 6, mega - 2, mega - 1, mega, 2 * mega, 3 * mega - 4, 4 * mega):
                for end in (None, start, start + 2, mega, mega + 1, 2 * mega + 1, 9 * mega):
                    self.assertEqual(
                        octets.find(b"\n--", start, end), plain.find(b"\n--", start, end)
                    )

    def test_what_was_searched_is_let_go_of(self) -> None:
        """Looking through 64 MB keeps less than 8 MB of them resident, whatever they are."""
        for encoding in (b"7bit", b"base64", b"quoted-printable"):
            self.look(b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n")

    def look(self, header: bytes) -> None:
        self.path.write_bytes(header + (b"y" * 76 + b"\r\n") * 820_000)

        def resident() -> int:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssFile:"):
                    return int(line.split()[1]) * 1024
            raise AssertionError("no RssFile")

        with mapped(self.path) as octets:
            before = resident()
            describe(octets)
            self.assertLess(resident() - before, 8_000_000)
