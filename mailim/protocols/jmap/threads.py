"""Thread/get and Thread/changes (RFC 8621 sections 3.1 and 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.jmap.arguments import ChangesArguments, GetArguments, state_number
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.getting import (
    changes_limit,
    changes_response,
    check_size,
    get_response,
    numbers_of,
    wanted_properties,
)
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.wire.jmap_ids import EMAIL, THREAD, write_id


class ThreadGet:
    """Reads conversations: the ids of their messages, oldest first."""

    name = "Thread/get"
    capability = MAIL
    arguments = GetArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: GetArguments) -> Mapping[str, Any]:
        """Read."""
        properties = wanted_properties(arguments.properties, ("id", "emailIds"))
        if arguments.ids is None:
            raise MethodError("requestTooLarge", "name the threads")
        check_size(len(arguments.ids), self._limits.objects_in_get)
        numbers = numbers_of(THREAD, arguments.ids, caller)

        def unit(tx: ITransaction) -> dict[str, Any]:
            asked = [each for each in numbers.values() if each]
            threads = tx.items.thread(caller.number, asked)
            found: list[dict[str, Any]] = []
            for id, number in numbers.items():
                if number is not None and number in threads:
                    emails = [write_id(EMAIL, each) for each in threads[number]]
                    thread = {"id": id, "emailIds": emails}
                    found.append({name: thread[name] for name in thread if name in properties})
            missing = [id for id, number in numbers.items() if number not in threads]
            return get_response(caller, tx.items.state(caller.number), found, missing)

        return await self._store.read(unit)


class ThreadChanges:
    """Says what happened to conversations."""

    name = "Thread/changes"
    capability = MAIL
    arguments = ChangesArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: ChangesArguments) -> Mapping[str, Any]:
        """Say it."""
        since = state_number(arguments.since_state)
        limit = changes_limit(arguments, self._limits.changes)
        changes = await self._store.read(
            lambda tx: tx.items.thread_changes(caller.number, since, limit)
        )
        return changes_response(caller, THREAD, changes)
