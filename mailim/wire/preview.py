"""The first words of a message, as lists of messages show them (RFC 8621 section 4.1.4)."""

from __future__ import annotations

import html
import re
from itertools import islice
from typing import Final

import nh3

from mailim.wire.body import Body
from mailim.wire.charsets import clean
from mailim.wire.mime import text_of

PREVIEW: Final = 256  # characters
_TEXT: Final = ("text/plain", "text/html")
_PARTS: Final = 8  # text parts looked at until one has words
_LOOKED_AT: Final = 32 * 1024  # characters of a part

_SPACES: Final = re.compile(r"[\s\u00ad\u034f\u200b-\u200f\u2060\ufeff]+")
_BLOCK: Final = re.compile(
    r"<(?=/?(?:p|div|br|hr|tr|td|th|li|ul|ol|h[1-6]|table|blockquote|pre|center|img)\b)", re.I
)
_HIDDEN: Final = frozenset({"script", "style", "title", "head", "template", "noscript"})


def preview_of(data: bytes, body: Body) -> str:
    """Give at most 256 characters of visible text on one line, "" if there is none."""
    texts = (part for part in (*body.text, *body.html) if part.content_type in _TEXT)
    for part in islice(texts, _PARTS):
        text, _ = text_of(data, part, _LOOKED_AT)
        plain = html_to_text(text) if part.content_type == "text/html" else _own_words(text)
        line = _SPACES.sub(" ", plain).strip()
        if line:
            return clean(line[:PREVIEW].rstrip())
    return ""


def html_to_text(markup: str) -> str:
    """Give the text of an HTML document without any markup; blocks are set apart."""
    stripped = nh3.clean(
        _BLOCK.sub(" <", markup),
        tags=set(),
        clean_content_tags=set(_HIDDEN),
        attributes={},
        link_rel=None,
    )
    return html.unescape(stripped)


def _own_words(text: str) -> str:
    """Leave out quoted lines and the signature, if anything else is there."""
    lines = text.split("\n-- \n", 1)[0].split("\n")
    own = [line for line in lines if not line.startswith(">")]
    return "\n".join(own) if any(line.strip() for line in own) else text
