"""Address lists of header fields (RFC 5322 section 3.4), read tolerantly in linear time.

The standard library's two parsers are not used: both raise RecursionError on nested
comments, the newer one also IndexError on a lone quote or "<" and takes 0.1 ms for an
address, the older one loses groups. It is an oracle in our tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailim.wire.charsets import without_controls
from mailim.wire.encoded_words import decode_words, unfold

MAX_MAILBOXES: Final = 10_000  # and as many groups
MAX_ANGLE: Final = 1000  # characters between angle brackets; RFC 5321 allows 256

_QUOTED: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
_ANGLE: Final = re.compile(r'<((?:[^"<>]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"|")*+)>')
# A domain literal may hold colons: user@[IPv6:2001:db8::1].
_ATOM: Final = re.compile(r'(?:[^\s"(),:;<>\[]++|\[[^\s"(),;<>\[\]]*+\]|\[)++')
_COMMENT: Final = re.compile(r"[^()\\]++|\\.|[()\\]")
_ESCAPE: Final = re.compile(r"\\(.)")
_ROUTE: Final = re.compile(r"@[^:]*+:")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address: a decoded display name, if any, and the addr-spec as written."""

    name: str | None
    email: str

    def to_json(self) -> dict[str, str | None]:
        """Give JMAP's EmailAddress (RFC 8621 section 4.1.2.3)."""
        return {"name": self.name, "email": self.email}


@dataclass(frozen=True, slots=True)
class Group:
    """A named group, or with `name` None a run of mailboxes outside groups."""

    name: str | None
    mailboxes: tuple[Mailbox, ...]


def parse_mailboxes(raw: bytes, hint: str | None = None) -> tuple[Mailbox, ...]:
    """Give all mailboxes of a raw value, those inside groups too; never raises."""
    groups = parse_groups(raw, hint)
    return tuple(mailbox for group in groups for mailbox in group.mailboxes)


def parse_groups(raw: bytes, hint: str | None = None) -> tuple[Group, ...]:
    """Give the groups of a raw value in order (RFC 8621 section 4.1.2.4); never raises."""
    return _AddressList().read(unfold(raw, hint))


class _AddressList:
    """Collects one list: words gather until a comma, colon or semicolon says what they were."""

    def __init__(self) -> None:
        self._groups: list[Group] = []
        self._mailboxes: list[Mailbox] = []
        self._group_name: str | None = None
        self._in_group = False
        self._count = 0
        self._start_over()

    def _start_over(self) -> None:
        self._words: list[tuple[str, bool]] = []  # (text, was quoted)
        self._angle: str | None = None
        self._before_angle = 0  # how many of the words
        self._comment: str | None = None

    def read(self, text: str) -> tuple[Group, ...]:
        for kind, token in _tokens(text):
            if self._count >= MAX_MAILBOXES:
                break
            if kind == ",":
                self._end_mailbox()
            elif kind == ":" and self._may_name_a_group():
                self._end_group()
                self._group_name = _phrase(self._words) or None
                self._in_group = True
                self._start_over()
            elif kind == ";":
                self._end_mailbox()
                self._end_group()
            elif kind == "<":
                self._take_angle(token)
            elif kind == "(":
                self._comment = token
            elif kind != ":":
                self._words.append((token, kind == '"'))
        self._end_mailbox()
        self._end_group()
        return tuple(self._groups)

    def _may_name_a_group(self) -> bool:
        if self._angle is not None or self._in_group or not self._words:
            return False
        return not any("@" in text for text, quoted in self._words if not quoted)

    def _take_angle(self, token: str) -> None:
        if self._angle:  # a comma was forgotten
            words = self._words[self._before_angle :]
            del self._words[self._before_angle :]
            self._end_mailbox()
            self._words = words
        self._angle = token
        self._before_angle = len(self._words)

    def _end_mailbox(self) -> None:
        if self._angle is not None:
            name = _phrase(self._words[: self._before_angle]) or self._comment_text()
            email = _addr_spec(self._angle)
        else:
            name, email = self._bare()
        email = without_controls(email)
        if email or name:
            self._mailboxes.append(Mailbox(name or None, email))
            self._count += 1
        self._start_over()

    def _comment_text(self) -> str:
        return without_controls(decode_words(self._comment or "")).strip()

    def _bare(self) -> tuple[str, str]:
        """Read words without angle brackets: an addr-spec, or what somebody took for one."""
        words = self._words
        whole = [at for at, (text, quoted) in enumerate(words) if _is_whole(text, quoted)]
        if len(whole) == 1 and len(words) > 1:
            others = words[: whole[0]] + words[whole[0] + 1 :]
            return _phrase(others), words[whole[0]][0]
        if len(words) == 1 or any("@" in text for text, quoted in words if not quoted):
            joined = "".join(f'"{text}"' if quoted else text for text, quoted in words)
            return self._comment_text(), joined
        return _phrase(words) or self._comment_text(), ""

    def _end_group(self) -> None:
        if self._in_group or self._mailboxes:
            self._groups.append(Group(self._group_name, tuple(self._mailboxes)))
            self._count += 1
        self._mailboxes = []
        self._group_name = None
        self._in_group = False


def _is_whole(text: str, quoted: bool) -> bool:
    local, at, domain = text.rpartition("@")
    return bool(not quoted and local and at and domain)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, token); what opens and is never closed counts as white space."""
    position = 0
    unclosed = ""
    while position < len(text):
        first = text[position]
        found: tuple[str, int] | None = None
        if first in '"(<' and first not in unclosed:
            found = _enclosed(text, position)
            if found:
                yield first, found[0]
            elif first != "<":
                unclosed += first  # none behind is closed either: looked for once only
        elif first in ",:;":
            yield first, first
        elif first not in '"(<)>' and not first.isspace():
            atom = _ATOM.match(text, position)
            if atom:
                found = atom[0], atom.end()
                yield "a", atom[0]
        position = found[1] if found else position + 1


def _enclosed(text: str, position: int) -> tuple[str, int] | None:
    if text[position] == "(":
        return _comment(text, position)
    if text[position] == '"':
        found = _QUOTED.match(text, position)
    else:
        # Quotes can hide the next "<" from this one: without an end this would be quadratic.
        found = _ANGLE.match(text, position, position + MAX_ANGLE)
    return (found[1], found.end()) if found else None


def _comment(text: str, position: int) -> tuple[str, int] | None:
    """Read a comment with those nested in it."""
    depth = 0
    pieces: list[str] = []
    for found in _COMMENT.finditer(text, position):
        piece = found[0]
        depth += (piece == "(") - (piece == ")")
        if depth == 0:
            return "".join(pieces[1:]), found.end()
        pieces.append(piece[1:] if len(piece) == 2 and piece[0] == "\\" else piece)
    return None


def _phrase(words: list[tuple[str, bool]]) -> str:
    text = " ".join(_ESCAPE.sub(r"\1", text) if quoted else text for text, quoted in words)
    return without_controls(decode_words(text)).strip()


def _addr_spec(angle: str) -> str:
    route = _ROUTE.match(angle)  # RFC 5322 section 4.4, obs-route
    inner = angle[route.end() :] if route else angle
    return inner if '"' in inner else "".join(inner.split())
