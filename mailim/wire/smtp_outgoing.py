"""The body of a message on its way out by SMTP's DATA, in pieces of any size.

Every line leaves with CRLF, and no CR or LF leaves alone, whatever was stored: a server
that takes one of these for a line end must not find an end of data in them (RFC 5321
2.3.8, 4.1.1.4). A line's leading dot is doubled (4.5.2), also when the border of two
pieces stands right before or behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


class OutgoingBody:
    """Encodes one message: `feed` its pieces, then `finish`."""

    def __init__(self) -> None:
        self._line_start = True
        self._cr = False  # the last piece ended with CR; what follows decides

    def feed(self, piece: bytes) -> bytes:
        """Give what goes to the wire for a piece; one CR at most is held back."""
        data = b"\r" + piece if self._cr else piece
        self._cr = data.endswith(b"\r")
        return self._encoded(data[:-1] if self._cr else data)

    def finish(self) -> bytes:
        """Give the end of the message, with the end of data."""
        rest = self._encoded(b"\r\n") if self._cr or not self._line_start else b""
        self._cr, self._line_start = False, True
        return rest + b".\r\n"

    def _encoded(self, data: bytes) -> bytes:
        if not data:
            return b""
        ends = data.count(b"\r\n")
        if data.count(b"\r") != ends or data.count(b"\n") != ends:
            data = _LINE_END.sub(b"\r\n", data)
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        if self._line_start and data.startswith(b"."):
            stuffed = b"." + stuffed
        self._line_start = data.endswith(b"\r\n")
        return stuffed


@dataclass(frozen=True, slots=True)
class Needs:
    """What a message asks of the server that takes it."""

    eight_bit: bool  # octets over 127: 8BITMIME, RFC 6152
    utf8_header: bool  # such octets in the header: SMTPUTF8, RFC 6531


class NeedsSeeker:
    """Finds out what a message asks of a server; `feed` its pieces in order."""

    def __init__(self) -> None:
        self._tail = b""
        self._in_header = True
        self._eight_bit = False
        self._utf8_header = False

    def feed(self, piece: bytes) -> None:
        """Look at a piece."""
        if self._in_header:
            data = self._tail + piece
            end = re.search(rb"\r?\n\r?\n", data)
            self._in_header = end is None
            if not (data if end is None else data[: end.start()]).isascii():
                self._utf8_header = True
            self._tail = data[-3:]
        if not self._eight_bit and not piece.isascii():
            self._eight_bit = True

    @property
    def needs(self) -> Needs:
        """What was found so far."""
        return Needs(self._eight_bit, self._utf8_header)
