"""What the /get and the /changes of all types have in common (RFC 8620 sections 5.1 and 5.2).

A type says once, in a `Kind`, what it is called, what its objects are and what happened to
them; all else is done here, in one read of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailim.interfaces.items import Changes
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
from mailim.protocols.jmap.methods import Caller


@dataclass(frozen=True, slots=True)
class Asked:
    """What a /get wants, inside a unit; `numbers` None: all there are."""

    tx: ITransaction
    caller: Caller
    numbers: Sequence[int] | None
    properties: Collection[str]
    limits: JmapLimits


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of objects that are kept by number.

    ids: the kind of their ids, see `wire.jmap_ids`. changes: gives what lists the changes of
    an account since a state, at most so many. properties, objects: for /get; `objects` gives
    them by number, those that exist, and may give more than was asked; it raises
    `MethodError` for too many. more: what else stands in the response of /changes.
    """

    name: str
    capability: str
    ids: str
    changes: Callable[[ITransaction], Callable[[int, int, int], Changes]]
    properties: Collection[str] = ()
    objects: Callable[[Asked], Mapping[int, Mapping[str, Any]]] = lambda asked: {}
    more: Callable[[Changes], Mapping[str, Any]] = lambda changes: {}


class GetMethod:
    """The /get of a kind."""

    arguments: type[Any] = GetArguments

    def __init__(self, kind: Kind, store: IStore, limits: JmapLimits) -> None:
        self.name = f"{kind.name}/get"
        self.capability = kind.capability
        self._kind = kind
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: GetArguments) -> Mapping[str, Any]:
        """Read."""
        properties = wanted_properties(arguments.properties, self._kind.properties)
        check_size(len(arguments.ids or ()), self._limits.objects_in_get)
        ids = arguments.ids
        asked = None if ids is None else numbers_of(self._kind.ids, ids, caller)

        def unit(tx: ITransaction) -> dict[str, Any]:
            numbers = None if asked is None else [each for each in asked.values() if each]
            found = self._kind.objects(Asked(tx, caller, numbers, properties, self._limits))
            chosen, missing = list(found.values()), list[str]()
            if asked is not None:
                chosen = [found[each] for each in asked.values() if each and each in found]
                missing = [id for id, number in asked.items() if number not in found]
            return get_response(caller, tx.items.state(caller.number), chosen, missing)

        return await self._store.read(unit)


class ChangesMethod:
    """The /changes of a kind."""

    arguments: type[Any] = ChangesArguments

    def __init__(self, kind: Kind, store: IStore, limits: JmapLimits) -> None:
        self.name = f"{kind.name}/changes"
        self.capability = kind.capability
        self._kind = kind
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: ChangesArguments) -> Mapping[str, Any]:
        """Say what happened."""
        since = state_number(arguments.since_state)
        limit = changes_limit(arguments, self._limits.changes)
        changes = await self._store.read(
            lambda tx: self._kind.changes(tx)(caller.number, since, limit)
        )
        response = changes_response(caller, self._kind.ids, changes)
        return {**response, **self._kind.more(changes)}
