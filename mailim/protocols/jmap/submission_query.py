"""EmailSubmission/query and EmailSubmission/queryChanges (RFC 8621 sections 7.3 and 7.4).

What was sent is kept for some weeks, so both work on all submissions of an account in
memory. A submission's place never changes, but what it matches may: /queryChanges takes all
that changed out of the results and puts back those that are in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mailim.interfaces.store import IStore, ITransaction
from mailim.interfaces.submissions import Submission
from mailim.limits import FILTER_CONDITIONS, FILTER_DEPTH, SORT_PROPERTIES
from mailim.protocols.jmap.arguments import (
    Comparator,
    QueryArguments,
    QueryChangesArguments,
    state_number,
)
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import SUBMISSION, Caller
from mailim.wire.jmap_ids import EMAIL, IDENTITY, THREAD, read_id, write_id
from mailim.wire.jmap_ids import SUBMISSION as KIND

_KEYS: Final[Mapping[str, Callable[[Submission], Any]]] = {
    "emailId": lambda each: each.item_id,
    "threadId": lambda each: each.thread_id,
    "sentAt": lambda each: each.send_at,
    "sendAt": lambda each: each.send_at,  # RFC 8621 calls the property so, and the sort sentAt
}
_LISTS: Final[Mapping[str, tuple[str, Callable[[Submission], int]]]] = {
    "identityIds": (IDENTITY, lambda each: each.identity_id),
    "emailIds": (EMAIL, lambda each: each.item_id),
    "threadIds": (THREAD, lambda each: each.thread_id),
}
_STATUSES: Final = ("pending", "final", "canceled")
_Test = Callable[[Submission], bool]


class EmailSubmissionQuery:
    """Looks for submissions."""

    name = "EmailSubmission/query"
    capability = SUBMISSION
    arguments = QueryArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: QueryArguments) -> Mapping[str, Any]:
        """Look."""
        results = _results_of(caller, arguments.filter, arguments.sort)

        def unit(tx: ITransaction) -> tuple[list[int], int]:
            return results(tx), tx.items.state(caller.number)

        ids, state = await self._store.read(unit)
        start = _start(ids, caller, arguments)
        most = self._limits.objects_in_query
        limit = most if arguments.limit is None else min(arguments.limit, most)
        response = {
            "accountId": caller.account_id,
            "queryState": str(state),
            "canCalculateChanges": True,
            "position": start,
            "ids": [write_id(KIND, each) for each in ids[start : start + limit]],
        }
        if arguments.limit is None or arguments.limit > most:
            response["limit"] = most
        if arguments.calculate_total:
            response["total"] = len(ids)
        return response


class EmailSubmissionQueryChanges:
    """Says how results changed."""

    name = "EmailSubmission/queryChanges"
    capability = SUBMISSION
    arguments = QueryChangesArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: QueryChangesArguments) -> Mapping[str, Any]:
        """Say it."""
        since = state_number(arguments.since_query_state)
        results = _results_of(caller, arguments.filter, arguments.sort)
        response: dict[str, Any] = {
            "accountId": caller.account_id,
            "oldQueryState": arguments.since_query_state,
        }

        def unit(tx: ITransaction) -> None:
            changes = tx.submissions.changes(caller.number, since, self._limits.changes)
            if changes.more:
                raise MethodError("cannotCalculateChanges", "too much has changed")
            touched = {*changes.created, *changes.updated}
            removed = sorted({*changes.updated, *changes.removed})
            ids = results(tx)
            added = [(at, id) for at, id in enumerate(ids) if id in touched]
            most = arguments.max_changes
            if most is not None and len(removed) + len(added) > most:
                raise MethodError("tooManyChanges")
            response["newQueryState"] = str(changes.new)
            response["removed"] = [write_id(KIND, each) for each in removed]
            response["added"] = [{"id": write_id(KIND, id), "index": at} for at, id in added]
            if arguments.calculate_total:
                response["total"] = len(ids)

        await self._store.read(unit)
        return response


def _start(ids: list[int], caller: Caller, arguments: QueryArguments) -> int:
    if arguments.anchor is None:
        position = arguments.position
        return position if position >= 0 else max(0, len(ids) + position)
    anchor = read_id(KIND, caller.resolve(arguments.anchor))
    if anchor not in ids:
        raise MethodError("anchorNotFound")
    return max(0, ids.index(anchor) + arguments.anchor_offset)


def _results_of(
    caller: Caller, filter: Any, sort: Sequence[Comparator] | None
) -> Callable[[ITransaction], list[int]]:
    """Give what finds the ids that match, in order; raises `MethodError`."""
    test = _Filter(caller).read(filter)
    order = list(sort or ())
    if len(order) > SORT_PROPERTIES or any(each.property not in _KEYS for each in order):
        raise MethodError("unsupportedSort")

    def results(tx: ITransaction) -> list[int]:
        found = [each for each in tx.submissions.brief(caller.number) if test(each)]
        if not order:
            found.reverse()  # the newest first
        for each in reversed(order):
            found.sort(key=_KEYS[each.property], reverse=not each.is_ascending)
        return [each.id for each in found]

    return results


class _Filter:
    """Makes a test of a filter."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._conditions = 0

    def read(self, filter: Any, depth: int = 0) -> _Test:
        """Raises `MethodError` for what cannot be asked."""
        if filter is None and depth == 0:
            return lambda each: True
        self._conditions += 1
        if self._conditions > FILTER_CONDITIONS or depth > FILTER_DEPTH:
            raise MethodError("unsupportedFilter", "too much is asked")
        if not isinstance(filter, dict):
            raise MethodError("invalidArguments", "a filter is an object")
        if "operator" in filter:
            return self._operator(filter, depth)
        tests = [self._condition(name, value) for name, value in filter.items()]
        return lambda each: all(test(each) for test in tests)

    def _operator(self, filter: Mapping[str, Any], depth: int) -> _Test:
        operator, conditions = filter["operator"], filter.get("conditions")
        known = operator in ("AND", "OR", "NOT") and len(filter) == 2
        if not known or not isinstance(conditions, list):
            raise MethodError("invalidArguments", "a FilterOperator is malformed")
        tests = [self.read(each, depth + 1) for each in conditions]
        if operator == "AND":
            return lambda each: all(test(each) for test in tests)
        if operator == "OR":
            return lambda each: any(test(each) for test in tests)
        return lambda each: not any(test(each) for test in tests)

    def _condition(self, name: str, value: Any) -> _Test:
        if name in _LISTS and _is_list_of_text(value):
            kind, read = _LISTS[name]
            wanted = {read_id(kind, self._caller.resolve(each)) for each in value}
            return lambda each: read(each) in wanted
        if name == "undoStatus" and value in _STATUSES:
            return lambda each: each.undo_status == value
        if name in ("before", "after") and isinstance(value, str):
            time = _time(value)
            if name == "before":
                return lambda each: each.send_at < time
            return lambda each: each.send_at >= time
        if name in (*_LISTS, "undoStatus", "before", "after"):
            raise MethodError("invalidArguments", f"filter: {name} has the wrong type")
        raise MethodError("unsupportedFilter", f"nobody can filter by {name[:100]!r}")


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _time(text: str) -> int:
    """Read a UTCDate (RFC 8620 section 1.4), in microseconds."""
    try:
        time = datetime.fromisoformat(text[:40])
        if text.endswith("Z") and "T" in text:
            return int(time.astimezone(UTC).timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        pass
    raise MethodError("invalidArguments", "filter: not a UTCDate")
