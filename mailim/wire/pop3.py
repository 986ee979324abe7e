"""The client's side of POP3 as a machine on bytes: no sockets, no clock.

`Pop3Client.send` turns a `Command` into bytes for the server and remembers which form of
answer it has; `feed` takes what came from the server, in pieces of any size, and gives
events in order. Several commands may be outstanding (RFC 2449 section 6.6); how many, and
whether the server likes that, is the caller's business.

Events of one command: always one `Reply`. If it is positive, CAPA, LIST and UIDL (the last
two without a number) go on with `Line`... and `ListEnd`; RETR and TOP with `BodyStart`,
`Chunk`..., `BodyEnd`. AUTH may give `Continuation` (answered with `answer`) before its
`Reply`. The first event of a connection is `Greeting`.

A body arrives as it was sent: byte-stuffing (RFC 1939 section 3) is undone, nothing else
is touched: bare CR, bare LF, NUL and lines of any length stay as they are. No more than a
few octets of it are held back, however long its lines.

Everything the standard does not allow raises `Pop3ProtocolError`, after which the machine
is dead: the caller closes the connection. RFC 1939, 2449, 2595, 5034, 1734.
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections import deque
from dataclasses import dataclass

from mailim.wire.pop3_commands import Command, Form
from mailim.wire.pop3_events import (
    BodyEnd,
    BodyStart,
    Chunk,
    Continuation,
    Event,
    Greeting,
    Line,
    ListEnd,
    Reply,
)
from mailim.wire.pop3_replies import (
    Capabilities,
    Pop3Disconnected,
    Pop3ProtocolError,
    parse_capa,
    parse_list_line,
    parse_stat,
    parse_uidl_line,
    split_code,
    visible,
)

__all__ = [
    "BodyEnd",
    "BodyStart",
    "Capabilities",
    "Chunk",
    "Command",
    "Continuation",
    "Event",
    "Form",
    "Greeting",
    "Line",
    "ListEnd",
    "Pop3Client",
    "Pop3Disconnected",
    "Pop3Limits",
    "Pop3ProtocolError",
    "Reply",
    "parse_capa",
    "parse_list_line",
    "parse_stat",
    "parse_uidl_line",
]

# RFC 1939 section 7 wants a msg-id; printable only, against CVE-2007-1558.
_TIMESTAMP = re.compile(rb"<[!-;=?-~]{1,200}@[!-;=?-~]{1,200}>")
_FORBIDDEN = re.compile(r"[\r\n\x00]")


@dataclass(frozen=True, slots=True)
class Pop3Limits:
    """What a server may send before it is taken for broken or hostile."""

    status_line: int = 2048  # octets of a +OK or -ERR line; RFC 2449 section 4 has 512
    sasl_line: int = 12288  # octets of a challenge, RFC 5034 section 4
    listing_line: int = 512  # octets of one line of CAPA, LIST or UIDL
    listing_lines: int = 250_000  # messages in one LIST or UIDL
    capabilities: int = 256  # lines of one CAPA


class _Expect(enum.Enum):
    GREETING = enum.auto()
    STATUS = enum.auto()
    LISTING = enum.auto()
    BODY = enum.auto()


class Pop3Client:
    """The machine of one connection; see the module's text for the order of events."""

    def __init__(self, limits: Pop3Limits | None = None) -> None:
        self._limits = limits or Pop3Limits()
        self._expect = _Expect.GREETING
        self._outstanding: deque[Command] = deque()
        self._challenged = False
        self._tls_agreed = False
        # Not the error itself: its traceback would hold the frames that hold this object.
        self._failure: tuple[type[Pop3ProtocolError], str] | None = None
        self._data = b""  # not yet understood; _position is where that begins
        self._position = 0
        self._eol = b"\r\n"  # of the last status line; a body's lines end alike
        self._line_start = True
        self._count = 0  # lines of this listing, or octets of this body

    @property
    def outstanding(self) -> int:
        """How many commands have no complete answer yet."""
        return len(self._outstanding)

    def send(self, command: Command) -> bytes:
        """Give the octets of a command and remember to expect its answer.

        Raises ValueError for CR, LF or NUL in an argument, and RuntimeError where nothing
        may follow yet: behind STLS, AUTH and QUIT (RFC 2449 section 6.6).
        """
        self._still_sound()
        if self._outstanding and self._outstanding[-1].verb in ("STLS", "AUTH", "QUIT"):
            raise RuntimeError(f"{self._outstanding[-1].verb} has no answer yet")
        if self._tls_agreed:
            raise RuntimeError("the server agreed to TLS: call expect_tls first")
        words = (command.verb, *command.arguments)
        if any(_FORBIDDEN.search(word) for word in words):
            raise ValueError("a POP3 argument may not hold CR, LF or NUL")
        line = " ".join(words).encode() + b"\r\n"
        self._outstanding.append(command)
        return line

    def answer(self, response: bytes) -> bytes:
        """Give the octets that answer the last `Continuation` (the response is raw)."""
        if not self._challenged:
            raise RuntimeError("the server asked for nothing")
        self._challenged = False
        return base64.b64encode(response) + b"\r\n"

    def cancel(self) -> bytes:
        """Give the octets that abandon the AUTH under way (RFC 5034 section 4)."""
        if not self._challenged:
            raise RuntimeError("the server asked for nothing")
        self._challenged = False
        return b"*\r\n"

    def expect_tls(self) -> None:
        """Call between STLS's +OK and the TLS handshake.

        Raises `Pop3ProtocolError` if clear text came behind that +OK: whoever put it
        there wants it taken for an answer given inside TLS.
        """
        self._still_sound()
        if not self._tls_agreed:
            raise RuntimeError("the server did not agree to TLS")
        self._tls_agreed = False

    def feed(self, data: bytes) -> list[Event]:
        """Take octets from the server; give the events they complete.

        Raises `Pop3ProtocolError`; its `events` are those completed before the fault.
        """
        self._still_sound()
        events: list[Event] = []
        self._data += data
        try:
            while self._position < len(self._data) and self._step(events):
                pass
        except Pop3ProtocolError as error:
            self._failure = type(error), error.text
            error.events = tuple(events)
            self._data = b""
            raise
        self._data = self._data[self._position :]
        self._position = 0
        return events

    def eof(self) -> None:
        """Tell that the server closed; raises `Pop3Disconnected` if an answer was due."""
        self._still_sound()
        if self._expect is _Expect.GREETING:
            due = "before greeting us"
        elif self._expect is _Expect.BODY:
            due = "in the middle of a message"
        elif self._expect is _Expect.LISTING:
            due = "in the middle of a listing"
        elif self._outstanding:
            due = f"without an answer to {self._outstanding[0].verb}"
        else:
            return
        self._failure = Pop3Disconnected, f"the server closed the connection {due}"
        self._still_sound()

    def _still_sound(self) -> None:
        if self._failure:
            kind, text = self._failure
            raise kind(text)

    # What is expected next decides who reads; False means: wait for more octets.

    def _step(self, events: list[Event]) -> bool:
        if self._expect is _Expect.BODY:
            return self._read_body(events)
        if self._expect is _Expect.LISTING:
            return self._read_listing(events)
        if self._expect is _Expect.GREETING:
            return self._read_greeting(events)
        if not self._outstanding or self._challenged:
            said = visible(self._data[self._position :][:200], 80)
            raise Pop3ProtocolError(f"the server spoke without being asked: {said}")
        return self._read_status(events)

    def _read_line(self, limit: int, what: str) -> bytes | None:
        start = self._position
        end = self._data.find(b"\n", start, start + limit + 2)
        if end < 0:
            if len(self._data) - start > limit:
                raise Pop3ProtocolError(f"{what} is longer than {limit} octets")
            return None
        self._position = end + 1
        crlf = self._data.endswith(b"\r", start, end)
        self._eol = b"\r\n" if crlf else b"\n"
        return self._data[start : end - crlf]

    def _read_greeting(self, events: list[Event]) -> bool:
        line = self._read_line(self._limits.status_line, "the server's greeting")
        if line is None:
            return False
        ok, text, code = _status(line)
        stamp = _TIMESTAMP.search(line) if ok else None
        events.append(Greeting(ok, text, stamp[0].decode() if stamp else None, code))
        self._expect = _Expect.STATUS
        return True

    def _read_status(self, events: list[Event]) -> bool:
        command = self._outstanding[0]
        sasl = command.form is Form.SASL
        limit = self._limits.sasl_line if sasl else self._limits.status_line
        line = self._read_line(limit, f"the answer to {command.verb}")
        if line is None:
            return False
        if sasl and (line == b"+" or line.startswith(b"+ ")):
            events.append(_continuation(command, line[2:].strip()))
            self._challenged = True
            return True
        ok, text, code = _status(line)
        events.append(Reply(command, ok, text, code))
        self._count = 0
        if ok and command.form is Form.LISTING:
            self._expect = _Expect.LISTING
        elif ok and command.form is Form.BODY:
            self._expect = _Expect.BODY
            self._line_start = True
            events.append(BodyStart(command))
        else:
            self._outstanding.popleft()
            self._tls_agreed = ok and command.verb == "STLS"
        return True

    def _read_listing(self, events: list[Event]) -> bool:
        command = self._outstanding[0]
        line = self._read_line(self._limits.listing_line, f"a line of the {command.verb} listing")
        if line is None:
            return False
        if line == b".":
            events.append(ListEnd(command, self._count))
            self._finish()
            return True
        capa = command.verb == "CAPA"
        limit = self._limits.capabilities if capa else self._limits.listing_lines
        if self._count >= limit:
            raise Pop3ProtocolError(f"the {command.verb} listing has more than {limit} lines")
        self._count += 1
        events.append(Line(command, line[1:] if line.startswith(b".") else line))
        return True

    def _read_body(self, events: list[Event]) -> bool:
        pieces: list[bytes] = []
        ended = self._unstuff(pieces)
        if pieces:
            chunk = Chunk(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            self._count += len(chunk.data)
            events.append(chunk)
        if ended:
            events.append(BodyEnd(self._outstanding[0], self._count))
            self._finish()
        return ended

    def _unstuff(self, pieces: list[bytes]) -> bool:
        """Move the body's octets to `pieces`; True when its end was found and passed.

        What stays behind is at most the beginning of a line end and a dot.
        """
        data, eol = self._data, self._eol
        border = eol + b"."
        while self._position < len(data):
            if self._line_start:
                if data.startswith(b"." + eol, self._position):
                    self._position += 1 + len(eol)
                    return True
                rest = data[self._position : self._position + 3]
                if len(rest) < 1 + len(eol) and (b"." + eol).startswith(rest):
                    return False  # a lone dot, or dot and CR: what is next decides
                if rest.startswith(b"."):
                    self._position += 1
                self._line_start = False
            start = self._position
            at = data.find(border, start)
            if at >= 0:
                end = at + len(eol)
                self._line_start = True
            else:
                end = len(data)
                self._line_start = data.endswith(eol, start)
                if len(eol) > 1 and data.endswith(b"\r", start):
                    end -= 1
            if end > start:
                pieces.append(data[start:end])
            self._position = end
            if at < 0:
                return False
        return False

    def _finish(self) -> None:
        self._outstanding.popleft()
        self._expect = _Expect.STATUS


def _status(line: bytes) -> tuple[bool, str, str | None]:
    word, _, rest = line.partition(b" ")
    word = word.upper()
    if word not in (b"+OK", b"-ERR"):
        raise Pop3ProtocolError(f"the server does not speak POP3: {visible(line, 80)}")
    code, text = split_code(visible(rest, 500))
    return word == b"+OK", text, code


def _continuation(command: Command, encoded: bytes) -> Continuation:
    try:
        challenge = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        challenge = b""
    return Continuation(command, challenge, visible(encoded))
