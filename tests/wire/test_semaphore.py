"""Semaphore files: what is read, and what is refused for which reason."""

from __future__ import annotations

import random

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Invalid
from mailim.wire.semaphore import MAX_OCTETS, MAX_RECIPIENTS, parse_semaphore

HEAD = b"To: bob@example.test\nFrom: backup.test\n\n"

READ = (  # file, recipients, sender, text
    (HEAD + b"Hello", ("bob@example.test",), "backup.test", "Hello"),
    (HEAD.replace(b"\n", b"\r\n") + b"One\r\nTwo\r\n", ("bob@example.test",), "backup.test",
     "One\nTwo"),
    (HEAD.replace(b"\n", b"\r") + b"One\rTwo\r", ("bob@example.test",), "backup.test",
     "One\nTwo"),
    (b"\xef\xbb\xbf" + HEAD + "Grüße 🦊".encode(), ("bob@example.test",), "backup.test",
     "Grüße 🦊"),
    (HEAD + "Grüße – €".encode("cp1252"), ("bob@example.test",), "backup.test", "Grüße – €"),
    # As the manual prints it, with its comments and its indentation.
    (b"    To: Arvel@Example.test    ; who gets it\r\n    From: arvel@example.test  ; who sends"
     b"\r\n\r\n    Text ; of the message\r\n", ("arvel@example.test",), "arvel@example.test",
     "    Text ; of the message"),
    (b"FROM:a@b.test\nto:x@y.test,z@y.test , x@Y.test\nTO: q@y.test\n \t\nx\n\ny",
     ("x@y.test", "z@y.test", "q@y.test"), "a@b.test", "x\n\ny"),
    (b"To: Bob <bob@example.test>\nFrom: <backup@example.test>\n\nx\x1a",
     ("bob@example.test",), "backup@example.test", "x"),
    ("To: bob@exämple.test\nFrom: exämple.test\n\nx".encode(), ("bob@xn--exmple-cua.test",),
     "xn--exmple-cua.test", "x"),
    (HEAD + b"\n\nTo: nobody\n", ("bob@example.test",), "backup.test", "To: nobody"),
)  # fmt: skip

REFUSED = (  # file, what the reason says
    (b"", "To is missing"),
    (b"\n\n\n", "To is missing"),
    (b"\nTo: bob@example.test\nFrom: x.test\n\nx", "To is missing"),
    (b"To: bob@example.test\n\nx", "From is missing"),
    (b"From: x.test\n\nx", "To is missing"),
    (b"To: \nFrom: x.test\n\nx", "To is missing"),
    (b"To: ;bob@example.test\nFrom: x.test\n\nx", "To is missing"),
    (b"To: bob@example.test\nFrom: x.test", "the empty line"),
    (b"To: bob@example.test\nFrom: x.test\nHello\n\nthere", "neither To nor From"),
    (b"To: bob@example.test\nFrom: x.test\nSubject: y\n\nthere", "neither To nor From"),
    (b"To: bob@example.test\nFrom: x.test\nFrom: y.test\n\nx", "more than one From"),
    (b"To: bob\nFrom: x.test\n\nx", "not an address"),
    (b"To: bob@example.test\nFrom: \n\nx", "not a domain"),
    (b"To: bob@example.test\nFrom: @x\n\nx", "not an address"),
    (b"To: bob@example.test alice@example.test\nFrom: x.test\n\nx", "not an address"),
    (HEAD, "the text is empty"),
    (HEAD + b" \n\t\n", "the text is empty"),
    (HEAD + b"a\x00b", "control character 0x00"),
    (HEAD + b"a\x1b[31mb", "control character 0x1b"),
    (b"\xff\xfe" + HEAD.decode().encode("utf-16-le"), "control character 0x00"),
    (HEAD + b"\x81", "neither UTF-8 nor"),
    (b"\x7fELF\x02\x01\x01" + bytes(64), "control character 0x7f"),
    (HEAD + b"x" * MAX_OCTETS, "more than"),
    (b"To: " + b", ".join(b"u%d@example.test" % n for n in range(MAX_RECIPIENTS + 1))
     + b"\nFrom: x.test\n\nx", "more than"),
)  # fmt: skip


class SemaphoreTests(SynchronousTestCase):
    def test_what_is_read(self) -> None:
        for data, recipients, sender, text in READ:
            found = parse_semaphore(data)
            self.assertEqual((found.recipients, found.sender, found.text),
                             (recipients, sender, text), data)  # fmt: skip

    def test_what_is_refused(self) -> None:
        for data, reason in REFUSED:
            with self.assertRaises(Invalid) as caught:
                parse_semaphore(data)
            self.assertIn(reason, caught.exception.text, data[:80])

    @given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), st.booleans())
    def test_every_text_comes_back(self, text: str, crlf: bool) -> None:
        if not text.strip():
            return
        data = HEAD + text.encode()
        found = parse_semaphore(data.replace(b"\n", b"\r\n") if crlf else data)
        self.assertEqual(found.text, text)

    @given(st.binary() | st.builds(lambda each: HEAD + each, st.binary()))
    @example(b"To:" * 10_000)
    @example(b"\r" * 10_000)
    def test_garbage_is_refused_or_read(self, data: bytes) -> None:
        try:
            found = parse_semaphore(data)
        except Invalid as error:
            self.assertLess(len(error.text), 500)
        else:
            self.assertTrue(found.recipients and found.sender and found.text.strip())

    def test_damaged_files(self) -> None:
        chance = random.Random(7)
        for data, *_ in READ:
            for _ in range(200):
                damaged = bytearray(data)
                for _ in range(chance.randint(1, 4)):
                    damaged[chance.randrange(len(damaged))] = chance.randrange(256)
                try:
                    parse_semaphore(bytes(damaged[: chance.randint(1, len(damaged))]))
                except Invalid:
                    pass
