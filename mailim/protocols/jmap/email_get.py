"""Email/get and Email/changes (RFC 8621 sections 4.2 and 4.3).

What a list shows was derived when the message was stored and costs no look at its body.
Header properties read the header, body values the parts they show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import Field

from mailim.interfaces.items import Item, ItemQuery
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.http.request import Threads
from mailim.protocols.jmap.arguments import (
    ChangesArguments,
    GetArguments,
    UnsignedInt,
    state_number,
)
from mailim.protocols.jmap.body_parts import (
    PartView,
    leaves_of,
    listed_parts,
    own_parts,
    part_view,
)
from mailim.protocols.jmap.body_values import Budget, body_value
from mailim.protocols.jmap.emails import DEFAULT, OF_FACTS, OF_ITEM, OF_PARTS, PROPERTIES
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.getting import (
    changes_limit,
    changes_response,
    check_size,
    get_response,
    numbers_of,
)
from mailim.protocols.jmap.header_properties import (
    HeaderProperty,
    RawHeaders,
    all_headers,
    header_property,
)
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.wire.fields import raw_fields
from mailim.wire.jmap_ids import EMAIL
from mailim.wire.message import MessageFacts
from mailim.wire.part import Part

MAX_HEADER: Final = 1024 * 1024  # octets of one header looked at
_Found = tuple[Item, MessageFacts, dict[str, Any]]


class EmailGetArguments(GetArguments):
    """RFC 8621 section 4.2."""

    body_properties: list[str] | None = None
    fetch_text_body_values: bool = False
    fetch_html_body_values: bool = Field(default=False, alias="fetchHTMLBodyValues")
    fetch_all_body_values: bool = False
    max_body_value_bytes: UnsignedInt = 0


class EmailGet:
    """Reads messages."""

    name = "Email/get"
    capability = MAIL
    arguments = EmailGetArguments

    def __init__(self, store: IStore, threads: Threads, limits: JmapLimits) -> None:
        self._store = store
        self._threads = threads
        self._limits = limits

    async def call(self, caller: Caller, arguments: EmailGetArguments) -> Mapping[str, Any]:
        """Read."""
        view = _View(arguments)
        check_size(len(arguments.ids or ()), self._limits.objects_in_get)
        state, found, missing = await self._store.read(
            lambda tx: self._read(tx, caller, arguments, view)
        )
        if sum(len(view.spans(facts)) for _, facts, _ in found) > self._limits.header_reads:
            raise MethodError("requestTooLarge", "too many headers at once")
        budget = Budget(self._limits.body_values_octets)
        for item, facts, email in found:
            await self._complete(item, facts, email, view, budget)
        return get_response(caller, state, [email for _, _, email in found], missing)

    def _read(
        self, tx: ITransaction, caller: Caller, arguments: EmailGetArguments, view: _View
    ) -> tuple[int, list[_Found], list[str]]:
        """Read rows and facts, and make of them what needs no body (runs in a thread)."""
        numbers = self._numbers(tx, caller, arguments)
        items = tx.items.get(caller.number, [each for each in numbers.values() if each])
        facts = tx.items.facts([each.body_id for each in items.values()]) if view.facts else {}
        nothing = MessageFacts(Part())
        found: list[_Found] = []
        for item in (items[each] for each in numbers.values() if each and each in items):
            derived = facts.get(item.body_id, nothing)
            found.append((item, derived, view.simple(item, derived)))
        missing = [id for id, number in numbers.items() if number not in items]
        return tx.items.state(caller.number), found, missing

    def _numbers(
        self, tx: ITransaction, caller: Caller, arguments: EmailGetArguments
    ) -> Mapping[str, int | None]:
        if arguments.ids is not None:
            return numbers_of(EMAIL, arguments.ids, caller)
        limit = self._limits.objects_in_get
        ids = tx.items.query(ItemQuery(caller.number, limit=limit + 1)).ids
        check_size(len(ids), limit)
        return {str(each): each for each in ids}

    async def _complete(
        self, item: Item, facts: MessageFacts, email: dict[str, Any], view: _View, budget: Budget
    ) -> None:
        """Add what needs the header or the text."""
        spans = view.spans(facts)
        if spans:
            read = self._store.bodies.read
            octets = {start: await read(item.sha256, start, end) for start, end in spans}
            view.add_headers(item, facts, email, octets)
        if "bodyValues" in view.properties:
            limit = min(
                view.max_octets or self._limits.body_value_octets, self._limits.body_value_octets
            )
            email["bodyValues"] = {
                path: await body_value(
                    self._store.bodies, self._threads, item.sha256, part, limit, budget
                )
                for path, part in view.text_parts(facts).items()
            }


class _View:
    """What of each message is asked for; checks it (`MethodError`)."""

    def __init__(self, arguments: EmailGetArguments) -> None:
        self.properties: set[str] = set()
        self.header_properties: list[HeaderProperty] = []
        for name in DEFAULT if arguments.properties is None else arguments.properties:
            if name.startswith("header:"):
                self.header_properties.append(header_property(name))
            elif name in PROPERTIES:
                self.properties.add(name)
            else:
                raise MethodError("invalidArguments", f"there is no property {name[:100]!r}")
        self.properties.add("id")
        self.parts: PartView = part_view(arguments.body_properties)
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

    def simple(self, item: Item, facts: MessageFacts) -> dict[str, Any]:
        """Give what needs no body."""
        email: dict[str, Any] = {}
        for name in self.properties:
            if name in OF_ITEM:
                email[name] = OF_ITEM[name](item)
            elif name in OF_FACTS:
                email[name] = OF_FACTS[name](facts)
        if not self.parts.headers:
            self._add_parts(item, facts, email, {})
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
        self, item: Item, facts: MessageFacts, email: dict[str, Any], octets: Mapping[int, bytes]
    ) -> None:
        """Add what the headers say, given by the places where they begin."""
        top = facts.structure
        own = [*raw_fields(item.prefix), *raw_fields(octets.get(top.header_start, b""))]
        if "headers" in self.properties:
            email["headers"] = all_headers(own)
        for each in self.header_properties:
            email[each.property] = each.read(own, top.charset)
        if self.parts.headers:
            self._add_parts(item, facts, email, octets)

    def _add_parts(
        self, item: Item, facts: MessageFacts, email: dict[str, Any], octets: Mapping[int, bytes]
    ) -> None:
        def headers(part: Part) -> RawHeaders:
            return list(raw_fields(octets.get(part.header_start, b"")))

        for name in self.properties & OF_PARTS:
            if name == "bodyStructure":
                email[name] = self.parts.of(item, facts.structure, headers, nested=True)
            else:
                parts: Sequence[Part] = listed_parts(facts, name)
                email[name] = [self.parts.of(item, part, headers) for part in parts]

    def text_parts(self, facts: MessageFacts) -> dict[str, Part]:
        """Give the parts whose text is asked for, by id."""
        if self._fetch_all:
            parts = list(leaves_of(facts.structure).values())
        else:
            parts = [part for name in self._fetched for part in listed_parts(facts, name)]
        return {part.path: part for part in parts if part.content_type.startswith("text/")}


class EmailChanges:
    """Says what happened to messages."""

    name = "Email/changes"
    capability = MAIL
    arguments = ChangesArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: ChangesArguments) -> Mapping[str, Any]:
        """Say it."""
        since = state_number(arguments.since_state)
        limit = changes_limit(arguments, self._limits.changes)
        changes = await self._store.read(lambda tx: tx.items.changes(caller.number, since, limit))
        return changes_response(caller, EMAIL, changes)
