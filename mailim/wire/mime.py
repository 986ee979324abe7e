"""The MIME structure of a message, found in one pass over its octets.

`scan` gives a tree of `Part` with offsets; `headers`, `decoded_body` and `text_of` read one
part with them. Nothing here raises on garbage and everything takes linear time: a message
that breaks the rules, or exceeds `MimeLimits`, gives the structure that can be made out,
and the parts where it was given up are marked `truncated`.

RFC 2045, 2046, 2183, 2231, 6532. Where the standards leave senders' errors open: a delimiter
line of an outer multipart ends inner ones; a multipart without end goes on to its parent's
end; a part whose first line is no header field has no header; a header that no blank line ends
goes on to the first line that is no field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from mailim.wire.charsets import decode
from mailim.wire.encoded_words import decode_words, unfold
from mailim.wire.fields import begins_with_field, header_without_end, raw_fields
from mailim.wire.octets import MappedOctets, whole
from mailim.wire.parameters import content_type, disposition, safe_filename, token
from mailim.wire.part import Part
from mailim.wire.transfer import decoded_pieces, decoded_size

__all__ = ["MimeLimits", "Part", "decoded_body", "headers", "scan", "text_of"]

MAX_BOUNDARY: Final = 200  # octets; RFC 2046 section 5.1.1 allows 70
# What an HTML document says of itself, where the header does not say it.
_META: Final = re.compile(rb"<meta[^>]{1,200}charset=[\"']?([A-Za-z0-9_-]{1,40})", re.IGNORECASE)
_IDENTITY: Final = ("7bit", "8bit", "binary")
_ENCODINGS: Final = (*_IDENTITY, "base64", "quoted-printable")


@dataclass(frozen=True, slots=True)
class MimeLimits:
    """How much of a message is looked at."""

    depth: int = 100  # nested entities
    parts: int = 2000  # entities in all
    header_bytes: int = 1024 * 1024  # octets of one entity's header
    line: int = 64 * 1024  # octets of one header field's value


_DEFAULT_LIMITS: Final = MimeLimits()


def scan(data: bytes | memoryview | MappedOctets, limits: MimeLimits = _DEFAULT_LIMITS) -> Part:
    """Give the structure of a whole message (a memoryview is copied first)."""
    return _Scanner(whole(data), limits).run()


def headers(
    data: bytes | memoryview | MappedOctets, part: Part, limits: MimeLimits = _DEFAULT_LIMITS
) -> list[tuple[str, bytes]]:
    """Give the part's own header fields in order as (name, raw value)."""
    end = min(part.body_start, part.header_start + limits.header_bytes)
    return list(raw_fields(bytes(data[part.header_start : end])))


def decoded_body(data: bytes | memoryview | MappedOctets, part: Part, max_bytes: int) -> bytes:
    """Give the body without its transfer encoding, at most `max_bytes` octets of it."""
    octets = whole(data)
    pieces: list[bytes] = []
    left = max_bytes
    for piece in decoded_pieces(octets, part.body_start, part.body_end, part.encoding):
        pieces.append(piece[:left])
        left -= len(pieces[-1])
        if left <= 0:
            break
    return b"".join(pieces)


def text_of(
    data: bytes | memoryview | MappedOctets, part: Part, max_chars: int
) -> tuple[str, bool]:
    """Give the part as text of at most `max_chars` characters with LF line ends.

    The flag is RFC 8621's isEncodingProblem: the charset or the transfer encoding was
    unknown or untrue, and the text is a best effort.
    """
    # No charset here takes more than four octets for a character, but for shift sequences.
    raw = decoded_body(data, part, max_chars * 4 + 64)
    label = part.charset or part.params.get("charset")
    hint = _META.search(raw, 0, 2048) if part.content_type == "text/html" else None
    said = hint[1].decode() if hint else None
    text, problem = decode(raw, label, said, cut=part.size > len(raw), guess=True)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text[:max_chars], problem or part.encoding not in _ENCODINGS


class _Entity:
    """A part that is still open while the scanner is inside it."""

    __slots__ = ("boundary", "children", "facts", "first_line", "message", "number", "path")

    def __init__(self, path: str, facts: dict[str, Any], first_line: int) -> None:
        self.path = path
        self.facts = facts
        self.first_line = first_line
        self.boundary: bytes | None = None
        self.number = 0
        self.children: list[Part] = []
        self.message: Part | None = None

    @property
    def child_type(self) -> str:
        digest = self.facts["content_type"] == "multipart/digest"
        return "message/rfc822" if digest else "text/plain"  # RFC 2046 section 5.1.5


class _Scanner:
    def __init__(self, data: bytes, limits: MimeLimits) -> None:
        self._data = data
        self._limits = limits
        self._open: list[_Entity] = []
        self._boundaries: dict[bytes, list[int]] = {}  # to places in _open, innermost last
        self._count = 0
        self._root: Part | None = None
        # Next blank lines known (both forms), and the newlines counted up to some place:
        # remembered, so that no octet is looked at again for each part.
        self._blank = {b"\n\n": 0, b"\n\r\n": 0}
        self._counted = 0
        self._newlines = 0

    def run(self) -> Part:
        position = self._enter(0, "text/plain", "", nested=True)
        while self._boundaries:
            found = self._delimiter(position, len(self._data))
            if found is None:
                break
            start, boundary, closing = found
            level = self._boundaries[boundary][-1]
            self._close_down_to(level + 1, self._before(start))
            position = self._data.find(b"\n", start) + 1 or len(self._data)
            entity = self._open[level]
            if closing:
                self._forget(entity)
            elif self._delimiter(position, position + 2) is not None:
                continue  # two delimiter lines in a row enclose nothing
            elif self._count >= self._limits.parts:
                entity.facts["truncated"] = True
            else:
                entity.number += 1
                path = f"{entity.path}.{entity.number}" if entity.path else str(entity.number)
                position = self._enter(position, entity.child_type, path, nested=False)
        self._close_down_to(0, len(self._data))
        assert self._root is not None  # noqa: S101
        return self._root

    def _enter(self, position: int, default: str, path: str, nested: bool) -> int:
        """Open the entity at `position` and messages directly in it; give where to go on."""
        while True:
            self._count += 1
            body_start = self._header_end(position)
            facts = self._facts(position, body_start, default)
            kind = facts["content_type"]
            multipart = kind.startswith("multipart/")
            if nested and not multipart:
                path = f"{path}.1" if path else "1"
            entity = _Entity(path, facts, self._newlines_before(body_start))
            self._open.append(entity)
            deep = len(self._open) >= self._limits.depth or self._count >= self._limits.parts
            boundary = facts["params"].get("boundary", "").rstrip() if multipart else ""
            if boundary:
                facts["truncated"] |= deep
                if not deep:
                    self._remember(entity, boundary.encode()[:MAX_BOUNDARY])
            elif kind in ("message/rfc822", "message/global") and facts["encoding"] in _IDENTITY:
                facts["truncated"] |= deep
                if not deep:
                    position, default, nested = body_start, "text/plain", True
                    continue
            return body_start

    def _remember(self, entity: _Entity, boundary: bytes) -> None:
        entity.boundary = boundary
        self._boundaries.setdefault(boundary, []).append(len(self._open) - 1)

    def _forget(self, entity: _Entity) -> None:
        if entity.boundary is not None:
            levels = self._boundaries[entity.boundary]
            levels.pop()
            if not levels:
                del self._boundaries[entity.boundary]
            entity.boundary = None

    def _close_down_to(self, level: int, end: int) -> None:
        while len(self._open) > level:
            entity = self._open.pop()
            self._forget(entity)
            # An empty body begins behind the line end that ought to stand before the
            # delimiter; what encloses it then ends no earlier.
            end = max(end, entity.facts["body_start"])
            part = self._part(entity, end)
            if not self._open:
                self._root = part
            elif self._open[-1].facts["content_type"].startswith("multipart/"):
                self._open[-1].children.append(part)
            else:
                self._open[-1].message = part

    def _part(self, entity: _Entity, end: int) -> Part:
        facts = entity.facts
        start = facts["body_start"]
        lines = self._newlines_before(end) - entity.first_line
        if end > start and self._data[end - 1] != 0x0A:
            lines += 1
        encoding = "binary" if entity.message is not None else facts["encoding"]
        return Part(
            path=entity.path,
            body_end=end,
            lines=lines,
            size=decoded_size(self._data, start, end, encoding),
            children=tuple(entity.children),
            message=entity.message,
            **facts,
        )

    def _before(self, line: int) -> int:
        """Where a body ends whose delimiter line starts at `line` (RFC 2046 section 5.1.1)."""
        end = line - 1 if line and self._data[line - 1] == 0x0A else line
        return end - 1 if end and end < line and self._data[end - 1] == 0x0D else end

    def _delimiter(self, position: int, stop: int) -> tuple[int, bytes, bool] | None:
        """Find the next delimiter line of an open multipart that starts in [position, stop)."""
        data = self._data
        at = 0 if position == 0 and data.startswith(b"--") else -1
        if at < 0:
            at = data.find(b"\n--", max(position - 1, 0), stop) + 1
            if not at:
                return None
        while at < stop:
            line = data[at + 2 : at + 2 + MAX_BOUNDARY + 56].partition(b"\n")[0].rstrip(b" \t\r")
            if line in self._boundaries:
                return at, line, False
            if line.endswith(b"--") and line[:-2] in self._boundaries:
                return at, line[:-2], True
            at = data.find(b"\n--", at, stop) + 1
            if not at:
                return None
        return None

    def _header_end(self, position: int) -> int:
        data = self._data
        if data.startswith(b"\n", position):
            return position + 1
        if data.startswith(b"\r\n", position):
            return position + 2
        end = min(self._next_blank(b"\n\n", position), self._next_blank(b"\n\r\n", position))
        blank = end <= len(data)
        if self._boundaries:
            found = self._delimiter(position, end)
            if found is not None:
                blank, end = False, found[0]
        if not begins_with_field(data, position):
            return position
        return end if blank else header_without_end(data, position, min(end, len(data)))

    def _next_blank(self, form: bytes, position: int) -> int:
        """Give where the next blank line ends; behind the data if there is none."""
        if self._blank[form] < position + len(form):
            at = self._data.find(form, position)
            self._blank[form] = at + len(form) if at >= 0 else len(self._data) + len(form)
        return self._blank[form]

    def _newlines_before(self, position: int) -> int:
        low, high = sorted((self._counted, position))
        change = self._data.count(b"\n", low, high)
        self._newlines += change if position > self._counted else -change
        self._counted = position
        return self._newlines

    def _facts(self, start: int, body_start: int, default: str) -> dict[str, Any]:
        """Read the Content-* fields of one header; of repeated ones the first counts."""
        end = min(body_start, start + self._limits.header_bytes)
        found: dict[str, bytes] = {}
        for name, value in raw_fields(self._data[start:end]):
            if name[:8].lower() == "content-":
                found.setdefault(name[8:].lower(), value[: self._limits.line])
        facts = content_facts(found, default)
        facts.update(header_start=start, body_start=body_start, truncated=end < body_start)
        return facts


def content_facts(found: dict[str, bytes], default: str) -> dict[str, Any]:
    """Turn raw Content-* values (keys in lower case without the prefix) into Part's fields."""
    typed = content_type(unfold(found["type"])) if "type" in found else None
    kind, params = typed or (default, {})
    where, where_params = (
        disposition(unfold(found["disposition"])) if "disposition" in found else (None, {})
    )
    filename = safe_filename(where_params.get("filename") or params.get("name"))
    charset = params.get("charset", "us-ascii").lower() if kind.startswith("text/") else None
    encoding = token(unfold(found.get("transfer-encoding", b"7bit"))) or "7bit"
    if kind.startswith("multipart/") and encoding not in _IDENTITY:
        encoding = "8bit"  # RFC 2045 6.4 forbids others: what is said is untrue
    return {
        "content_type": kind,
        "params": params,
        "disposition": where,
        "filename": filename,
        "cid": _short(found.get("id", b"")).strip("<>") or None,
        "language": tuple(_short(found.get("language", b"")).replace(",", " ").split()),
        "location": "".join(_short(found.get("location", b"")).split()) or None,
        "description": _short(found.get("description", b"")) or None,
        "encoding": encoding,
        "charset": charset,
    }


def _short(raw: bytes) -> str:
    return decode_words(unfold(raw[:4096]))[:2000].strip() if raw else ""
