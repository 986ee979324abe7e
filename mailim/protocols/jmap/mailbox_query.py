"""Mailbox/query and Mailbox/queryChanges (RFC 8621 sections 2.3 and 2.4).

An account has few folders, so both work on all of them in memory. A change of a folder's
own properties may move any other in a tree; /queryChanges then takes all out of the
results and puts all back in, which RFC 8620 section 5.6 allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mailim.interfaces.items import Folder
from mailim.interfaces.store import IStore, ITransaction
from mailim.limits import FILTER_DEPTH, SORT_PROPERTIES
from mailim.protocols.jmap.arguments import (
    Comparator,
    QueryArguments,
    QueryChangesArguments,
    state_number,
)
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.protocols.jmap.session import COLLATIONS
from mailim.wire.jmap_ids import MAILBOX, read_id, write_id

_KEYS: Final[Mapping[str, Callable[[Folder], Any]]] = {
    "sortOrder": lambda folder: folder.sort_order,
    "name": lambda folder: folder.name.casefold(),
    "parentId": lambda folder: folder.parent_id or 0,
}
Test = Callable[[Folder], bool]


class MailboxQueryArguments(QueryArguments):
    """RFC 8621 section 2.3."""

    sort_as_tree: bool = False
    filter_as_tree: bool = False


class MailboxQueryChangesArguments(QueryChangesArguments):
    """RFC 8621 section 2.4 (the two are not named there, but decide the results)."""

    sort_as_tree: bool = False
    filter_as_tree: bool = False


class MailboxQuery:
    """Looks for folders."""

    name = "Mailbox/query"
    capability = MAIL
    arguments = MailboxQueryArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: MailboxQueryArguments) -> Mapping[str, Any]:
        """Look."""
        test = test_of(arguments.filter, caller)

        def unit(tx: ITransaction) -> tuple[list[int], int]:
            return results(tx, caller, test, arguments), tx.items.state(caller.number)

        ids, state = await self._store.read(unit)
        start = self._start(ids, caller, arguments)
        limit = len(ids) if arguments.limit is None else arguments.limit
        response = {
            "accountId": caller.account_id,
            "queryState": str(state),
            "canCalculateChanges": True,
            "position": start,
            "ids": [write_id(MAILBOX, each) for each in ids[start : start + limit]],
        }
        if arguments.calculate_total:
            response["total"] = len(ids)
        return response

    def _start(self, ids: list[int], caller: Caller, arguments: QueryArguments) -> int:
        if arguments.anchor is None:
            position = arguments.position
            return position if position >= 0 else max(0, len(ids) + position)
        anchor = read_id(MAILBOX, caller.resolve(arguments.anchor))
        if anchor not in ids:
            raise MethodError("anchorNotFound")
        return max(0, ids.index(anchor) + arguments.anchor_offset)


class MailboxQueryChanges:
    """Says how results changed."""

    name = "Mailbox/queryChanges"
    capability = MAIL
    arguments = MailboxQueryChangesArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(
        self, caller: Caller, arguments: MailboxQueryChangesArguments
    ) -> Mapping[str, Any]:
        """Say it."""
        since = state_number(arguments.since_query_state)
        test = test_of(arguments.filter, caller)

        def unit(tx: ITransaction) -> tuple[list[int], list[int], list[tuple[int, int]], int]:
            changes = tx.folders.changes(caller.number, since, self._limits.changes)
            ids = results(tx, caller, test, arguments)
            removed: list[int] = []
            added: list[tuple[int, int]] = []
            if (changes.created or changes.updated or changes.removed) and not changes.only_counts:
                gone = {*changes.removed, *(each.id for each in tx.folders.list(caller.number))}
                removed = sorted(gone - set(changes.created))
                added = list(enumerate(ids))
            return ids, removed, added, tx.items.state(caller.number)

        ids, removed, added, state = await self._store.read(unit)
        if arguments.max_changes is not None and len(removed) + len(added) > arguments.max_changes:
            raise MethodError("tooManyChanges")
        response: dict[str, Any] = {
            "accountId": caller.account_id,
            "oldQueryState": arguments.since_query_state,
            "newQueryState": str(state),
            "removed": [write_id(MAILBOX, each) for each in removed],
            "added": [{"id": write_id(MAILBOX, id), "index": at} for at, id in added],
        }
        if arguments.calculate_total:
            response["total"] = len(ids)
        return response


def results(
    tx: ITransaction,
    caller: Caller,
    test: Test,
    arguments: MailboxQueryArguments | MailboxQueryChangesArguments,
) -> list[int]:
    """Give the ids of the folders that match, in order."""
    folders = ordered(tx.folders.list(caller.number), arguments.sort)
    found = {each.id for each in folders if test(each)}
    if arguments.filter_as_tree:
        parents = {each.id: each.parent_id for each in folders}
        found = {each for each in found if _all_above(each, parents, found)}
    if arguments.sort_as_tree:
        folders = as_tree(folders)
    return [each.id for each in folders if each.id in found]


def _all_above(folder_id: int, parents: Mapping[int, int | None], found: set[int]) -> bool:
    """Say whether all folders above one are among the found."""
    at = parents[folder_id]
    while at is not None:
        if at not in found:
            return False
        at = parents.get(at)
    return True


def ordered(folders: Sequence[Folder], sort: Sequence[Comparator] | None) -> list[Folder]:
    """Sort by the comparators, then by sortOrder, name and id."""
    if len(sort or ()) > SORT_PROPERTIES:
        raise MethodError("unsupportedSort", "too many properties")
    result = sorted(folders, key=lambda each: (each.sort_order, each.name.casefold(), each.id))
    for comparator in reversed(sort or ()):
        key = _KEYS.get(comparator.property)
        if key is None or comparator.collation not in (None, *COLLATIONS):
            raise MethodError("unsupportedSort")
        result.sort(key=key, reverse=not comparator.is_ascending)
    return result


def as_tree(folders: Sequence[Folder]) -> list[Folder]:
    """Put each folder's children right behind it, keeping the order among them."""
    children: dict[int | None, list[Folder]] = {}
    for each in folders:
        children.setdefault(each.parent_id, []).append(each)
    result: list[Folder] = []
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        folder = waiting.pop()
        result.append(folder)
        waiting.extend(reversed(children.get(folder.id, [])))
    return result


def test_of(filter: Any, caller: Caller, depth: int = 0) -> Test:
    """Make a test of a filter; raises `MethodError`."""
    if filter is None:
        return lambda folder: True
    if not isinstance(filter, dict):
        raise MethodError("invalidArguments", "a filter is an object")
    if "operator" in filter:
        return _operator(filter, caller, depth)
    tests = [_condition(name, value, caller) for name, value in filter.items()]
    return lambda folder: all(test(folder) for test in tests)


def _operator(filter: Mapping[str, Any], caller: Caller, depth: int) -> Test:
    operator, conditions = filter["operator"], filter.get("conditions")
    known = operator in ("AND", "OR", "NOT") and isinstance(conditions, list)
    if not known or len(filter) != 2 or not isinstance(conditions, list):
        raise MethodError("invalidArguments", "a FilterOperator is malformed")
    if depth >= FILTER_DEPTH:
        raise MethodError("unsupportedFilter", "too deep")
    tests = [test_of(each if each is not None else 0, caller, depth + 1) for each in conditions]
    if operator == "AND":
        return lambda folder: all(test(folder) for test in tests)
    if operator == "OR":
        return lambda folder: any(test(folder) for test in tests)
    return lambda folder: not any(test(folder) for test in tests)


def _condition(name: str, value: Any, caller: Caller) -> Test:
    if name == "parentId" and (value is None or isinstance(value, str)):
        parent = None if value is None else read_id(MAILBOX, caller.resolve(value)) or -1
        return lambda folder: folder.parent_id == parent
    if name == "name" and isinstance(value, str):
        part = value.casefold()
        return lambda folder: part in folder.name.casefold()
    if name == "role" and (value is None or isinstance(value, str)):
        return lambda folder: folder.role == value
    if name == "hasAnyRole" and isinstance(value, bool):
        return lambda folder: (folder.role is not None) == value
    if name == "isSubscribed" and isinstance(value, bool):
        return lambda folder: folder.subscribed == value
    if name in ("parentId", "name", "role", "hasAnyRole", "isSubscribed"):
        raise MethodError("invalidArguments", f"filter: {name} has the wrong type")
    raise MethodError("unsupportedFilter", f"nobody can filter by {name[:100]!r}")
