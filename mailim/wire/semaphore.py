"""Semaphore files: how a program writes down an instant message.

    To: bob@example.test
    From: backup@example.test
    <an empty line>
    The text, of any number of lines.

The text is UTF-8, with or without a byte order mark, or else Windows code page 1252; lines
end with CRLF, LF or CR. Names of header lines count in any case; `To` may name several
addresses between commas and may be repeated. Behind a semicolon a header line may carry a
comment. `From` is an address or a domain.

What is not exactly this is refused with a reason, never guessed: a text whose empty line
is missing must not be sent without its beginning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mailim.address import normal_domain, parse_address
from mailim.errors import Invalid

MAX_OCTETS: Final = 262_144  # of one file
MAX_RECIPIENTS: Final = 100  # addresses in one file

_LINE_END: Final = re.compile("\r\n|\r|\n")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_END_OF_FILE: Final = "\x1a"  # programs of old end their texts with it
_SHOWN: Final = 80  # characters of what is wrong that a reason repeats


@dataclass(frozen=True, slots=True)
class SemaphoreMessage:
    """What a file says: addresses in normal form, `sender` an address or a domain alone."""

    recipients: tuple[str, ...]
    sender: str
    text: str


def parse_semaphore(data: bytes) -> SemaphoreMessage:
    """Read a file; raises `Invalid` with a reason for people."""
    if len(data) > MAX_OCTETS:
        raise Invalid(f"the file has more than {MAX_OCTETS} octets")
    text = _decoded(data).rstrip(_END_OF_FILE)
    control = _CONTROL.search(text)
    if control is not None:
        raise Invalid(f"this is no text: it holds the control character {ord(control[0]):#04x}")
    lines = _LINE_END.split(text)
    end = next((number for number, line in enumerate(lines) if not line.strip()), None)
    if end is None:
        raise Invalid("the empty line between the header and the text is missing")
    recipients, sender = _header(lines[:end])
    body = "\n".join(lines[end + 1 :]).strip("\n")
    if not body.strip():
        raise Invalid("the text is empty")
    return SemaphoreMessage(recipients, sender, body)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        raise Invalid("the text is neither UTF-8 nor Windows-1252") from None


def _header(lines: list[str]) -> tuple[tuple[str, ...], str]:
    recipients: dict[str, None] = {}
    senders: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.partition(";")[0].strip()
        if not colon or name not in ("to", "from"):
            raise Invalid(f"this header line is neither To nor From: {line[:_SHOWN]!r}")
        if name == "from":
            senders.append(_sender(value))
            continue
        for part in value.split(","):
            if part.strip():
                recipients[str(parse_address(_bare(part)))] = None
        if len(recipients) > MAX_RECIPIENTS:
            raise Invalid(f"To names more than {MAX_RECIPIENTS} addresses")
    if not recipients:
        raise Invalid("To is missing")
    if len(senders) != 1:
        raise Invalid("From is missing" if not senders else "there is more than one From")
    return tuple(recipients), senders[0]


def _sender(value: str) -> str:
    bare = _bare(value)
    return str(parse_address(bare)) if "@" in bare else normal_domain(bare)


def _bare(text: str) -> str:
    """Take the address out of `Name <address>`."""
    text = text.strip()
    if text.endswith(">") and "<" in text:
        return text[text.index("<") + 1 : -1].strip()
    return text
