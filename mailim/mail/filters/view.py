"""What rules see of a mail: its fields, its text, the names of its attachments."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from mailim.address import parse_address
from mailim.errors import Invalid
from mailim.interfaces.spool import SpoolEntry
from mailim.mail.filters.limits import (
    ATTACHMENTS,
    BODY_CHARS,
    HEADER_CHARS,
    SAME_HEADERS,
    TEXT_PARTS,
)
from mailim.wire.fields import raw_fields
from mailim.wire.header_forms import text_form
from mailim.wire.mailboxes import parse_mailboxes
from mailim.wire.message import MessageFacts
from mailim.wire.mime import headers, text_of
from mailim.wire.part import Part
from mailim.wire.preview import html_to_text

_NFC_PIECE: Final = 1024
_ADDRESSES: Final = frozenset(
    ("from", "sender", "to", "cc", "bcc", "reply-to", "return-path", "delivered-to", "resent-from",
     "resent-to", "resent-cc", "resent-sender", "errors-to", "disposition-notification-to")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Occasion:
    """For whom a mail is judged; addresses are normalised where they can be."""

    recipient: str  # the account's address, or the address elsewhere
    asked_for: str  # the recipient as the queue names it
    local: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A value as it is shown, and as it is compared."""

    shown: str
    folded: str


class MailView:
    """One mail; `octets` are its beginning, at most `limits.OCTETS` of it.

    Everything is worked out when it is first asked for: use it in a thread.
    """

    def __init__(self, entry: SpoolEntry, facts: MessageFacts, octets: bytes) -> None:
        self._facts = facts
        self._octets = octets
        self.size = entry.size
        self.spool_id = entry.id
        self.envelope_sender = normal(entry.sender)
        self._fields: dict[str, list[bytes]] = {}
        own = headers(octets, facts.structure) if octets else []
        for name, value in (*raw_fields(entry.prefix), *own):
            same = self._fields.setdefault(name.lower(), [])
            if len(same) < SAME_HEADERS:
                same.append(value[:HEADER_CHARS])
        self._texts: dict[str, tuple[Seen, ...]] = {}
        self._addresses: dict[str, tuple[Seen, ...]] = {}
        self._body: Seen | None = None
        self._files: tuple[Seen, ...] | None = None
        self._collected = entry.origin == "multipop"

    # --- who ------------------------------------------------------------------------------

    @property
    def sender(self) -> str:
        """Whom people see: the address of From; the envelope's sender if there is none."""
        found = next((each.email for each in self._facts.from_ if each.email), "")
        return normal(found[:HEADER_CHARS]) or self.envelope_sender

    @property
    def reply_to(self) -> str:
        """Where an answer would go."""
        found = next((each.email for each in self._facts.reply_to if each.email), "")
        return normal(found[:HEADER_CHARS]) or self.sender

    @property
    def automatic(self) -> bool:
        """No person sent it: the null path (RFC 5321 4.5.5), or it says so (RFC 3834 5).

        Collected mail has no envelope; there Return-Path tells what it was.
        """
        if self._collected:
            null = any(each.shown == "<>" for each in self.header("return-path"))
        else:
            null = not self.envelope_sender
        return null or self._facts.auto_submitted not in (None, "no")

    # --- fields ---------------------------------------------------------------------------

    def header(self, name: str) -> tuple[Seen, ...]:
        """Give the fields of a name as text, encoded words decoded."""
        key = name.lower()
        found = self._texts.get(key)
        if found is None:
            hint = self._facts.structure.charset
            found = tuple(seen(text_form(raw, hint)) for raw in self._fields.get(key, ()))
            self._texts[key] = found
        return found

    def addresses(self, name: str) -> tuple[Seen, ...]:
        """Give the addresses alone, if it is a field of addresses."""
        key = name.lower()
        if key not in _ADDRESSES:
            return ()
        found = self._addresses.get(key)
        if found is None:
            mailboxes = (one for raw in self._fields.get(key, ()) for one in parse_mailboxes(raw))
            found = tuple(seen(normal(one.email)) for one in mailboxes if one.email)
            self._addresses[key] = found
        return found

    @property
    def message_id(self) -> str:
        """The Message-ID without brackets."""
        return self._facts.message_id[0] if self._facts.message_id else ""

    @property
    def fingerprint(self) -> bytes:
        """Say which mail this is, also when it comes back with new trace headers."""
        parts = [self._fields.get(name, [b""])[-1] for name in ("message-id", "date", "from")]
        return b"\0".join(b" ".join(part.split()) for part in parts)

    # --- content --------------------------------------------------------------------------

    @property
    def body(self) -> Seen:
        """The text of the mail, without markup; at most `BODY_CHARS` characters of it."""
        if self._body is None:
            self._body = seen("\n".join(self._body_texts())[:BODY_CHARS])
        return self._body

    def _body_texts(self) -> Iterable[str]:
        paths = dict.fromkeys((*self._facts.text_parts, *self._facts.html_parts))
        for path in islice(paths, TEXT_PARTS):
            part = self._facts.structure.find(path)
            if part is None or not part.content_type.startswith("text/"):
                continue
            if part.body_start >= len(self._octets):
                continue
            cut = replace(part, body_end=min(part.body_end, len(self._octets)))
            text, _ = text_of(self._octets, cut, BODY_CHARS)
            yield html_to_text(text) if part.content_type == "text/html" else text

    @property
    def attachments(self) -> tuple[Seen, ...]:
        """The names of all files in the mail, also in mails inside it; "" for one without."""
        if self._files is None:
            self._files = tuple(
                seen(part.filename or "")
                for part in islice(self._facts.structure.walk(), ATTACHMENTS)
                if part.filename is not None or self._is_attached(part)
            )
        return self._files

    def _is_attached(self, part: Part) -> bool:
        return part.disposition == "attachment" or part.path in self._facts.attachments


def normal(address: str) -> str:
    """Normalise an address; what is none stays, on one line."""
    try:
        return str(parse_address(address))
    except Invalid:
        return " ".join(address.split()).lower()


def seen(text: str) -> Seen:
    """Make a value."""
    return Seen(text, folded(text))


def folded(text: str) -> str:
    """Give a text as it is compared: without case, composed."""
    if text.isascii():
        return text.lower()
    text = text.casefold()
    # Ordering combining marks takes quadratic time: long text is normalised piecewise.
    pieces = (text[at : at + _NFC_PIECE] for at in range(0, len(text), _NFC_PIECE))
    return "".join(unicodedata.normalize("NFC", piece) for piece in pieces)


def moment(time: int) -> str:
    """Say a time in microseconds for people, in UTC."""
    return datetime.fromtimestamp(time // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
