"""The parsed forms of header fields (RFC 8621 section 4.1.2) and what they are made of."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any, Final

from mailim.wire.charsets import clean, without_controls
from mailim.wire.encoded_words import decode_words, unfold
from mailim.wire.mailboxes import parse_groups, parse_mailboxes

MAX_IDS: Final = 1000

_ID: Final = re.compile(r"<([^<>]{1,998})>")
_URL: Final = re.compile(r"<([^<>]{1,2048})>")
_DATE: Final = re.compile(r"[^()]*+")


class HeaderForm(enum.Enum):
    """The forms a JMAP client may ask for; the values are the names behind `:as`."""

    RAW = "Raw"
    TEXT = "Text"
    ADDRESSES = "Addresses"
    GROUPED_ADDRESSES = "GroupedAddresses"
    MESSAGE_IDS = "MessageIds"
    DATE = "Date"
    URLS = "URLs"


def header_as(form: HeaderForm, raw_values: Sequence[bytes], hint: str | None = None) -> list[Any]:
    """Give each raw value (as `headers` lists it) in a form, ready for JSON.

    Raw and Text are strings; Addresses, GroupedAddresses, MessageIds and URLs lists; Date
    an RFC 3339 string in the sender's time zone. None stands for what cannot be parsed.
    `hint` names the charset to try for octets outside ASCII that are not UTF-8.
    """
    return [_as(form, raw, hint) for raw in raw_values]


def _as(form: HeaderForm, raw: bytes, hint: str | None) -> Any:
    if form is HeaderForm.RAW:
        return clean(raw.decode("utf-8", "replace"))
    if form is HeaderForm.TEXT:
        return text_form(raw, hint)
    if form is HeaderForm.ADDRESSES:
        return [mailbox.to_json() for mailbox in parse_mailboxes(raw, hint)]
    if form is HeaderForm.GROUPED_ADDRESSES:
        return [
            {"name": group.name, "addresses": [each.to_json() for each in group.mailboxes]}
            for group in parse_groups(raw, hint)
        ]
    if form is HeaderForm.MESSAGE_IDS:
        return list(message_ids(raw)) or None
    if form is HeaderForm.URLS:
        return _bracketed(_URL, unfold(raw)) or None
    return _rfc3339(date_of(raw))


def text_form(raw: bytes, hint: str | None = None) -> str:
    """Give an unstructured field as text: unfolded, encoded words decoded, NFC."""
    return decode_words(unfold(raw, hint))


def message_ids(raw: bytes) -> tuple[str, ...]:
    """Give the identifiers of Message-ID, In-Reply-To or References without brackets.

    Words with an "@" are taken where no bracket stands at all.
    """
    text = unfold(raw)
    found = _bracketed(_ID, text)
    if not found and "<" not in text:
        found = [without_controls(word) for word in text.split() if "@" in word and len(word) < 999]
    return tuple(found[:MAX_IDS])


def _bracketed(pattern: re.Pattern[str], text: str) -> list[str]:
    found = ("".join(without_controls(each[1]).split()) for each in pattern.finditer(text))
    return list(islice(filter(None, found), MAX_IDS))


def date_of(raw: bytes) -> datetime | None:
    """Give a Date field in its own time zone (UTC where it says -0000), None if it is none."""
    found = _DATE.match(unfold(raw[:256]))
    try:
        date = parsedate_to_datetime(found[0] if found else "")
        return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError, KeyError):
        return None


def _rfc3339(date: datetime | None) -> str | None:
    if date is None:
        return None
    text = date.isoformat(timespec="seconds")
    return text[:-6] + "Z" if text.endswith("+00:00") else text
