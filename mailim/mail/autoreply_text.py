"""What an automatic reply says (RFC 3834 section 3).

Everything from the mail answered is a stranger's: it is made one line of limited length
before it comes into a header or text, and identifiers are taken only if they are plain.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, quote
from typing import Final

from mailim.interfaces.vacation import SUBJECT_CHARS, TEXT_CHARS, Vacation
from mailim.wire.message import MessageFacts
from mailim.wire.preview import html_to_text

STANDARD_TEXT: Final = (
    "This is an automatic reply: your message has arrived.\n"
    "I am away at the moment and will read it when I am back.\n"
)
STANDARD_SUBJECT: Final = "Auto: $SUBJECT$"  # RFC 3834 3.1.5
WORD_CHARS: Final = 200  # that a macro gives at most
NAME_CHARS: Final = 100
REFERENCES: Final = 10  # identifiers of the References field, the last ones

_MACRO: Final = re.compile(r"\$(SENDER|SUBJECT|RECIPIENT)\$")
_ID: Final = re.compile(r"[\x21-\x3b=\x3f-\x7e]{1,250}")  # without "<" and ">"
_LINE: Final = 76
_SEVEN_BIT: Final = SMTP.clone(cte_type="7bit")  # the relay converts nothing


@dataclass(frozen=True, slots=True)
class Reply:
    """What the reply is made of; `now` in microseconds, `message_id` without brackets."""

    address: str
    name: str
    sender: str
    settings: Vacation
    facts: MessageFacts
    message_id: str
    now: int


def compose(reply: Reply) -> bytes:
    """Give the reply as it is sent, with CRLF."""
    return _head(reply) + _body(reply)


def _head(reply: Reply) -> bytes:
    facts, settings = reply.facts, reply.settings
    subject = _expanded(settings.subject or STANDARD_SUBJECT, reply)
    moment = datetime.fromtimestamp(reply.now // 1_000_000, UTC)
    lines = [
        f"From: {_phrase(reply.name)}<{reply.address}>",
        f"To: <{reply.sender}>",
        f"Subject: {_encoded(_one_line(subject, SUBJECT_CHARS) or 'Auto', len('Subject: '))}",
        f"Date: {format_datetime(moment)}",
        f"Message-ID: <{reply.message_id}>",
        *_references(facts),
        "Auto-Submitted: auto-replied",
        # What Exchange and its kin understand, which do not all know RFC 3834.
        "X-Auto-Response-Suppress: All",
        "Precedence: bulk",
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


def _references(facts: MessageFacts) -> list[str]:
    """RFC 5322 3.6.4, each identifier on a line of its own."""
    own = [each for each in facts.message_id[-1:] if _ID.fullmatch(each)]
    if not own:
        return []
    before = [each for each in (facts.references or facts.in_reply_to) if _ID.fullmatch(each)]
    chain = [each for each in dict.fromkeys(before) if each != own[0]][1 - REFERENCES :] + own
    return [f"In-Reply-To: <{own[0]}>", "References: " + "\r\n ".join(f"<{id}>" for id in chain)]


def _body(reply: Reply) -> bytes:
    settings = reply.settings
    text, markup = settings.text or None, settings.html or None
    if text is None and markup is None:
        text = STANDARD_TEXT
    elif text is None and markup is not None:
        text = html_to_text(markup)
    body = EmailMessage(policy=_SEVEN_BIT)
    body.set_content(_expanded(_lines(text or ""), reply))
    if markup is not None:
        expanded = _expanded(_lines(markup), reply, html.escape)
        body.add_alternative(expanded, subtype="html")
    return body.as_bytes()


def _expanded(text: str, reply: Reply, escape: Callable[[str], str] = str) -> str:
    """Put the macros' values into a text, once: what they give is not expanded again."""
    values = {
        "SENDER": reply.sender,
        "RECIPIENT": reply.address,
        "SUBJECT": reply.facts.subject or "",
    }
    found = _MACRO.sub(lambda macro: escape(_one_line(values[macro[1]], WORD_CHARS)), text)
    return found[: 2 * TEXT_CHARS]


def _lines(text: str) -> str:
    """Give a text with LF line ends, and one at its end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def _one_line(text: str, most: int) -> str:
    """Make a text of strangers one line that nothing can end."""
    plain = "".join(char if char.isprintable() else " " for char in text[: 4 * most])
    return " ".join(plain.split())[:most]


def _encoded(text: str, used: int) -> str:
    """Give a text for an unstructured field: encoded words where it is not plain (RFC 2047)."""
    if text.isascii() and "=?" not in text and used + len(text) <= 998:
        return text
    words = Header(text, "utf-8", maxlinelen=_LINE, header_name="x" * (used - 2))
    return words.encode(linesep="\r\n")


def _phrase(name: str) -> str:
    """Give a display name with a space behind it, or nothing."""
    plain = _one_line(name, NAME_CHARS)
    if not plain:
        return ""
    if plain.isascii() and "=?" not in plain:
        return f'"{quote(plain)}" '
    return f"{_encoded(plain, len('From: '))}\r\n "
