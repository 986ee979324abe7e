"""Properties like "header:List-Post:asURLs:all" (RFC 8621 section 4.1.2 and 4.1.3)."""

from __future__ import annotations

import re
from collections.abc import Sized
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from mailim.protocols.jmap.budget import Budget
from mailim.protocols.jmap.errors import MethodError
from mailim.wire.fields import raw_fields
from mailim.wire.header_forms import HeaderForm, header_as

MAX_NAME: Final = 100
_FIELD: Final = 64  # octets a field counts for, however short it is
_PROPERTY: Final = re.compile(r"header:([!-9;-~]{1,100})(?::as([A-Za-z]{1,20}))?(:all)?")

_TEXT: Final = frozenset({HeaderForm.RAW, HeaderForm.TEXT})
_ADDRESSES: Final = frozenset({HeaderForm.RAW, HeaderForm.ADDRESSES, HeaderForm.GROUPED_ADDRESSES})
_IDS: Final = frozenset({HeaderForm.RAW, HeaderForm.MESSAGE_IDS})
_DATE: Final = frozenset({HeaderForm.RAW, HeaderForm.DATE})
_URLS: Final = frozenset({HeaderForm.RAW, HeaderForm.URLS})
_RAW: Final = frozenset({HeaderForm.RAW})

# The fields RFC 5322 and RFC 2369 define; all others may be had in any form.
_ALLOWED: Final[dict[str, frozenset[HeaderForm]]] = {
    **dict.fromkeys(("subject", "comments", "keywords", "list-id"), _TEXT),
    **dict.fromkeys(
        (
            "from", "sender", "reply-to", "to", "cc", "bcc", "resent-from", "resent-sender",
            "resent-reply-to", "resent-to", "resent-cc", "resent-bcc",
        ),
        _ADDRESSES,
    ),
    **dict.fromkeys(("message-id", "in-reply-to", "references", "resent-message-id"), _IDS),
    **dict.fromkeys(("date", "resent-date"), _DATE),
    **dict.fromkeys(
        (
            "list-help", "list-unsubscribe", "list-subscribe", "list-post", "list-owner",
            "list-archive",
        ),
        _URLS,
    ),
    **dict.fromkeys(("return-path", "received"), _RAW),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Headers:
    """The fields of a header: (name as written, raw value) in order, and values by name."""

    fields: list[tuple[str, bytes]]
    named: dict[str, list[bytes]]  # by name in lower case

    @classmethod
    def read(cls, budget: Budget, *blocks: bytes) -> Headers:
        """Take blocks of fields apart; raises `MethodError` when the budget is spent."""
        headers = cls([], {})
        for name, value in chain.from_iterable(map(raw_fields, blocks)):
            budget.read(_FIELD)
            headers.fields.append((name, value))
            headers.named.setdefault(name.lower(), []).append(value)
        return headers


@dataclass(frozen=True, slots=True)
class HeaderProperty:
    """One such property, taken apart."""

    property: str  # as the client wrote it
    field: str  # in lower case
    form: HeaderForm
    all: bool

    def read(self, headers: Headers, hint: str | None = None) -> Any:
        """Give its value: the last such field's (null if none), or all in order."""
        values = headers.named.get(self.field, [])
        if self.all:
            return header_as(self.form, values, hint)
        return header_as(self.form, values[-1:], hint)[0] if values else None


def header_property(property: str) -> HeaderProperty:
    """Take a property apart; raises `MethodError` for one that cannot be."""
    found = _PROPERTY.fullmatch(property)
    if not found:
        raise MethodError("invalidArguments", f"there is no property {property[:100]!r}")
    name = found[1].lower()
    try:
        form = HeaderForm(found[2] or "Raw")
    except ValueError:
        raise MethodError("invalidArguments", f"there is no form {found[2]!r}") from None
    if form not in _ALLOWED.get(name, frozenset(HeaderForm)):
        raise MethodError("invalidArguments", f"{found[1]} cannot be had as {form.value}")
    return HeaderProperty(property, name, form, found[3] is not None)


def check_header_properties(chosen: Sized, most: int) -> None:
    """Raises `MethodError` for more than may be asked for at once."""
    if len(chosen) > most:
        raise MethodError("requestTooLarge", f"at most {most} properties of headers")


def all_headers(headers: Headers) -> list[dict[str, str]]:
    """Give the property `headers` (EmailHeader[])."""
    fields = headers.fields
    raw = header_as(HeaderForm.RAW, [value for _, value in fields])
    return [{"name": name, "value": value} for (name, _), value in zip(fields, raw, strict=True)]
