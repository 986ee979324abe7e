"""What a delivery report says: a multipart/report of RFC 3464, RFC 6533 for other alphabets.

`report_parts` finds the two parts that matter in a message's structure; `read_report` reads
them. A stranger wrote all of it: what is not as it should be is left out, nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from mailim.wire.encoded_words import unfold
from mailim.wire.fields import raw_fields
from mailim.wire.header_forms import message_ids
from mailim.wire.mime import decoded_body
from mailim.wire.part import Part

STATUS_OCTETS: Final = 512 * 1024  # of message/delivery-status, encoded
RETURNED_OCTETS: Final = 64 * 1024  # of the returned message, encoded
RECIPIENTS: Final = 1000  # of one report
_REPLY_CHARS: Final = 500

_STATUS_TYPES: Final = ("message/delivery-status", "message/global-delivery-status")
_RETURNED: Final = ("text/rfc822-headers", "message/global-headers")
_WHOLE: Final = ("message/rfc822", "message/global")
_BLANK_LINES: Final = re.compile(rb"(?:\r?\n[ \t]*){2,}")
_ACTIONS: Final = ("failed", "delayed", "delivered", "relayed", "expanded")  # RFC 3464 2.3.3
_STATUS: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")  # RFC 3463
_REPLY: Final = re.compile(r"[245][0-9]{2}(?:[ -].*)?")  # RFC 5321 4.2
_XTEXT: Final = re.compile(r"\+([0-9A-F]{2})")  # RFC 3461 4
_UNITEXT: Final = re.compile(r"\\x\{([0-9A-F]{2,6})\}")  # RFC 6533 3
_CODES: Final = {"failed": ("550", "5.0.0"), "delayed": ("451", "4.0.0")}


@dataclass(frozen=True, slots=True)
class ReportedRecipient:
    """What happened to one; `addresses` name it, in lower case; `reply` is one of SMTP."""

    addresses: frozenset[str]
    action: str  # failed, delayed, delivered, relayed or expanded
    reply: str


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a report is about, and what it says; `message_id` without angle brackets."""

    envid: str
    message_id: str
    recipients: tuple[ReportedRecipient, ...]


@dataclass(frozen=True, slots=True)
class ReportParts:
    """Where the parts of a report are; `returned` is the original, or its header, if any."""

    status: Part
    returned: Part | None

    @property
    def spans(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Give the octets of both that `read_report` wants, as (start, end)."""
        status, returned = self.status, self.returned
        end = min(status.body_end, status.body_start + STATUS_OCTETS)
        if returned is None:
            return (status.body_start, end), (0, 0)
        returned_end = min(returned.body_end, returned.body_start + RETURNED_OCTETS)
        return (status.body_start, end), (returned.body_start, returned_end)


def report_parts(structure: Part) -> ReportParts | None:
    """Find the parts of a delivery report; None for any other message (RFC 6522 3)."""
    kind = structure.params.get("report-type", "").lower()
    if structure.content_type != "multipart/report" or kind != "delivery-status":
        return None
    status = next((each for each in structure.children if each.content_type in _STATUS_TYPES), None)
    if status is None:
        return None
    kinds = (*_RETURNED, *_WHOLE)
    returned = next((each for each in structure.children if each.content_type in kinds), None)
    return ReportParts(status, returned)


def read_report(parts: ReportParts, status: bytes, returned: bytes) -> DeliveryReport:
    """Read the octets of `ReportParts.spans`."""
    blocks = _blocks(_decoded(parts.status, status))
    recipients = [_recipient(each) for each in blocks if "action" in each]
    message_id = ""
    if parts.returned is not None:
        message_id = _message_id(_decoded(parts.returned, returned))
    return DeliveryReport(
        _plain(blocks[0].get("original-envelope-id", "")),
        message_id,
        tuple(each for each in recipients if each is not None),
    )


def _decoded(part: Part, octets: bytes) -> bytes:
    # What a message/rfc822 holds is not encoded (RFC 2046 5.2.1), whatever the part says.
    if part.content_type == "message/rfc822":
        return octets
    moved = replace(part, header_start=0, body_start=0, body_end=len(octets))
    return decoded_body(octets, moved, len(octets))


def _blocks(octets: bytes) -> list[Mapping[str, str]]:
    """Give the fields of the mail, then of each recipient (RFC 3464 2.1)."""
    blocks = _BLANK_LINES.split(octets.strip(), maxsplit=RECIPIENTS + 1)
    return [{name.lower(): unfold(value) for name, value in raw_fields(each)} for each in blocks]


def _recipient(fields: Mapping[str, str]) -> ReportedRecipient | None:
    words = fields.get("action", "").split()
    action = words[0].lower() if words else ""
    named = [_addresses(fields.get(f"{name}-recipient", "")) for name in ("original", "final")]
    addresses = frozenset().union(*named)
    if action not in _ACTIONS or not addresses:
        return None
    return ReportedRecipient(addresses, action, _reply(fields, action))


def _addresses(typed: str) -> frozenset[str]:
    """Read "rfc822; kim@example.org" (RFC 3464 2.3.1), in lower case; nothing of other kinds.

    Original-Recipient may be xtext or not, by who wrote it: where both can be, both are given.
    """
    kind, _, text = typed.partition(";")
    kind, text = kind.strip().lower(), _plain(text)
    if kind == "utf-8":
        text = _UNITEXT.sub(lambda found: _char(int(found[1], 16)), text)
    elif kind != "rfc822":
        return frozenset()
    decoded = _XTEXT.sub(lambda found: chr(int(found[1], 16)), text)
    named = (text, decoded) if decoded.isprintable() else (text,)
    return frozenset(each.lower() for each in named if each)


def _char(number: int) -> str:
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else ""


def _reply(fields: Mapping[str, str], action: str) -> str:
    """Give what the last server said, or a reply made of the status."""
    kind, _, text = fields.get("diagnostic-code", "").partition(";")
    text = _plain(text)
    if kind.strip().lower() == "smtp" and _REPLY.fullmatch(text):
        return text
    code, known = _CODES.get(action, ("250", "2.0.0"))
    said = _STATUS.match(_plain(fields.get("status", "")))
    return f"{code} {said[0] if said and said[0][0] == known[0] else known} {action.title()}"


def _message_id(header: bytes) -> str:
    end = re.search(rb"\r?\n\r?\n", header)
    found = ""
    for name, value in raw_fields(header if end is None else header[: end.start()]):
        if name.lower() == "message-id":
            found = next(iter(message_ids(value)), "")
    return found


def _plain(text: str) -> str:
    """Make a stranger's text one line of printable characters."""
    shown = "".join(char if char.isprintable() else " " for char in text[: 4 * _REPLY_CHARS])
    return " ".join(shown.split())[:_REPLY_CHARS]
