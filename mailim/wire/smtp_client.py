"""The client's side of SMTP as a machine on bytes: no sockets, no clock.

`send` turns a command into octets and remembers that a reply is due; `feed` takes what
came from the server, in pieces of any size, and gives whole replies in order. Several
commands may be outstanding (PIPELINING, RFC 2920); whether the server likes that is the
caller's business, and so is the message, which `wire.smtp_outgoing` encodes: its reply is
asked for with `expect`.

The first reply is the greeting (verb ""). A 421 may come at any time (RFC 5321 3.8). AUTH
may give replies 334, each answered by `answer` or `cancel`, before its last (RFC 4954 4).

Everything else the standard does not allow raises `SmtpProtocolError`, after which the
machine is dead: the caller closes the connection. RFC 5321, 2034, 3207, 4954.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mailim.errors import MailimError

_REPLY: Final = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED: Final = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)")  # RFC 2034 4
_FORBIDDEN: Final = re.compile(r"[\r\n\x00]")
_ALONE: Final = ("STARTTLS", "AUTH", "QUIT", "DATA", "EHLO", "HELO")  # RFC 2920 3.1
_SHOWN: Final = 80


class SmtpProtocolError(MailimError):
    """The server broke the protocol; the connection cannot be used any more."""

    temporary = True

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.replies: tuple[Reply, ...] = ()  # those that were complete before


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    """What a server may send before it is taken for broken or hostile."""

    line: int = 4096  # octets of a reply line; RFC 5321 4.5.3.1.5 has 512
    auth_line: int = 12_288  # octets of one with a SASL challenge, RFC 4954 4
    lines: int = 128  # of one reply


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply; `lines` without codes, printable, `enhanced` as "5.1.1" or "" (RFC 3463)."""

    verb: str  # of the command it answers; "" for the greeting and a 421 out of turn
    code: int
    enhanced: str
    lines: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """It was done."""
        return 200 <= self.code < 300

    @property
    def temporary(self) -> bool:
        """It was not done for now."""
        return 400 <= self.code < 500

    @property
    def words(self) -> str:
        """The reply in one line, as it may be shown to people."""
        text = " ".join(line for line in self.lines if line)
        return " ".join(part for part in (str(self.code), self.enhanced, text) if part)

    def challenge(self) -> bytes:
        """Give the SASL challenge of a 334; what is no base64 counts as empty."""
        try:
            return base64.b64decode(self.lines[0], validate=True)
        except (binascii.Error, ValueError):
            return b""


class SmtpClient:
    """The machine of one connection."""

    def __init__(self, limits: SmtpLimits | None = None) -> None:
        self._limits = limits or SmtpLimits()
        self._outstanding: deque[str] = deque([""])
        self._buffer = b""
        self._lines: list[bytes] = []  # of the reply under way
        self._code = b""
        self._challenged = False
        self._tls_agreed = False
        self._dead = ""

    @property
    def outstanding(self) -> int:
        """How many replies are due."""
        return len(self._outstanding)

    def send(self, verb: str, arguments: str = "") -> bytes:
        """Give the octets of a command and remember that its reply is due.

        Raises ValueError for CR, LF or NUL in it, RuntimeError where nothing may follow yet.
        """
        self._still_sound()
        if _FORBIDDEN.search(verb + arguments):
            raise ValueError("an SMTP command may not hold CR, LF or NUL")
        if self._outstanding and self._outstanding[-1] in ("", *_ALONE):
            raise RuntimeError(f"{self._outstanding[-1] or 'the greeting'} has no reply yet")
        if self._tls_agreed:
            raise RuntimeError("the server agreed to TLS: call expect_tls first")
        self._outstanding.append(verb)
        return f"{verb} {arguments}".rstrip(" ").encode() + b"\r\n"

    def expect(self, verb: str) -> None:
        """Remember that a reply is due to what was sent otherwise: the end of a message."""
        self._still_sound()
        self._outstanding.append(verb)

    def answer(self, response: bytes) -> bytes:
        """Give the octets that answer a 334 (the response is raw)."""
        self._answering()
        return base64.b64encode(response) + b"\r\n"

    def cancel(self) -> bytes:
        """Give the octets that abandon the AUTH under way (RFC 4954 4)."""
        self._answering()
        return b"*\r\n"

    def expect_tls(self) -> None:
        """Call between STARTTLS's 220 and the handshake.

        Raises `SmtpProtocolError` if clear text came behind that 220: whoever put it there
        wants it taken for a reply given inside TLS.
        """
        self._still_sound()
        if not self._tls_agreed:
            raise RuntimeError("the server did not agree to TLS")
        if self._buffer or self._lines:
            self._die("the server spoke before TLS began")
        self._tls_agreed = False

    def feed(self, data: bytes) -> list[Reply]:
        """Take octets from the server; give the replies they complete.

        Raises `SmtpProtocolError`; its `replies` are those completed before the fault.
        """
        self._still_sound()
        self._buffer += data
        replies: list[Reply] = []
        position = 0
        try:
            while (line := self._line(position)) is not None:
                position += len(line) + 1
                reply = self._take(line.removesuffix(b"\r"))
                if reply is not None:
                    replies.append(reply)
        except SmtpProtocolError as error:
            error.replies = tuple(replies)
            raise
        self._buffer = self._buffer[position:]
        return replies

    def _line(self, start: int) -> bytes | None:
        limit = self._limits.line
        if self._outstanding and self._outstanding[0] == "AUTH":
            limit = self._limits.auth_line
        end = self._buffer.find(b"\n", start, start + limit + 2)
        if end >= 0:
            if self._tls_agreed:
                self._die("the server spoke before TLS began")
            return self._buffer[start:end]
        if len(self._buffer) - start > limit:
            self._die(f"the server sent a line of more than {limit} octets")
        return None

    def _take(self, line: bytes) -> Reply | None:
        found = _REPLY.fullmatch(line)
        if found is None:
            self._die(f"the server does not speak SMTP: {_visible(line)[:_SHOWN]}")
            raise AssertionError  # not reached; for the type checker
        if self._lines and found[1] != self._code:
            self._die("the server sent a reply with two codes")
        if len(self._lines) >= self._limits.lines:
            self._die(f"the server sent a reply of more than {self._limits.lines} lines")
        self._code = found[1]
        self._lines.append(found[3] or b"")
        return None if found[2] == b"-" else self._finished()

    def _finished(self) -> Reply:
        lines, self._lines = [_visible(line) for line in self._lines], []
        code = int(self._code)
        if code == 421 and not self._outstanding:
            verb = ""
        elif not self._outstanding or self._challenged:
            self._die(f"the server spoke without being asked: {code} {lines[0][:_SHOWN]}")
            raise AssertionError  # not reached; for the type checker
        elif code == 334 and self._outstanding[0] == "AUTH":
            self._challenged = True
            return Reply("AUTH", code, "", tuple(lines))
        else:
            verb = self._outstanding.popleft()
        self._tls_agreed = verb == "STARTTLS" and code == 220
        enhanced = _ENHANCED.match(lines[0]) if verb not in ("", "EHLO", "HELO") else None
        if enhanced is not None and enhanced[1][0] == str(code)[0]:
            lines = [line.removeprefix(enhanced[1]).lstrip(" ") for line in lines]
            return Reply(verb, code, enhanced[1], tuple(lines))
        return Reply(verb, code, "", tuple(lines))

    def _answering(self) -> None:
        self._still_sound()
        if not self._challenged:
            raise RuntimeError("the server asked for nothing")
        self._challenged = False

    def _die(self, text: str) -> None:
        self._dead = text
        self._buffer = b""
        self._still_sound()

    def _still_sound(self) -> None:
        if self._dead:
            raise SmtpProtocolError(self._dead)


def _visible(line: bytes) -> str:
    """Give a line for people: what could steer a terminal or end a line is shown as "?"."""
    text = line.decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "?" for char in text)


@dataclass(frozen=True, slots=True)
class Offers:
    """What EHLO said: upper-case keywords with their parameters (RFC 5321 4.1.1.1)."""

    names: Mapping[str, tuple[str, ...]]

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @property
    def size(self) -> int | None:
        """The largest message in octets (RFC 1870); None: not said, or without bound."""
        digits = (self.names.get("SIZE") or ("",))[0]
        fits = digits.isascii() and digits.isdigit() and len(digits) <= 20
        return (int(digits) or None) if fits else None

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms, upper case."""
        return tuple(name.upper() for name in self.names.get("AUTH", ()))


def parse_ehlo(reply: Reply) -> Offers:
    """Read the reply to EHLO; unknown keywords are kept."""
    names: dict[str, tuple[str, ...]] = {}
    for line in reply.lines[1:]:
        words = line.split()
        if words and words[0].upper().startswith("AUTH="):  # COMPAT: servers from before RFC 2554
            words[:1] = ["AUTH", words[0][5:]]
        if words:
            name = words[0].upper()
            names[name] = names.get(name, ()) + tuple(words[1:])
    return Offers(names)
