"""The server's side of SMTP as a machine on bytes: no sockets, no clock.

`feed` takes what came from the client, in pieces of any size; `next` gives one event at a
time, or None if more octets are needed. Events are pulled, so that commands are worked off
strictly in order and whoever pulls decides what comes next: a command line, the text of a
message after DATA (`expect_text`), a chunk after BDAT (`expect_chunk`), an answer during
AUTH (`expect_answer`). How much waits is `waiting`; bounding it is the caller's, by not
reading on.

Lines end with CRLF and with nothing else. A bare CR or a bare LF, in a command or in a
message, raises `SmtpInputError` and the machine is dead: servers that disagree about where
a line ends can be made to disagree about where a message ends (RFC 5321 2.3.8). A message
comes out as it was sent, its byte-stuffing undone (RFC 5321 4.5.2), lines of any length
untouched; no more than three octets of it are held back.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from mailim.wire.smtp_commands import Command, CommandError, parse_command

# Octets with the CRLF. RFC 5321 4.5.3.1.4 has 512, its extensions add some hundred: SIZE,
# BODY, SMTPUTF8, AUTH (500), DSN (RFC 3461: 100 and 500).
COMMAND_OCTETS: Final = 2048
AUTH_OCTETS: Final = 12288  # RFC 4954 4
PIECE_OCTETS: Final = 64 * 1024


class SmtpInputError(Exception):
    """The client breaks the rules of lines; the connection must end. `text` is for it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Text:
    """Octets of a message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TextEnd:
    """The end of a message (DATA) or of a chunk (BDAT)."""


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """A line of the client's during AUTH, as sent."""

    data: bytes

    def __repr__(self) -> str:
        return "<Answer>"


Event = Command | CommandError | Text | TextEnd | Answer


class _Expect(enum.Enum):
    COMMAND = enum.auto()
    ANSWER = enum.auto()
    TEXT = enum.auto()
    CHUNK = enum.auto()


class SmtpReceiver:
    """The machine of one connection."""

    def __init__(self) -> None:
        self._expect = _Expect.COMMAND
        self._data = b""
        self._place = 0  # where what is not yet understood begins
        self._line_start = True
        self._left = 0  # octets of the chunk still to come
        self._held = b""  # a CR at the end of a chunk: the next one decides
        self._last = False
        self._broken = ""

    @property
    def waiting(self) -> int:
        """How many octets were fed and not yet given out."""
        return len(self._data) - self._place

    def feed(self, data: bytes) -> None:
        """Take octets from the client."""
        self._data = self._data[self._place :] + data
        self._place = 0

    def expect_text(self) -> None:
        """Let the text of a message come next, up to the line with a lone dot."""
        self._expect = _Expect.TEXT
        self._line_start = True

    def expect_chunk(self, octets: int, last: bool) -> None:
        """Let a chunk of so many octets come next, the message's last one or not."""
        self._expect = _Expect.CHUNK
        self._left = octets
        self._last = last

    def forget_message(self) -> None:
        """Forget what a message in chunks that is given up has left behind."""
        self._held = b""

    def expect_answer(self) -> None:
        """Let an answer to a challenge come next."""
        self._expect = _Expect.ANSWER

    def next(self) -> Event | None:
        """Give the next event, or None; raises `SmtpInputError`."""
        if self._broken:
            raise SmtpInputError(self._broken)
        try:
            if self._expect is _Expect.TEXT:
                return self._text()
            if self._expect is _Expect.CHUNK:
                return self._chunk()
            return self._line()
        except SmtpInputError as error:
            self._broken = error.text
            self._data = b""
            self._place = 0
            raise

    # --- lines ------------------------------------------------------------------------

    def _line(self) -> Event | None:
        answer = self._expect is _Expect.ANSWER
        limit = AUTH_OCTETS if answer else COMMAND_OCTETS
        start = self._place
        end = self._data.find(b"\n", start, start + limit)
        # A CR with nothing behind it yet may be half a line end.
        stop = end - 1 if end >= 0 else min(len(self._data), start + limit) - 1
        if self._data.find(b"\r", start, stop) >= 0:
            raise SmtpInputError("A CR stands without LF.")
        if end < 0:
            if len(self._data) - start >= limit:
                raise SmtpInputError("The line is too long.")
            return None
        if not self._data.endswith(b"\r", start, end):
            raise SmtpInputError("An LF stands without CR.")
        line = self._data[start : end - 1]
        self._place = end + 1
        self._expect = _Expect.COMMAND
        if answer:
            return Answer(line)
        try:
            return parse_command(line)
        except CommandError as error:
            return error

    # --- messages ---------------------------------------------------------------------

    def _text(self) -> Event | None:
        """Give a piece of the text, or its end."""
        pieces: list[bytes] = []
        size = 0
        while size < PIECE_OCTETS and self._place < len(self._data):
            if self._line_start:
                rest = self._data[self._place : self._place + 3]
                if b".\r\n".startswith(rest):
                    break  # the end, or its beginning: what is next decides
                self._place += rest.startswith(b".")
                self._line_start = False
            piece = self._run()
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        if pieces:
            return Text(_checked(b"".join(pieces)))
        if self._line_start and self._data.startswith(b".\r\n", self._place):
            self._place += 3
            self._expect = _Expect.COMMAND
            return TextEnd()
        return None

    def _run(self) -> bytes:
        """Give octets up to the next line that begins with a dot."""
        start = self._place
        at = self._data.find(b"\r\n.", start)
        if at >= 0:
            end = at + 2
            self._line_start = True
        else:
            end = len(self._data)
            self._line_start = self._data.endswith(b"\r\n", start)
            if self._data.endswith(b"\r", start):
                end -= 1
        self._place = end
        return self._data[start:end]

    def _chunk(self) -> Event | None:
        if self._left == 0:
            self._expect = _Expect.COMMAND
            if self._last and self._held:
                raise SmtpInputError("A CR stands without LF.")
            return TextEnd()
        if self._place >= len(self._data):
            return None
        end = self._place + min(self._left, PIECE_OCTETS)
        piece = self._data[self._place : end]
        self._place += len(piece)
        self._left -= len(piece)
        piece = self._held + piece
        self._held = b"\r" if piece.endswith(b"\r") else b""
        return Text(_checked(piece[: len(piece) - len(self._held)]))


def _checked(piece: bytes) -> bytes:
    """Give a piece in which all line ends are whole; raises `SmtpInputError` if one is not."""
    whole = piece.count(b"\r\n")
    if piece.count(b"\n") != whole:
        raise SmtpInputError("An LF stands without CR.")
    if piece.count(b"\r") != whole:
        raise SmtpInputError("A CR stands without LF.")
    return piece
