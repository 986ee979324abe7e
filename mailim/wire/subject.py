"""The base subject of RFC 5256 section 2.1: a subject without "Re:", "[list]" and "(fwd)"."""

from __future__ import annotations

import re
from typing import Final

MAX_SUBJECT: Final = 1000  # characters looked at; replies differ before that

_SPACES: Final = re.compile(r"\s+")
_BLOB: Final = re.compile(r"\[[^\[\]]*+\]\s*+")
_LEADER: Final = re.compile(
    r"(?:\[[^\[\]]*+\]\s*+)*+(?:re|fwd?)\s*+(?:\[[^\[\]]*+\]\s*+)?:\s*+", re.IGNORECASE
)


def base_subject(subject: str | None) -> str:
    """Give the base subject of a decoded subject; "" if nothing else is in it.

    Case is kept: compare with `str.casefold` (RFC 5256 says i;unicode-casemap).
    """
    text = _SPACES.sub(" ", (subject or "")[:MAX_SUBJECT]).strip()
    while True:
        text = _without_leaders(_without_trailers(text))
        if not (text[:5].lower() == "[fwd:" and text.endswith("]")):
            return text
        text = text[5:-1].strip()


def _without_trailers(text: str) -> str:
    while text[-5:].lower() == "(fwd)":
        text = text[:-5].rstrip()
    return text


def _without_leaders(text: str) -> str:
    position = 0
    while True:
        leader = _LEADER.match(text, position)
        if leader:
            position = leader.end()
            continue
        blob = _BLOB.match(text, position)
        if blob and blob.end() < len(text):
            position = blob.end()
            continue
        return text[position:].strip()
