"""What of messages is asked for, and how it is shown (RFC 8621 sections 4.1, 4.2 and 4.9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

from pydantic import Field
from twisted.internet.defer import maybeDeferred

from mailim.interfaces.bodies import IBodies
from mailim.interfaces.items import Item
from mailim.protocols.http.request import Threads
from mailim.protocols.jmap.arguments import Arguments, UnsignedInt
from mailim.protocols.jmap.body_parts import (
    PartView,
    leaves_of,
    listed_parts,
    own_parts,
    part_view,
)
from mailim.protocols.jmap.body_values import body_value
from mailim.protocols.jmap.budget import Budget
from mailim.protocols.jmap.emails import DEFAULT, OF_FACTS, OF_ITEM, OF_PARTS, PROPERTIES
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.header_properties import (
    HeaderProperty,
    Headers,
    all_headers,
    check_header_properties,
    header_property,
)
from mailim.protocols.jmap.limits import JmapLimits
from mailim.wire.message import MessageFacts
from mailim.wire.part import Part

MAX_HEADER: Final = 1024 * 1024  # octets of one header looked at
_LONG: Final = 16 * 1024  # octets of headers that are better taken apart in a thread


class ViewArguments(Arguments):
    """RFC 8621 section 4.2: what Email/get and Email/parse show."""

    properties: list[str] | None = None
    body_properties: list[str] | None = None
    fetch_text_body_values: bool = False
    fetch_html_body_values: bool = Field(default=False, alias="fetchHTMLBodyValues")
    fetch_all_body_values: bool = False
    max_body_value_bytes: UnsignedInt = 0


class EmailView:
    """What of each message is asked for; checks it (`MethodError`)."""

    def __init__(
        self, arguments: ViewArguments, limits: JmapLimits, default: Collection[str] = DEFAULT
    ) -> None:
        self.properties: set[str] = set()
        self.header_properties: list[HeaderProperty] = []
        asked = default if arguments.properties is None else arguments.properties
        for name in dict.fromkeys(asked):
            if name.startswith("header:"):
                self.header_properties.append(header_property(name))
            elif name in PROPERTIES:
                self.properties.add(name)
            else:
                raise MethodError("invalidArguments", f"there is no property {name[:100]!r}")
        self.properties.add("id")
        check_header_properties(self.header_properties, limits.header_properties)
        self.parts: PartView = part_view(arguments.body_properties, limits.header_properties)
        self.max_octets = arguments.max_body_value_bytes
        self.facts = bool(self.properties - OF_ITEM.keys() or self.header_properties)
        self._fetched = [
            name
            for name, wanted in (
                ("textBody", arguments.fetch_text_body_values),
                ("htmlBody", arguments.fetch_html_body_values),
            )
            if wanted
        ]
        self._fetch_all = arguments.fetch_all_body_values

    @property
    def body(self) -> bool:
        """The message itself has to be read, not only what was derived from it."""
        of_header = "headers" in self.properties or bool(self.header_properties)
        of_parts = self.parts.headers and bool(self.properties & OF_PARTS)
        return of_header or of_parts or "bodyValues" in self.properties

    def simple(self, item: Item, facts: MessageFacts, budget: Budget) -> dict[str, Any]:
        """Give what needs no body; raises `MethodError` for too much."""
        email: dict[str, Any] = {}
        for name in self.properties:
            if name in OF_ITEM:
                email[name] = budget.shown(OF_ITEM[name](item))
            elif name in OF_FACTS:
                email[name] = budget.shown(OF_FACTS[name](facts))
        if not self.parts.headers:
            self._add_parts(item, facts, email, {}, budget)
        return email

    def spans(self, facts: MessageFacts) -> list[tuple[int, int]]:
        """Give the places of the headers that have to be read."""
        parts: list[Part] = []
        if "headers" in self.properties or self.header_properties:
            parts.append(facts.structure)
        if self.parts.headers and self.properties & OF_PARTS:
            parts.extend(own_parts(facts.structure))
        return sorted(
            {
                (part.header_start, min(part.body_start, part.header_start + MAX_HEADER))
                for part in parts
            }
        )

    def add_headers(
        self,
        item: Item,
        facts: MessageFacts,
        email: dict[str, Any],
        octets: Mapping[int, bytes],
        budget: Budget,
    ) -> None:
        """Add what the headers say, given by the places where they begin."""
        top = facts.structure
        if "headers" in self.properties or self.header_properties:
            own = Headers.read(budget, item.prefix, octets.get(top.header_start, b""))
            if "headers" in self.properties:
                email["headers"] = budget.shown(all_headers(own))
            for each in self.header_properties:
                email[each.property] = budget.shown(each.read(own, top.charset))
        if self.parts.headers:
            headers = {start: Headers.read(budget, each) for start, each in octets.items()}
            self._add_parts(item, facts, email, headers, budget)

    async def complete(
        self,
        bodies: IBodies,
        threads: Threads,
        item: Item,
        facts: MessageFacts,
        email: dict[str, Any],
        budget: Budget,
    ) -> None:
        """Add what needs the header or the text; raises `MethodError` for too much text."""
        spans = self.spans(facts)
        if spans:
            length = sum(end - start for start, end in spans)
            budget.read(length)
            octets = {start: await bodies.read(item.sha256, start, end) for start, end in spans}
            add = partial(self.add_headers, item, facts, email, octets, budget)
            await (threads(add) if length > _LONG else maybeDeferred(add))
        if "bodyValues" in self.properties:
            limit = min(self.max_octets or budget.each_text, budget.each_text)
            email["bodyValues"] = {
                path: await body_value(bodies, threads, item.sha256, part, limit, budget)
                for path, part in self.text_parts(facts).items()
            }

    def _add_parts(
        self,
        item: Item,
        facts: MessageFacts,
        email: dict[str, Any],
        headers: Mapping[int, Headers],
        budget: Budget,
    ) -> None:
        for name in self.properties & OF_PARTS:
            if name == "bodyStructure":
                email[name] = self.parts.of(item, facts.structure, headers, budget, nested=True)
            else:
                parts: Sequence[Part] = listed_parts(facts, name)
                email[name] = [self.parts.of(item, part, headers, budget) for part in parts]

    def text_parts(self, facts: MessageFacts) -> dict[str, Part]:
        """Give the parts whose text is asked for, by id."""
        if self._fetch_all:
            parts = list(leaves_of(facts.structure).values())
        else:
            parts = [part for name in self._fetched for part in listed_parts(facts, name)]
        return {part.path: part for part in parts if part.content_type.startswith("text/")}
