"""Request targets (RFC 9112 section 3.2): from octets to a path that cannot lead astray.

There is no normalising: a path with dot segments, empty segments, encoded separators,
control characters or octets that are not UTF-8 names nothing here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from mailim.protocols.http.limits import SEGMENTS, TARGET_OCTETS
from mailim.protocols.http.problems import Problem

_ABSOLUTE: Final = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)
_ESCAPES: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f/\\\\]")
_PLAIN: Final = "@:!$&'()*+,;="  # pchar of RFC 3986 section 3.3, besides the unreserved
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Target:
    """Decoded path segments ("/" is `("",)`, "/a/" is `("a", "")`) and the raw query."""

    segments: tuple[str, ...]
    query: bytes

    def __str__(self) -> str:
        path = "/" + "/".join(quote(each, safe=_PLAIN) for each in self.segments)
        query = quote(self.query, safe=f"%/?{_PLAIN}")
        return f"{path}?{query}" if query else path


def parse_target(raw: bytes) -> Target:
    """Split a request target; raises `Problem` 404 or 414."""
    if len(raw) > TARGET_OCTETS:
        raise Problem(414, "the address is too long")
    found = _ABSOLUTE.match(raw)
    if found:
        raw = raw[found.end() :]
        raw = raw if raw.startswith(b"/") else b"/" + raw
    path, _, query = raw.partition(b"?")
    if not path.startswith(b"/") or b"#" in path or _ESCAPES.search(path):
        raise _nothing()
    pieces = path[1:].split(b"/")
    if len(pieces) > SEGMENTS:
        raise _nothing()
    last = len(pieces) - 1
    return Target(tuple(_segment(each, place == last) for place, each in enumerate(pieces)), query)


def _segment(raw: bytes, last: bool) -> str:
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise _nothing() from None
    if text in (".", "..") or (not text and not last) or _FORBIDDEN.search(text):
        raise _nothing()
    return text


def _nothing() -> Problem:
    return Problem(404, "there is nothing at this address")


def host_of(value: str | None) -> str:
    """Check a Host field (RFC 9112 section 3.2); gives it in lower case, raises `Problem`."""
    if value is None or not _HOST.fullmatch(value):
        raise Problem(400, "the Host field is missing or malformed")
    return value.lower()
