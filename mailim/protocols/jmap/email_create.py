"""An Email a client creates, read and checked (RFC 8621 section 4.6).

Everything that is wrong with it is found out before anything is written, and told at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mailim.protocols.jmap.email_create_headers import (
    Fields,
    Wrong,
    is_header,
    is_text,
    read_header,
    read_utc_date,
)
from mailim.protocols.jmap.email_create_parts import Parts
from mailim.protocols.jmap.emails import PROPERTIES
from mailim.protocols.jmap.errors import SetError, invalid_properties
from mailim.protocols.jmap.limits import JmapLimits
from mailim.wire.compose_fields import ComposeError
from mailim.wire.compose_parts import Entity

_OF_BODY: Final = ("bodyStructure", "textBody", "htmlBody", "attachments", "bodyValues")
_OF_ITEM: Final = ("mailboxIds", "keywords", "receivedAt")
# In the order people are used to; others follow as they are given.
_ORDER: Final = (
    "date", "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "message-id",
    "in-reply-to", "references",
)  # fmt: skip


@dataclass(slots=True)
class NewEmail:
    """An Email as it is to be made.

    `blobs`: the parts that wait for each blob id. `received`: microseconds, None for now.
    """

    mailbox_ids: Any
    keywords: Any
    received: int | None
    fields: Fields
    body: Entity
    blobs: Mapping[str, list[Entity]]

    def ordered_fields(self) -> list[bytes]:
        """Give the header fields of the message, but for those of MIME."""
        names = dict.fromkeys((*(name for name in _ORDER if name in self.fields), *self.fields))
        return [each for name in names for each in self.fields[name]]


def read_email(value: Mapping[str, Any], limits: JmapLimits) -> NewEmail:
    """Read an Email; raises `SetError`. Mailboxes and keywords are checked by who adds it."""
    # Texts apart, nothing of it is large; and what is not large is quickly written.
    weight = sum(len(name) + _weight(each) for name, each in value.items() if name != "bodyValues")
    if weight > limits.created_header_octets:
        raise SetError("tooLarge", f"headers have up to {limits.created_header_octets} octets")
    wrong = Wrong()
    fields: Fields = {}
    for name, each in value.items():
        if is_header(name):
            if name.lower().startswith("header:content-"):
                wrong.add(name, "such a field belongs to a part")
            else:
                read_header(name, each, name, fields, wrong)
        elif name not in PROPERTIES:
            wrong.add(name, "there is no such property")
        elif name not in _OF_BODY and name not in _OF_ITEM and each is not None:
            wrong.add(name, "the server sets it")
    if "mailboxIds" not in value:
        wrong.add("mailboxIds", "a message is in one mailbox at least")
    parts = Parts(_texts(value.get("bodyValues"), wrong), limits, wrong)
    body = _body(value, parts)
    received = _received(value, wrong)
    if body is not None:
        _check_twice(value, fields, wrong)
    if wrong.properties or body is None:
        texts = dict.fromkeys(f"{name[:200]}: {text}" for name, text in wrong.properties.items())
        raise invalid_properties("; ".join([*texts][:10]), *wrong.properties)
    new = NewEmail(value["mailboxIds"], value.get("keywords"), received, fields, body, parts.blobs)
    _check_size(new, parts, limits)
    return new


def _check_size(new: NewEmail, parts: Parts, limits: JmapLimits) -> None:
    header = sum(len(each) for fields in new.fields.values() for each in fields)
    if header > limits.created_header_octets:
        raise SetError("tooLarge", f"headers have up to {limits.created_header_octets} octets")
    if parts.text_octets > limits.created_text_octets:
        raise SetError("tooLarge", f"texts have up to {limits.created_text_octets} octets")


def _weight(value: Any) -> int:
    """Count the characters of all strings in a value."""
    count = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting.extend(each)
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
        count += len(each) if isinstance(each, str) else 1
    return count


def _received(value: Mapping[str, Any], wrong: Wrong) -> int | None:
    try:
        given = value.get("receivedAt")
        return None if given is None else read_utc_date(given)
    except ComposeError as error:
        wrong.add("receivedAt", str(error))
        return None


def _texts(values: Any, wrong: Wrong) -> dict[str, str]:
    """Check EmailBodyValue objects; gives their texts by part id."""
    texts: dict[str, str] = {}
    if values is None:
        return texts
    if not isinstance(values, dict):
        wrong.add("bodyValues", "an object is needed")
        return texts
    for key, each in values.items():
        path = f"bodyValues/{key[:100]}"
        if not isinstance(each, dict) or not is_text(each.get("value")):
            wrong.add(path, "it has a value, a string")
        elif not each.keys() <= {"value", "isEncodingProblem", "isTruncated"}:
            wrong.add(path, "it has a value only")
        elif each.get("isEncodingProblem") or each.get("isTruncated"):
            wrong.add(path, "isEncodingProblem and isTruncated are false")
        else:
            texts[key] = each["value"]
    return texts


def _body(value: Mapping[str, Any], parts: Parts) -> Entity | None:
    if value.get("bodyStructure") is not None:
        for name in ("textBody", "htmlBody", "attachments"):
            if value.get(name) is not None:
                parts.wrong.add(name, "bodyStructure is given already")
        return parts.read(value["bodyStructure"], "bodyStructure")
    before = len(parts.wrong.properties)
    text = _one(value, "textBody", "text/plain", parts)
    html = _one(value, "htmlBody", "text/html", parts)
    attachments = _attachments(value.get("attachments"), parts)
    if len(parts.wrong.properties) > before:
        return None
    return arranged(text, html, attachments)


def _one(value: Mapping[str, Any], name: str, kind: str, parts: Parts) -> Entity | None:
    given = value.get(name)
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 1:
        parts.wrong.add(name, "an array of one part is needed")
        return None
    read = parts.read(given[0], f"{name}/0", kind)
    if read is not None and read.content_type != kind:
        parts.wrong.add(f"{name}/0/type", f"it is {kind}")
    return read


def _attachments(given: Any, parts: Parts) -> list[Entity]:
    if given is None:
        return []
    if not isinstance(given, list):
        parts.wrong.add("attachments", "an array is needed")
        return []
    read = [
        parts.read(each, f"attachments/{place}")
        for place, each in enumerate(given[: parts.limits.created_parts + 1])
    ]
    return [each for each in read if each is not None]


def arranged(text: Entity | None, html: Entity | None, attachments: list[Entity]) -> Entity:
    """Put text, HTML and attachments together.

    Pictures an HTML text shows (inline, with a Content-ID) are related to it (RFC 2387);
    text and HTML are alternatives; what else there is follows (RFC 2046 section 5.1).
    """
    shown = [each for each in attachments if html is not None and _is_shown(each)]
    others = [each for each in attachments if not any(each is one for one in shown)]
    for each in others:
        if each.disposition is None:
            each.disposition = "attachment"
            name = dict(each.params).pop("name", None)
            if name is not None:
                each.params = {key: given for key, given in each.params.items() if key != "name"}
                each.disposition_params = {**each.disposition_params, "filename": name}
    if html is not None and shown:
        html = Entity("multipart/related", {"type": "text/html"}, children=[html, *shown])
    bodies = [each for each in (text, html) if each is not None]
    if len(bodies) == 2:
        bodies = [Entity("multipart/alternative", children=bodies)]
    if others:
        return Entity("multipart/mixed", children=[*bodies, *others])
    return bodies[0] if bodies else Entity("text/plain", {"charset": "utf-8"}, text="")


def _is_shown(part: Entity) -> bool:
    has_id = any(each.lower().startswith(b"content-id:") for each in part.fields)
    return has_id and part.disposition in (None, "inline")


def _check_twice(value: Mapping[str, Any], fields: Fields, wrong: Wrong) -> None:
    """The part at the top shares the message's header: no field stands in it twice."""
    top = value.get("bodyStructure")
    for name in top if isinstance(top, dict) else ():
        if name.startswith("header:") and name.split(":")[1].lower() in fields:
            wrong.add(f"bodyStructure/{name}", "the Email has this field already")
