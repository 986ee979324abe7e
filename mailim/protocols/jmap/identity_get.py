"""Identity/get and Identity/changes (RFC 8621 sections 6.1 and 6.2).

The identity of an account's own address is made when its identities are first asked for.
"""

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
from mailim.protocols.jmap.identities import PROPERTIES, add_own, identity_object
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import SUBMISSION, Caller
from mailim.wire.jmap_ids import IDENTITY


class IdentityGet:
    """Reads identities; `ids` null gives all."""

    name = "Identity/get"
    capability = SUBMISSION
    arguments = GetArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: GetArguments) -> Mapping[str, Any]:
        """Read."""
        properties = wanted_properties(arguments.properties, PROPERTIES)
        check_size(len(arguments.ids or ()), self._limits.objects_in_get)

        def unit(tx: ITransaction) -> dict[str, Any] | None:
            identities = {each.id: each for each in tx.identities.list(caller.number)}
            if not any(each.own for each in identities.values()):
                return None
            if arguments.ids is None:
                chosen, missing = list(identities.values()), []
            else:
                numbers = numbers_of(IDENTITY, arguments.ids, caller)
                chosen = [identities[each] for each in numbers.values() if each in identities]
                missing = [id for id, number in numbers.items() if number not in identities]
            found = [identity_object(each, properties) for each in chosen]
            return get_response(caller, tx.items.state(caller.number), found, missing)

        response = await self._store.read(unit)
        if response is None:
            await self._store.write(lambda tx: add_own(tx, caller.account))
            response = await self._store.read(unit)
        return response or {}


class IdentityChanges:
    """Says what happened to identities."""

    name = "Identity/changes"
    capability = SUBMISSION
    arguments = ChangesArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: ChangesArguments) -> Mapping[str, Any]:
        """Say it."""
        since = state_number(arguments.since_state)
        limit = changes_limit(arguments, self._limits.changes)
        changes = await self._store.read(
            lambda tx: tx.identities.changes(caller.number, since, limit)
        )
        return changes_response(caller, IDENTITY, changes)
