"""Header fields of an Email, or of a part, that a client creates (RFC 8621 section 4.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.header_properties import header_property
from mailim.wire.compose_fields import (
    ComposeError,
    addresses_field,
    date_field,
    groups_field,
    ids_field,
    raw_field,
    text_field,
    urls_field,
)
from mailim.wire.header_forms import MAX_IDS, HeaderForm
from mailim.wire.mailboxes import MAX_MAILBOXES, Group, Mailbox

# RFC 8620 section 1.4
_DATE: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)

Fields = dict[str, list[bytes]]  # by name in lower case, as many as there are


class Wrong:
    """Gathers the properties that cannot be, so that a client hears of all at once."""

    def __init__(self) -> None:
        self.properties: dict[str, str] = {}  # and what is wrong with each

    def add(self, property: str, text: str) -> None:
        """Note one; the first thing said about it stays."""
        self.properties.setdefault(property, text)


def is_text(value: Any) -> bool:
    """Tell a string that is well-formed Unicode."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def strings(value: Any) -> list[str]:
    """Check String[]; raises `ComposeError`."""
    if not isinstance(value, list) or not all(map(is_text, value)):
        raise ComposeError("an array of strings is needed")
    if len(value) > MAX_IDS:
        raise ComposeError(f"at most {MAX_IDS} are allowed")
    return value


def read_date(value: Any) -> datetime:
    """Read a Date (RFC 8620 section 1.4); raises `ComposeError`."""
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        if found:
            zone = "+00:00" if found[3] == "Z" else found[3]
            return datetime.fromisoformat(found[1] + zone)
    except ValueError:
        pass
    raise ComposeError("a date as in 2026-10-30T14:12:00+08:00 is needed")


def read_utc_date(value: Any) -> int:
    """Read a UTCDate; gives microseconds; raises `ComposeError`."""
    date = read_date(value)
    if not value.endswith("Z") or date.year < 1970:
        raise ComposeError("a date in UTC since 1970 is needed")
    return int((date - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000


def read_mailboxes(value: Any) -> list[Mailbox]:
    """Check EmailAddress[]; raises `ComposeError`. Whether they are addresses is not asked."""
    if not isinstance(value, list):
        raise ComposeError("an array of addresses is needed")
    if len(value) > MAX_MAILBOXES:
        raise ComposeError(f"at most {MAX_MAILBOXES} addresses are allowed")
    mailboxes = []
    for each in value:
        if not isinstance(each, dict) or not each.keys() <= {"name", "email"}:
            raise ComposeError("an address has name and email")
        name, email = each.get("name"), each.get("email")
        if not isinstance(email, str) or not (name is None or isinstance(name, str)):
            raise ComposeError("an address has an email, and perhaps a name")
        mailboxes.append(Mailbox(name, email))
    return mailboxes


def _text(name: str, value: Any) -> bytes:
    if not is_text(value):
        raise ComposeError("a string is needed")
    return text_field(name, value)


def _raw(name: str, value: Any) -> bytes:
    if not is_text(value):
        raise ComposeError("a string is needed")
    return raw_field(name, value)


def _groups(name: str, value: Any) -> bytes:
    if not isinstance(value, list):
        raise ComposeError("an array of groups is needed")
    groups = []
    for each in value:
        if not isinstance(each, dict) or not each.keys() <= {"name", "addresses"}:
            raise ComposeError("a group has name and addresses")
        title = each.get("name")
        if not (title is None or is_text(title)):
            raise ComposeError("a group's name is a string")
        groups.append(Group(title, tuple(read_mailboxes(each.get("addresses")))))
    return groups_field(name, groups)


_WRITE: Final[Mapping[HeaderForm, Callable[[str, Any], bytes]]] = {
    HeaderForm.RAW: _raw,
    HeaderForm.TEXT: _text,
    HeaderForm.ADDRESSES: lambda name, value: addresses_field(name, read_mailboxes(value)),
    HeaderForm.GROUPED_ADDRESSES: _groups,
    HeaderForm.MESSAGE_IDS: lambda name, value: ids_field(name, strings(value)),
    HeaderForm.DATE: lambda name, value: date_field(name, read_date(value)),
    HeaderForm.URLS: lambda name, value: urls_field(name, strings(value)),
}
# RFC 8621 section 4.1.3
CONVENIENT: Final[Mapping[str, tuple[str, HeaderForm]]] = {
    "messageId": ("Message-ID", HeaderForm.MESSAGE_IDS),
    "inReplyTo": ("In-Reply-To", HeaderForm.MESSAGE_IDS),
    "references": ("References", HeaderForm.MESSAGE_IDS),
    "sender": ("Sender", HeaderForm.ADDRESSES),
    "from": ("From", HeaderForm.ADDRESSES),
    "to": ("To", HeaderForm.ADDRESSES),
    "cc": ("Cc", HeaderForm.ADDRESSES),
    "bcc": ("Bcc", HeaderForm.ADDRESSES),
    "replyTo": ("Reply-To", HeaderForm.ADDRESSES),
    "subject": ("Subject", HeaderForm.TEXT),
    "sentAt": ("Date", HeaderForm.DATE),
}


def is_header(property: str) -> bool:
    """Tell whether a property stands for a header field."""
    return property in CONVENIENT or property.startswith("header:")


def read_header(property: str, value: Any, path: str, fields: Fields, wrong: Wrong) -> None:
    """Write the field a property stands for into `fields`; `path` names it in errors.

    Null, and an empty list, is the same as not given.
    """
    try:
        name, form, of_all = _taken_apart(property)
        key = name.lower()
        if key == "mime-version":
            raise ComposeError("the server writes it")
        if key in fields:
            raise ComposeError(f"{name} is given twice")
        values = value if of_all else [value]
        if not isinstance(values, list):
            raise ComposeError("an array is needed")
        if of_all and None in values:
            raise ComposeError("an array without null is needed")
        given = [each for each in values if each is not None and each != []]
        if given:
            fields[key] = [_WRITE[form](name, each) for each in given]
    except MethodError as error:
        wrong.add(path, error.description)
    except ComposeError as error:
        wrong.add(path, str(error))


def _taken_apart(property: str) -> tuple[str, HeaderForm, bool]:
    if property in CONVENIENT:
        return (*CONVENIENT[property], False)
    found = header_property(property)
    # The name as the client writes it, not in lower case.
    return property.split(":", 2)[1], found.form, found.all
