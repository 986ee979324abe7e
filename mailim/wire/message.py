"""What is known of a message without reading it again: `describe` derives it once.

The store keeps `MessageFacts.to_json` beside the message, in the transaction that stores
it; IMAP's ENVELOPE, JMAP's Email, lists, threads and the automatic reply read that.
Nothing here raises on garbage: what cannot be made out is empty or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from mailim.wire.body import body_of
from mailim.wire.header_forms import HeaderForm, date_of, header_as, message_ids, text_form
from mailim.wire.mailboxes import Group, Mailbox, parse_groups
from mailim.wire.mime import MimeLimits, headers, scan
from mailim.wire.octets import MappedOctets, whole
from mailim.wire.parameters import token
from mailim.wire.part import Part
from mailim.wire.preview import preview_of
from mailim.wire.subject import base_subject

__all__ = [
    "Group",
    "HeaderForm",
    "Mailbox",
    "MessageFacts",
    "MessageLimits",
    "base_subject",
    "describe",
    "header_as",
]

_ADDRESS_FIELDS: Final[tuple[str, ...]] = ("from", "sender", "to", "cc", "bcc", "reply-to")


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """How much of a message is looked at."""

    mime: MimeLimits = field(default_factory=MimeLimits)
    header_value: int = 512 * 1024  # octets of one address or identifier field
    subject: int = 8192  # octets


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """The derived facts; addresses are in the order of the field, groups flattened.

    Of a field that stands more than once the last counts (RFC 8621 section 4.1.3).
    `grouped` holds, by lower-case field name, those fields that use group syntax.
    `text_parts`, `html_parts` and `attachments` are paths into `structure`.
    """

    structure: Part
    subject: str | None = None
    from_: tuple[Mailbox, ...] = ()
    sender: tuple[Mailbox, ...] = ()
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    grouped: Mapping[str, tuple[Group, ...]] = field(default_factory=dict)
    date: datetime | None = None  # UTC
    message_id: tuple[str, ...] = ()  # without angle brackets, as the next two
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    base_subject: str = ""
    preview: str = ""
    has_attachment: bool = False
    text_parts: tuple[str, ...] = ()
    html_parts: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    auto_submitted: str | None = None  # lower-case keyword of RFC 3834 section 5
    list_id: str | None = None  # RFC 2919, without angle brackets, lower case

    def to_json(self) -> dict[str, Any]:
        """Give a value for `json.dumps`; what is empty is left out."""
        value: dict[str, Any] = {"structure": self.structure.to_json()}
        for name in _ADDRESS_NAMES:
            value[name] = [[each.name, each.email] for each in getattr(self, name)]
        for name in (*_LIST_NAMES, *_PLAIN_NAMES):
            value[name] = getattr(self, name)
        value["date"] = self.date.isoformat() if self.date is not None else None
        value["grouped"] = {
            name: [[group.name, [[m.name, m.email] for m in group.mailboxes]] for group in groups]
            for name, groups in self.grouped.items()
        }
        return {
            name: list(given) if isinstance(given, tuple) else given
            for name, given in value.items()
            if given not in (None, (), [], {}, False)
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> MessageFacts:
        """Make the facts again from what `to_json` gave; unknown keys are ignored."""
        given: dict[str, Any] = {name: value[name] for name in _PLAIN_NAMES if name in value}
        for name in _LIST_NAMES:
            given[name] = tuple(value.get(name, ()))
        for name in _ADDRESS_NAMES:
            given[name] = tuple(Mailbox(*each) for each in value.get(name, ()))
        given["grouped"] = {
            name: tuple(Group(title, tuple(Mailbox(*m) for m in each)) for title, each in groups)
            for name, groups in value.get("grouped", {}).items()
        }
        given["date"] = datetime.fromisoformat(value["date"]) if "date" in value else None
        return cls(structure=Part.from_json(value["structure"]), **given)


_ADDRESS_NAMES: Final = ("from_", "sender", "to", "cc", "bcc", "reply_to")
_LIST_NAMES: Final = (
    "message_id", "in_reply_to", "references", "text_parts", "html_parts", "attachments",
)  # fmt: skip
_PLAIN_NAMES: Final = (
    "subject", "base_subject", "preview", "has_attachment", "auto_submitted", "list_id",
)  # fmt: skip

_DEFAULT_LIMITS: Final = MessageLimits()


def describe(
    data: bytes | memoryview | MappedOctets, limits: MessageLimits = _DEFAULT_LIMITS
) -> MessageFacts:
    """Derive the facts of a whole message; never raises, linear in its length."""
    octets = whole(data)
    structure = scan(octets, limits.mime)
    raw: dict[str, bytes] = {}
    for name, value in headers(octets, structure, limits.mime):
        raw[name.lower()] = value[: limits.header_value]
    body = body_of(structure)
    # Raw octets in a header are most often in the charset of the text below it.
    hint = next((part.charset for part in body.text + body.html if part.charset), None)
    groups = {name: parse_groups(raw[name], hint) for name in _ADDRESS_FIELDS if name in raw}
    subject = text_form(raw["subject"][: limits.subject], hint) if "subject" in raw else None
    return MessageFacts(
        structure=structure,
        subject=subject,
        **{
            field_name: _flat(groups.get(name, ()))
            for name, field_name in zip(_ADDRESS_FIELDS, _ADDRESS_NAMES, strict=True)
        },
        grouped={
            name: found
            for name, found in groups.items()
            if any(group.name is not None for group in found)
        },
        date=_utc(raw),
        message_id=message_ids(raw.get("message-id", b"")),
        in_reply_to=message_ids(raw.get("in-reply-to", b"")),
        references=message_ids(raw.get("references", b"")),
        base_subject=base_subject(subject),
        preview=preview_of(octets, body),
        has_attachment=body.has_attachment,
        text_parts=tuple(part.path for part in body.text),
        html_parts=tuple(part.path for part in body.html),
        attachments=tuple(part.path for part in body.attachments),
        auto_submitted=token(text_form(raw.get("auto-submitted", b"")[:1000])),
        list_id=_list_id(raw.get("list-id", b"")[:1000]),
    )


def _flat(groups: tuple[Group, ...]) -> tuple[Mailbox, ...]:
    return tuple(mailbox for group in groups for mailbox in group.mailboxes)


def _utc(raw: Mapping[str, bytes]) -> datetime | None:
    date = date_of(raw["date"]) if "date" in raw else None
    try:
        return date.astimezone(UTC) if date is not None else None
    except (OverflowError, ValueError):
        return None


def _list_id(raw: bytes) -> str | None:
    text = text_form(raw)
    inner = text.rpartition("<")[2].partition(">")[0]
    return "".join(inner.split()).lower() or None
