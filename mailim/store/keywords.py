"""Keywords as they stand in a row: sorted, with a blank before and behind each.

So "has this keyword" is one search for a text, whatever keywords there are.
"""

from __future__ import annotations

import re
from typing import Final

from mailim.errors import Invalid, LimitExceeded
from mailim.limits import KEYWORD_OCTETS, KEYWORDS_PER_ITEM

# RFC 8621 4.1.1: ASCII without ( ) { ] % * " \ and blanks; upper case is made lower.
_KEYWORD: Final = re.compile(r"[!#$&\'+-Z\[\^-z|}~]+")


def keyword(text: str) -> str:
    """Normalise one keyword; raises `Invalid`."""
    if not _KEYWORD.fullmatch(text) or len(text) > KEYWORD_OCTETS:
        raise Invalid(f"not a keyword: {text[:40]!r}", "keywords")
    return text.lower()


def written(keywords: frozenset[str]) -> str:
    """Give keywords as a row has them; raises `Invalid`, `LimitExceeded`."""
    if len(keywords) > KEYWORDS_PER_ITEM:
        raise LimitExceeded(f"A message may have {KEYWORDS_PER_ITEM} keywords.")
    return " ".join(["", *sorted({keyword(each) for each in keywords}), ""]) if keywords else " "


def read(text: str) -> frozenset[str]:
    """Give the keywords of a row."""
    return frozenset(text.split())


def is_unread(text: str) -> bool:
    """RFC 8621 2 unreadEmails: neither $seen nor $draft."""
    return " $seen " not in text and " $draft " not in text
