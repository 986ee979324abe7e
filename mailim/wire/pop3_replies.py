"""What stands inside POP3 replies: listing lines, STAT, CAPA, response codes.

RFC 1939 (STAT, LIST, UIDL), RFC 2449 and RFC 3206 (response codes), RFC 2449 section 5
(capabilities). Every function takes what `mailim.wire.pop3` handed out and raises
`Pop3ProtocolError` when a server says something else than the standard allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailim.errors import MailimError

MAX_UID = 255  # RFC 1939 section 7 allows 70; real servers give more

_NUMBER = re.compile(rb"([0-9]{1,10})(?:[ \t]+(.*))?", re.DOTALL)
_SIZE = re.compile(rb"([0-9]{1,19})(?:[ \t].*)?", re.DOTALL)
# RFC 2449 section 8: resp-level *("/" resp-level), inside brackets.
_CODE = re.compile(r"\[([!-.0-Z\\^-~]+(?:/[!-.0-Z\\^-~]+)*)\][ \t]*")
_UNSAFE = re.compile(rb"[\x00-\x20\x7f]")


class Pop3ProtocolError(MailimError):
    """The server said something POP3 does not allow; `text` is fit for the box's owner.

    `events` holds what was understood before it in the same piece of data, in order.
    """

    temporary = True

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.events: tuple[object, ...] = ()


class Pop3Disconnected(Pop3ProtocolError):
    """The server closed the connection while an answer was still due."""


def visible(raw: bytes, limit: int = 200) -> str:
    """Make a server's words safe to show: no control or direction characters, bounded."""
    text = raw[: limit * 4].decode("utf-8", "replace")
    if not text.isprintable():
        text = "".join(char if char.isprintable() else "?" for char in text)
    text = text.strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def split_code(text: str) -> tuple[str | None, str]:
    """Separate a response code (RFC 2449 section 8) from the text behind it.

    "[IN-USE] box is locked" gives ("IN-USE", "box is locked"). Codes are upper case.
    """
    found = _CODE.match(text[:256])
    if not found:
        return None, text
    return found[1].upper(), text[found.end() :]


def parse_stat(text: str) -> tuple[int, int]:
    """Read the text of STAT's reply as (messages, octets); RFC 1939 section 5."""
    return _two_numbers(text.encode(), "STAT")


def parse_list_line(line: bytes) -> tuple[int, int]:
    """Read a LIST line as (message number, octets); words behind are ignored (RFC 1939)."""
    return _two_numbers(line, "LIST")


def parse_uidl_line(line: bytes, max_uid: int = MAX_UID) -> tuple[int, str]:
    r"""Read a UIDL line as (message number, unique-id); RFC 1939 section 7.

    The identifier may come back empty, or twice in a listing: that is for the caller to
    find. Bytes outside printable ASCII become `\xNN`, so it is always fit to be stored.
    """
    found = _NUMBER.fullmatch(line.strip())
    if not found:
        raise Pop3ProtocolError(f"the UIDL listing holds a line without number: {visible(line)}")
    uid = found[2] or b""
    if len(uid) > max_uid:
        raise Pop3ProtocolError(f"a unique-id in the UIDL listing exceeds {max_uid} characters")
    safe = _UNSAFE.sub(lambda bad: b"\\x%02x" % bad[0][0], uid)
    return _message_number(found[1]), safe.decode("ascii", "backslashreplace")


def _two_numbers(line: bytes, command: str) -> tuple[int, int]:
    found = _NUMBER.fullmatch(line.strip())
    size = _SIZE.fullmatch(found[2]) if found and found[2] else None
    if not found or not size:
        raise Pop3ProtocolError(f"the reply to {command} has not two numbers: {visible(line)}")
    number = int(found[1]) if command == "STAT" else _message_number(found[1])
    return number, int(size[1])


def _message_number(digits: bytes) -> int:
    number = int(digits)
    if not number:
        raise Pop3ProtocolError("the server lists a message with the number 0")
    return number


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What CAPA said: upper-case names with their arguments (RFC 2449 section 5)."""

    names: Mapping[str, tuple[str, ...]]

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @property
    def stls(self) -> bool:
        """STLS is offered (RFC 2595 section 4)."""
        return "STLS" in self.names

    @property
    def pipelining(self) -> bool:
        """Several commands may be outstanding (RFC 2449 section 6.6)."""
        return "PIPELINING" in self.names

    @property
    def uidl(self) -> bool:
        """UIDL is offered."""
        return "UIDL" in self.names

    @property
    def top(self) -> bool:
        """TOP is offered."""
        return "TOP" in self.names

    @property
    def sasl(self) -> tuple[str, ...]:
        """The SASL mechanisms, upper case (RFC 5034)."""
        return tuple(name.upper() for name in self.names.get("SASL", ()))

    @property
    def login_delay(self) -> int | None:
        """Seconds to keep between logins (RFC 2449 section 6.5), None when not said."""
        words = self.names.get("LOGIN-DELAY", ())
        digits = words[0] if words else ""
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 8 else None


def parse_capa(lines: Iterable[bytes]) -> Capabilities:
    """Read the lines of CAPA's reply; unknown capabilities are kept."""
    names: dict[str, tuple[str, ...]] = {}
    for line in lines:
        words = visible(line, 512).split()
        if words:
            # Some servers repeat SASL in several lines; all of them count.
            name = words[0].upper()
            names[name] = names.get(name, ()) + tuple(words[1:])
    return Capabilities(names)
