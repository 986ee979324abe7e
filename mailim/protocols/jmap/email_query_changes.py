"""Email/queryChanges (RFC 8621 section 4.5, RFC 8620 section 5.6).

Nothing of old results is kept. Every message that changed since, and with threads every
one of its thread, is said to be removed; those of them that are in the results now are
said to be added where they stand. The standard allows this superset, and it is exact in
what matters: applied to the old results it gives the new ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mailim.interfaces.items import ItemQuery
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.jmap.arguments import QueryChangesArguments, state_number
from mailim.protocols.jmap.email_filter import ask, question, uses_threads
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.wire.jmap_ids import EMAIL, write_id

_ONE_BY_ONE: Final = 10  # so few are looked up each; else the whole result is gone through
_WHOLE: Final = 1_000_000  # ids of a result gone through at most


class EmailQueryChangesArguments(QueryChangesArguments):
    """RFC 8621 section 4.5."""

    collapse_threads: bool = False


class EmailQueryChanges:
    """Says how results changed."""

    name = "Email/queryChanges"
    capability = MAIL
    arguments = EmailQueryChangesArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(
        self, caller: Caller, arguments: EmailQueryChangesArguments
    ) -> Mapping[str, Any]:
        """Say it."""
        since = state_number(arguments.since_query_state)
        query = question(
            caller, arguments, arguments.collapse_threads, limit=0, count=arguments.calculate_total
        )
        response: dict[str, Any] = {
            "accountId": caller.account_id,
            "oldQueryState": arguments.since_query_state,
        }
        most = arguments.max_changes

        def unit(tx: ITransaction) -> None:
            now = ask(tx, query)
            if "inMailbox" not in (query.filter or {}) and tx.folders.removed(caller.number):
                # Results are without a deleted folder at once; that its messages went is
                # told while they go.
                raise MethodError("cannotCalculateChanges", "a mailbox is being deleted")
            removed, candidates = self._changed(tx, query, since)
            added = self._places(tx, query, candidates)
            if most is not None and len(removed) + len(added) > most:
                raise MethodError("tooManyChanges")
            response["newQueryState"] = str(now.state)
            if arguments.calculate_total:
                response["total"] = now.total
            response["removed"] = [write_id(EMAIL, each) for each in sorted(removed)]
            response["added"] = [
                {"id": write_id(EMAIL, id), "index": index} for index, id in sorted(added)
            ]

        await self._store.read(unit)
        return response

    def _changed(self, tx: ITransaction, query: ItemQuery, since: int) -> tuple[set[int], set[int]]:
        """Give what may have left the results, and what may be in them now."""
        account, most = query.account_id, self._limits.changed_for_query
        changes = tx.items.changes(account, since, most)
        created, updated = set(changes.created), set(changes.updated)
        more = changes.more
        if query.collapse_threads or uses_threads(query.filter, query.sort):
            threads = tx.items.thread_changes(account, since, most)
            more = more or threads.more
            items = tx.items.get(account, [*created, *updated])
            affected = {each.thread_id for each in items.values()}
            affected.update(threads.created, threads.updated)
            for ids in tx.items.thread(account, sorted(affected)).values():
                updated.update(ids)
            updated -= created
        if more or len(updated) > most:
            raise MethodError("cannotCalculateChanges", "too much has changed")
        return {*changes.removed, *updated}, created | updated

    def _places(
        self, tx: ITransaction, query: ItemQuery, candidates: set[int]
    ) -> list[tuple[int, int]]:
        """Give (index, id) of the candidates that are in the results."""
        plain = replace(query, count=False)
        if len(candidates) > _ONE_BY_ONE:
            whole = ask(tx, replace(plain, limit=_WHOLE))
            return [(index, id) for index, id in enumerate(whole.ids) if id in candidates]
        found = []
        for id in candidates:
            try:
                answer = ask(tx, replace(plain, anchor=id, limit=1))
            except MethodError as error:
                if error.type != "anchorNotFound":
                    raise
                continue
            found.append((answer.position, id))
        return found
