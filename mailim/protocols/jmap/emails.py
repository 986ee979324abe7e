"""An Email object as JMAP shows an item (RFC 8621 section 4.1): what needs no body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mailim.interfaces.items import Item
from mailim.protocols.jmap.blob_ids import blob_of_message
from mailim.wire.jmap_ids import EMAIL, MAILBOX, THREAD, write_id
from mailim.wire.mailboxes import Mailbox
from mailim.wire.message import MessageFacts

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def utc_date(microseconds: int) -> str:
    """Give a UTCDate (RFC 8620 section 1.4), cut to seconds."""
    return _text(_EPOCH + timedelta(microseconds=microseconds))


def _text(date: datetime) -> str:
    return date.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _addresses(mailboxes: tuple[Mailbox, ...]) -> list[dict[str, str | None]] | None:
    return [each.to_json() for each in mailboxes] or None


def _ids(ids: tuple[str, ...]) -> list[str] | None:
    return list(ids) or None


OF_ITEM: Final[Mapping[str, Callable[[Item], Any]]] = {
    "id": lambda item: write_id(EMAIL, item.id),
    "blobId": blob_of_message,
    "threadId": lambda item: write_id(THREAD, item.thread_id),
    "mailboxIds": lambda item: {write_id(MAILBOX, item.folder_id): True},
    "keywords": lambda item: dict.fromkeys(sorted(item.keywords), True),
    "size": lambda item: item.size,
    "receivedAt": lambda item: utc_date(item.received),
}
OF_FACTS: Final[Mapping[str, Callable[[MessageFacts], Any]]] = {
    "messageId": lambda facts: _ids(facts.message_id),
    "inReplyTo": lambda facts: _ids(facts.in_reply_to),
    "references": lambda facts: _ids(facts.references),
    "sender": lambda facts: _addresses(facts.sender),
    "from": lambda facts: _addresses(facts.from_),
    "to": lambda facts: _addresses(facts.to),
    "cc": lambda facts: _addresses(facts.cc),
    "bcc": lambda facts: _addresses(facts.bcc),
    "replyTo": lambda facts: _addresses(facts.reply_to),
    "subject": lambda facts: facts.subject,
    "sentAt": lambda facts: None if facts.date is None else _text(facts.date),
    "hasAttachment": lambda facts: facts.has_attachment,
    "preview": lambda facts: facts.preview,
}
OF_PARTS: Final = frozenset({"bodyStructure", "textBody", "htmlBody", "attachments"})
OF_BODY: Final = frozenset({"bodyValues", "headers"})
PROPERTIES: Final = frozenset({*OF_ITEM, *OF_FACTS, *OF_PARTS, *OF_BODY})
# RFC 8621 section 4.2
DEFAULT: Final = PROPERTIES - {"bodyStructure", "headers"}
