"""EmailBodyPart objects (RFC 8621 section 4.1.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mailim.interfaces.items import Item
from mailim.protocols.jmap.blob_ids import blob_of_part
from mailim.protocols.jmap.budget import Budget
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.header_properties import (
    HeaderProperty,
    Headers,
    all_headers,
    check_header_properties,
    header_property,
)
from mailim.wire.message import MessageFacts
from mailim.wire.part import Part

_SIMPLE: Final[Mapping[str, Callable[[Item, Part], Any]]] = {
    "partId": lambda item, part: None if part.is_multipart else part.path,
    "blobId": lambda item, part: None if part.is_multipart else blob_of_part(item, part.path),
    "size": lambda item, part: part.size,
    "name": lambda item, part: part.filename,
    "type": lambda item, part: part.content_type,
    "charset": lambda item, part: part.charset,
    "disposition": lambda item, part: part.disposition,
    "cid": lambda item, part: part.cid,
    "language": lambda item, part: list(part.language) or None,
    "location": lambda item, part: part.location,
}
_NO_HEADERS: Final = Headers([], {})
# RFC 8621 section 4.2
DEFAULT: Final = tuple(_SIMPLE)


@dataclass(frozen=True, slots=True)
class PartView:
    """Which properties of parts are shown; `headers` says whether any is of the header."""

    simple: tuple[str, ...]
    sub_parts: bool
    all_headers: bool
    header_properties: tuple[HeaderProperty, ...]

    @property
    def headers(self) -> bool:
        """The parts' headers have to be read."""
        return self.all_headers or bool(self.header_properties)

    def of(
        self,
        item: Item,
        part: Part,
        headers: Mapping[int, Headers],
        budget: Budget,
        nested: bool = False,
    ) -> dict[str, Any]:
        """Give the object of a part; with `nested` also of those in it.

        headers: by where they begin.
        """
        value = budget.shown({name: _SIMPLE[name](item, part) for name in self.simple})
        if nested or self.sub_parts:
            value["subParts"] = (
                [self.of(item, each, headers, budget, nested) for each in part.children]
                if part.is_multipart
                else None
            )
        if self.headers:
            own = headers.get(part.header_start, _NO_HEADERS)
            if self.all_headers:
                value["headers"] = budget.shown(all_headers(own))
            for each in self.header_properties:
                value[each.property] = budget.shown(each.read(own, part.charset))
        shown: dict[str, Any] = value
        return shown


def part_view(properties: Sequence[str] | None, most: int) -> PartView:
    """Check `bodyProperties`, `most` of them of the header; raises `MethodError`."""
    simple: list[str] = []
    of_headers: list[HeaderProperty] = []
    chosen = dict.fromkeys(DEFAULT if properties is None else properties)
    for name in chosen:
        if name in _SIMPLE:
            simple.append(name)
        elif name.startswith("header:"):
            of_headers.append(header_property(name))
        elif name not in ("headers", "subParts"):
            raise MethodError("invalidArguments", f"a part has no property {name[:100]!r}")
    check_header_properties(of_headers, most)
    return PartView(tuple(simple), "subParts" in chosen, "headers" in chosen, tuple(of_headers))


def listed_parts(facts: MessageFacts, name: str) -> list[Part]:
    """Give the parts in `textBody`, `htmlBody` or `attachments`."""
    paths = {
        "textBody": facts.text_parts,
        "htmlBody": facts.html_parts,
        "attachments": facts.attachments,
    }[name]
    leaves = leaves_of(facts.structure)
    return [leaves[path] for path in paths if path in leaves]


def own_parts(structure: Part) -> list[Part]:
    """Give all parts in order; what a message/rfc822 holds is not ours."""
    parts: list[Part] = []
    waiting = [structure]
    while waiting:
        part = waiting.pop()
        parts.append(part)
        waiting.extend(reversed(part.children))
    return parts


def leaves_of(structure: Part) -> dict[str, Part]:
    """Give the parts that are no multipart, by path."""
    return {part.path: part for part in own_parts(structure) if not part.is_multipart}
