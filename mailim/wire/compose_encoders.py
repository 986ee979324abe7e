"""Octets given a transfer encoding while they pass (RFC 2045 section 6), in bounded memory."""

from __future__ import annotations

import re
from binascii import b2a_base64
from typing import Final, Protocol

_LINE: Final = 57  # octets that make a base64 line of 76 characters
_LONGEST: Final = 998  # octets of a line, RFC 5322 section 2.1.1
_LONE_LF: Final = re.compile(rb"(?<!\r)\n")


class Encoder(Protocol):
    """Feed octets, get encoded ones; `finish` gives the rest."""

    def feed(self, octets: bytes) -> bytes:
        """Encode a piece; gives what is certain so far."""

    def finish(self) -> bytes:
        """Give what was kept back."""


class Base64Encoder:
    """Lines of 76 characters with CRLF between them."""

    def __init__(self) -> None:
        self._kept = b""
        self._begun = False

    def feed(self, octets: bytes) -> bytes:
        """Encode whole lines."""
        octets = self._kept + octets
        end = len(octets) - len(octets) % _LINE
        self._kept = octets[end:]
        return self._lines(octets[:end])

    def finish(self) -> bytes:
        """Encode the last line."""
        rest, self._kept = self._kept, b""
        return self._lines(rest)

    def _lines(self, octets: bytes) -> bytes:
        encoded = b2a_base64(octets, newline=False)
        lines = [encoded[at : at + 76] for at in range(0, len(encoded), 76)]
        if self._begun and lines:
            lines.insert(0, b"")
        self._begun = self._begun or bool(lines)
        return b"\r\n".join(lines)


class LineEnds:
    """Octets as they are, but for line ends, which all become CRLF."""

    def __init__(self) -> None:
        self._after_cr = False

    def feed(self, octets: bytes) -> bytes:
        """Give a piece with CRLF for each lone LF."""
        if not octets:
            return b""
        first = b""
        if self._after_cr and octets[:1] == b"\n":
            first, octets = b"\n", octets[1:]
        self._after_cr = (octets or first)[-1:] == b"\r"
        return first + _LONE_LF.sub(b"\r\n", octets)

    def finish(self) -> bytes:
        """Nothing is kept back."""
        return b""


def encoder(encoding: str) -> Encoder:
    """Give an encoder: base64, or line ends put right for "7bit" and "8bit"."""
    return Base64Encoder() if encoding == "base64" else LineEnds()


class LineCheck:
    """Finds out whether octets can travel in lines, and with how many bits (RFC 2045 2.7, 2.8)."""

    def __init__(self) -> None:
        self._bits = "7bit"
        self._travels = True
        self._open = 0  # octets of the line that has not ended
        self._after_cr = False

    def feed(self, octets: bytes) -> None:
        """Look at a piece."""
        if not octets or not self._travels:
            return
        if not octets.isascii():
            self._bits = "8bit"
        lone_cr = self._after_cr and octets[:1] != b"\n"
        self._after_cr = octets[-1:] == b"\r"
        inside = octets.count(b"\r") - self._after_cr
        first, *others = octets.split(b"\n")
        longest = max([self._open + len(first), *map(len, others)])
        self._open = len(others[-1]) if others else self._open + len(first)
        if lone_cr or b"\0" in octets or longest > _LONGEST or inside != octets.count(b"\r\n"):
            self._travels = False

    @property
    def encoding(self) -> str:
        """The encoding that leaves the octets as they are: "7bit" or "8bit"; else "base64"."""
        return self._bits if self._travels and not self._after_cr else "base64"
