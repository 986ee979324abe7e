"""A message's words: what of it is searched, and how words are compared.

Header fields are decoded and case-folded, one a line as `name:value`; of the body the text
parts count, HTML without its markup. Both are cut (limits.INDEXED_*). Words are compared as
SQLite's tokenizer unicode61 does: runs of letters and digits, without case and diacritics.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from mailim.limits import INDEXED_CHARS, INDEXED_HEADER_CHARS
from mailim.store.message_facts import folded
from mailim.wire.fields import raw_fields
from mailim.wire.header_forms import text_form
from mailim.wire.message import MessageFacts
from mailim.wire.mime import text_of
from mailim.wire.part import Part
from mailim.wire.preview import html_to_text

HEADER_OCTETS: Final = 64 * 1024  # of the message's header looked at
PART_OCTETS: Final = 512 * 1024  # of one text part looked at, still encoded
WORDS: Final = 16  # of one text to look for

_TOKEN: Final = re.compile(r"[^\W_]+")
_WORD: Final = re.compile(r'"([^"]*)"?|(\S+)')

Slice = Callable[[int, int], bytes]  # octets [start, end) of a body


@dataclass(frozen=True, slots=True)
class MessageText:
    """What of a message is searched."""

    headers: str
    body: str


def read_text(facts: MessageFacts, octets: Slice) -> MessageText:
    """Read what is searched; takes only the pieces it needs, never raises on garbage."""
    head = octets(0, min(facts.structure.body_start, HEADER_OCTETS))
    lines = (
        f"{name.lower()}:{text_form(value[:4096]).strip()}"[:4096]
        for name, value in raw_fields(head)
    )
    texts = []
    left = INDEXED_CHARS
    for path in dict.fromkeys(facts.text_parts + facts.html_parts):
        part = facts.structure.find(path)
        if left > 0 and part is not None and part.content_type.startswith("text/"):
            texts.append(_part_text(part, octets, left))
            left -= len(texts[-1])
    return MessageText(
        headers=folded("\n".join(lines), INDEXED_HEADER_CHARS),
        body=folded("\n".join(texts), INDEXED_CHARS),
    )


def _part_text(part: Part, octets: Slice, limit: int) -> str:
    end = min(part.body_end, part.body_start + PART_OCTETS)
    data = octets(part.body_start, end)
    text, _ = text_of(data, replace(part, body_start=0, body_end=len(data)), 4 * limit)
    return (html_to_text(text) if part.content_type == "text/html" else text)[:limit]


def words_of(text: str) -> tuple[str, ...]:
    """Split what somebody looks for: words, and "several words" in quotes as one."""
    found = (quoted or word.strip('"') for quoted, word in _WORD.findall(text))
    return tuple(folded(each, 200) for each in found if each.strip())[:WORDS]


def match_of(column: str, *words: str) -> str:
    """Give the FTS5 question for rows that have all these words in a column."""
    return " AND ".join(f'{column} : "{_quotable(word)}" *' for word in words)


def _quotable(word: str) -> str:
    return word.replace('"', " ").replace("\0", " ")


def tokens(text: str) -> str:
    """Give a text as its words, a blank before and behind each."""
    plain = unicodedata.normalize("NFD", text.casefold())
    plain = "".join(each for each in plain if not unicodedata.combining(each))
    return " ".join(["", *_TOKEN.findall(plain), ""])


def has_word(text_tokens: str, word: str) -> bool:
    """Say whether the words of `word` stand there, the last one as a beginning."""
    wanted = tokens(word).rstrip()
    return bool(wanted) and wanted in text_tokens
