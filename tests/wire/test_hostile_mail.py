"""Mail made to hurt: time stays linear, memory stays flat."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.header_forms import HeaderForm, header_as
from mailim.wire.message import describe
from mailim.wire.mime import MimeLimits, scan, text_of
from mailim.wire.pop3 import Command, Pop3Client, Pop3ProtocolError
from tests.wire import samples
from tests.wire.memory import grown

MULTIPART = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
HTML = b"Content-Type: text/html\r\n\r\n"

# Each gives a message of about n octets or a few times that.
MESSAGES: dict[str, Callable[[int], bytes]] = {
    "parts": lambda n: MULTIPART + b"--x\r\n\r\na\r\n" * (n // 10),
    "parts without blank lines": lambda n: MULTIPART + b"--x\r\na: b\r\n" * (n // 10),
    "lines like delimiters": lambda n: MULTIPART + b"--\n" * (n // 3),
    "long lines like delimiters": lambda n: MULTIPART + (b"--" + b"y" * 300 + b"\n") * (n // 300),
    "nested": lambda n: b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (i, i) for i in range(n // 50)
    ),
    "nested messages": lambda n: b"Content-Type: message/rfc822\n\n" * (n // 30),
    "header fields": lambda n: b"X: y\n" * (n // 5),
    "folded lines": lambda n: b"Subject: y\n" + b" y\n" * (n // 3),
    "white space": lambda n: b"Subject: a" + b" " * n + b"b\n\n",
    "brackets": lambda n: b"Subject: " + b"[]" * (n // 2) + b"\n\n",
    "open brackets": lambda n: b"Subject: " + b"[" * n + b"\n\n",
    "replies": lambda n: b"Subject: " + b"Re: " * (n // 4) + b"\n\n",
    "semicolons": lambda n: b"Content-Type: text/plain" + b"; " * (n // 2) + b"\n\n",
    "open quotes": lambda n: b"Content-Type: text/plain; a=" + b'\\"' * (n // 2) + b"\n\n",
    "parameters": lambda n: b"Content-Type: text/plain" + b"; a*0=b" * (n // 7) + b"\n\n",
    "tags": lambda n: HTML + b"<div>" * (n // 5),
    "formatting tags": lambda n: HTML + b"<b><a><i>" * (n // 9),
    "comments": lambda n: HTML + b"<!--" * (n // 4),
    "attributes": lambda n: HTML + b"<a " + b"a='" * (n // 3),
    "entities": lambda n: HTML + b"&#x41;" * (n // 6),
    "boundary of spaces": lambda n: MULTIPART.replace(b"=x", b'="' + b" " * n + b'"') + b"--\n",
}

VALUES: dict[str, bytes] = {
    "addresses": b"a@b.c, ",
    "commas": b",",
    "open comments": b"(",
    "open quotes": b'"\\"',
    "open angles": b"<",
    "angles with escapes": b"<\\",
    "angles with quotes": b'<"',
    "angles hidden from each other": b'<(\\")',
    "angles hidden otherwise": b'(<"\\"',
    "groups": b"a:;",
    "words": b"a@ ",
    "literals": b"[a",
    "encoded words": b"=?utf-8?q?=E4?= ",
    "encoded words of two charsets": b"=?utf-8?q?=E4?= =?us-ascii?b?/w==?=",
    "beginnings of encoded words": b"=?a?q?",
    "equals and question marks": b"=?",
    "combining marks": "\u0316\u0300".encode(),
    "identifiers": b"<a@b> ",
    "digits": b"1:",
}


def parsed(form: HeaderForm, raw: bytes) -> object:
    return header_as(form, [raw])


def text(data: bytes) -> object:
    return text_of(data, scan(data), 1 << 20)


def seconds(call: Callable[[bytes], object], data: bytes) -> float:
    """Give the shortest of three runs, in processor time of this thread."""
    best = float("inf")
    for _ in range(3):
        start = time.thread_time()
        call(data)
        best = min(best, time.thread_time() - start)
    return best


class LinearTime(SynchronousTestCase):
    """Eight times the input takes about eight times as long, never sixty-four."""

    def check(self, name: str, call: Callable[[bytes], object], small: bytes, large: bytes) -> None:
        for _ in range(3):  # a neighbour on the machine may have been in the way
            few, many = seconds(call, small), seconds(call, large)
            if many < max(few, 0.002) * 24:
                break
        self.assertLess(many, max(few, 0.002) * 24, f"{name}: {few:.4f} s, {many:.4f} s")

    def test_messages(self) -> None:
        limits = MimeLimits(depth=1000, parts=1_000_000, header_bytes=1 << 24, line=1 << 24)
        for name, make in MESSAGES.items():
            self.check(name, describe, make(8_000), make(64_000))
            if not name.startswith("nested"):
                unlimited = partial(scan, limits=limits)
                self.check(f"{name}, without limits", unlimited, make(8_000), make(64_000))

    def test_header_values(self) -> None:
        for name, unit in VALUES.items():
            small, large = unit * (8_000 // len(unit)), unit * (64_000 // len(unit))
            for form in HeaderForm:
                self.check(f"{name} as {form.value}", partial(parsed, form), small, large)

    def test_bodies(self) -> None:
        for encoding in (b"base64", b"quoted-printable"):
            head = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n"
            for unit in (b"A=", b"=", b"=\r", b"=\r\n", b"A\n", b"=41"):
                name = f"{unit!r} in {encoding.decode()}"
                self.check(name, text, head + unit * 4_000, head + unit * 32_000)


class FlatMemory(SynchronousTestCase):
    """Bad input, 10,000 times: at most 5 MB more memory."""

    def check(self, once: Callable[[int], None]) -> None:
        for number in range(1000):
            once(-number)
        numbers = count()

        def work() -> None:
            for _ in range(10_000):
                once(next(numbers))

        allowed = 5 * 1024 * 1024
        self.assertLess(grown(work, allowed), allowed)

    def test_bad_mail(self) -> None:
        bad = [make(400) for make in MESSAGES.values()] + samples.ALL[:4]

        def once(number: int) -> None:
            # Names nobody knows, other ones each time: a cache without limit would grow.
            head = b"X-%d: y\r\nSubject: =?x-%d?q?a?=\r\nFrom: a%d@b\r\n" % ((number,) * 3)
            describe(head + bad[number % len(bad)])
            describe(b"Content-Type: text/plain; charset=x-%d\r\n\r\n%d\xff" % (number, number))

        self.check(once)

    def test_bad_servers(self) -> None:
        bad = [
            b"220 no POP3\r\n", b"+OK\r\n+OK\r\n", b"+OK" * 3000, b"+OK\r\n-ERR\r\n.\r\n",
            b"+OK hi\r\n+OK\r\n" + b"1 a\r\n" * 50, b"+OK\r\n+OK\r\n.\r\n+OK\r\n\x00\r\n..\r\n",
        ]  # fmt: skip

        def once(number: int) -> None:
            client = Pop3Client()
            client.send(Command.uidl())
            client.send(Command.retr(abs(number)))
            try:
                client.feed(bad[number % len(bad)])
                client.eof()
            except Pop3ProtocolError:
                return
            self.fail("two answers cannot be complete")

        self.check(once)
