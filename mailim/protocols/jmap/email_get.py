"""Email/get and Email/changes (RFC 8621 sections 4.2 and 4.3).

What a list shows was derived when the message was stored and costs no look at its body.
Header properties read the header, body values the parts they show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from mailim.interfaces.items import Item, ItemQuery
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.http.request import Threads
from mailim.protocols.jmap.arguments import GetArguments
from mailim.protocols.jmap.budget import Budget
from mailim.protocols.jmap.email_view import EmailView, ViewArguments
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.frames import Kind
from mailim.protocols.jmap.getting import check_size, get_response, numbers_of
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.wire.jmap_ids import EMAIL
from mailim.wire.message import MessageFacts
from mailim.wire.part import Part

EMAILS: Final = Kind("Email", MAIL, EMAIL, lambda tx: tx.items.changes)  # for /changes
_NOTHING: Final = MessageFacts(Part())
_Found = tuple[Item, MessageFacts, dict[str, Any]]


class EmailGetArguments(ViewArguments, GetArguments):
    """RFC 8621 section 4.2."""


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
        view = EmailView(arguments, self._limits)
        budget = caller.budget
        check_size(len(arguments.ids or ()), self._limits.objects_in_get)
        state, found, missing = await self._store.read(
            lambda tx: self._read(tx, caller, arguments, view, budget)
        )
        if sum(len(view.spans(facts)) for _, facts, _ in found) > self._limits.header_reads:
            raise MethodError("requestTooLarge", "too many headers at once")
        for item, facts, email in found if view.body else ():
            await view.complete(self._store.bodies, self._threads, item, facts, email, budget)
        return get_response(caller, state, [email for _, _, email in found], missing)

    def _read(
        self,
        tx: ITransaction,
        caller: Caller,
        arguments: EmailGetArguments,
        view: EmailView,
        budget: Budget,
    ) -> tuple[int, list[_Found], list[str]]:
        """Read rows and facts, and make of them what needs no body (runs in a thread)."""
        numbers = self._numbers(tx, caller, arguments)
        items = tx.items.get(caller.number, [each for each in numbers.values() if each])
        found: dict[int, _Found] = {}
        for item, facts in _with_facts(tx, items.values(), view, budget):
            email = view.simple(item, facts, budget)
            # Facts take more room than what is shown of them: few requests want them later.
            found[item.id] = (item, facts if view.body else _NOTHING, email)
        missing = [id for id, number in numbers.items() if number not in items]
        chosen = [found[each] for each in numbers.values() if each and each in found]
        return tx.items.state(caller.number), chosen, missing

    def _numbers(
        self, tx: ITransaction, caller: Caller, arguments: EmailGetArguments
    ) -> Mapping[str, int | None]:
        if arguments.ids is not None:
            return numbers_of(EMAIL, arguments.ids, caller)
        limit = self._limits.objects_in_get
        ids = tx.items.query(ItemQuery(caller.number, limit=limit + 1)).ids
        check_size(len(ids), limit)
        return {str(each): each for each in ids}


def _with_facts(
    tx: ITransaction, items: Collection[Item], view: EmailView, budget: Budget
) -> Iterator[tuple[Item, MessageFacts]]:
    """Give each item with what is known of it, which is read as it is taken."""
    of_body: dict[int, list[Item]] = {}
    for item in items:
        of_body.setdefault(item.body_id, []).append(item)
    if view.facts:
        for body_id, octets, facts in tx.items.facts_one_by_one(list(of_body)):
            if len(items) > 1:  # one alone can always be had
                budget.read(octets)
            for item in of_body.pop(body_id):
                yield item, facts
    for rest in of_body.values():
        for item in rest:
            yield item, _NOTHING
