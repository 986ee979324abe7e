r"""How leaves are written into the text logs: one line each, whatever is in them.

    2026-11-23T07:40:37.123456Z #17 message alice@example.test -> bob@example.test: Hi there
    2026-11-23T07:40:39.000000Z #19 login bob@example.test (peer=192.0.2.1, protocol=xmpps)

Time is UTC. `#17` is the leaf's number in the record. Whatever is no visible character stands
as \n, \t, \\ or \uXXXX (\UXXXXXXXX beyond), so that no text can forge a line, hide
behind a terminal's control sequences, or turn the direction of writing.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import Final

from mailim.interfaces.record import Leaf
from mailim.record.entries import details_of

IM_KINDS: Final = frozenset({"message", "presence", "login", "logout"})
"""What InstantMessaging.log has: messages, status changes, logons (WIM-24)."""

_YEAR_9999: Final = 253_402_300_799  # the last second ISO 8601 can write; a row may hold more
_NUMBER: Final = re.compile(rb"\S+Z #([0-9]{1,18}) ")
_SHORT: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# A space of other widths and the joiner inside emoji are shown as they are.
_KEPT: Final = frozenset("\u00a0\u3000\u200d")


def visible(text: str) -> str:
    """Give a text as it may stand in a log."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if char.isprintable() or char in _KEPT:
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def date_of(micros: int) -> str:
    """Give the day of a time, UTC, as YYYY-MM-DD."""
    return _second(micros // 1_000_000)[:10]


def iso_time(micros: int) -> str:
    """Give a time as ISO 8601 in UTC, with microseconds."""
    return f"{_second(micros // 1_000_000)}.{micros % 1_000_000:06d}Z"


def stamp(micros: int) -> str:
    """Give a time, UTC, for a file name: YYYYMMDDTHHMMSS and microseconds behind a point."""
    second = _second(micros // 1_000_000).replace("-", "").replace(":", "")
    return f"{second}.{micros % 1_000_000:06d}"


def line_of(leaf: Leaf) -> str:
    """Give the line of any leaf, with its newline."""
    parts = [f"{iso_time(leaf.time)} #{leaf.seq} {leaf.kind}"]
    if leaf.sender:
        parts.append(_address(leaf.sender))
    if leaf.recipient:
        parts.append(f"-> {_address(leaf.recipient)}")
    if leaf.refers is not None:
        parts.append(f"about #{leaf.refers}")
    details = details_of(leaf)
    if details:
        listed = ", ".join(f"{visible(str(k))}={visible(str(v))}" for k, v in details.items())
        parts.append(f"({listed})")
    if leaf.content is None:
        parts.append("(erased)")
    head = " ".join(parts)
    return f"{head}: {visible(leaf.body)}\n" if leaf.body else f"{head}\n"


def damaged_line_of(seq: int) -> str:
    """Give the line of a leaf that cannot be read."""
    return f"{iso_time(0)} #{seq} damaged: run `mailim record verify`\n"


def number_of(line: bytes) -> int | None:
    """Give the number of the leaf a line of a log is about; None for another line."""
    match = _NUMBER.match(line)
    return int(match[1]) if match else None


def _address(text: str) -> str:
    """Give an address without spaces, so that it cannot pass for two words."""
    return visible(text).replace(" ", "\\u0020")


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    utc = time.gmtime(min(max(seconds, 0), _YEAR_9999))
    return time.strftime("%Y-%m-%dT%H:%M:%S", utc)
