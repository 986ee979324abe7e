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
