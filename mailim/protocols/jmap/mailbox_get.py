"""Mailbox/get and Mailbox/changes (RFC 8621 sections 2.1 and 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.jmap.arguments import ChangesArguments, GetArguments, state_number
from mailim.protocols.jmap.getting import (
    changes_limit,
    changes_response,
    check_size,
    get_response,
    numbers_of,
    wanted_properties,
)
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.mailboxes import COUNTS, PROPERTIES, mailbox_object
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.wire.jmap_ids import MAILBOX


class MailboxGet:
    """Reads folders; `ids` null gives all."""

    name = "Mailbox/get"
    capability = MAIL
    arguments = GetArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: GetArguments) -> Mapping[str, Any]:
        """Read."""
        properties = wanted_properties(arguments.properties, PROPERTIES)
        check_size(len(arguments.ids or ()), self._limits.objects_in_get)

        def unit(tx: ITransaction) -> dict[str, Any]:
            folders = {each.id: each for each in tx.folders.list(caller.number)}
            state = tx.items.state(caller.number)
            if arguments.ids is None:
                chosen, missing = list(folders.values()), []
            else:
                numbers = numbers_of(MAILBOX, arguments.ids, caller)
                chosen = [folders[each] for each in numbers.values() if each in folders]
                missing = [id for id, number in numbers.items() if number not in folders]
            found = [mailbox_object(each, properties) for each in chosen]
            return get_response(caller, state, found, missing)

        return await self._store.read(unit)


class MailboxChanges:
    """Says what happened to folders."""

    name = "Mailbox/changes"
    capability = MAIL
    arguments = ChangesArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: ChangesArguments) -> Mapping[str, Any]:
        """Say it."""
        since = state_number(arguments.since_state)
        limit = changes_limit(arguments, self._limits.changes)
        changes = await self._store.read(lambda tx: tx.folders.changes(caller.number, since, limit))
        response = changes_response(caller, MAILBOX, changes)
        only_counts = changes.only_counts and changes.updated
        response["updatedProperties"] = list(COUNTS) if only_counts else None
        return response
