"""Macros in rules: `$SENDER$` and the like, expanded once, from what strangers wrote.

What they give is one line without control characters, whatever the mail says. A word between
dollar signs that is no macro stays as it is; what a macro gives is not expanded again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mailim.mail.filters.limits import MACRO_CHARS

NAMES: Final = (
    "SENDER", "SENDERDOMAIN", "SENDERMAILBOX", "ACTUALFROM",
    "RECIPIENT", "RECIPIENTDOMAIN", "RECIPIENTMAILBOX", "ACTUALTO",
    "SUBJECT", "REPLYTO", "MESSAGEID", "FILTERRULENAME", "CURRENTTIME", "GEN_GUID",
    "PRIMARYDOMAIN",
)  # fmt: skip
_MACRO: Final = re.compile(rf"\$({'|'.join(NAMES)}|HEADER:[!-#%-9;-~]{{1,76}})\$", re.IGNORECASE)
# Controls, line and paragraph separators, what turns the direction of text around, what XML
# cannot hold.
_ODD: Final = re.compile(
    "[\x00-\x20\x7f-\xa0\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+"
)

Source = Callable[[str], str]
"""Gives a macro's value by its name in upper case; of a header "HEADER:" and its name."""


def expand(
    text: str, source: Source, quote: Callable[[str], str] | None = None, most: int | None = None
) -> str:
    """Put values in the place of macros, each through `quote`; gives at most `most` characters."""

    def value(found: re.Match[str]) -> str:
        given = one_line(source(found[1].upper()))
        return given if quote is None else quote(given)

    expanded = _MACRO.sub(value, text)
    return expanded if most is None else expanded[:most]


def has_macro(text: str) -> bool:
    """Tell whether there is anything to expand."""
    return _MACRO.search(text) is not None


def without_macros(text: str) -> str:
    """Put an "x" in the place of each macro."""
    return _MACRO.sub("x", text)


def one_line(text: str) -> str:
    """Make one line of what strangers wrote, of at most `MACRO_CHARS` characters."""
    return _ODD.sub(" ", text[: 4 * MACRO_CHARS]).strip()[:MACRO_CHARS]
