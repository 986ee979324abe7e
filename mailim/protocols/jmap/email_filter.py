"""Filters and sorts of Email/query, checked and made ready for the store (RFC 8621 4.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from mailim.errors import Invalid, LimitExceeded, NotFound
from mailim.interfaces.items import ItemIds, ItemQuery
from mailim.interfaces.store import ITransaction
from mailim.limits import FILTER_DEPTH
from mailim.protocols.jmap.arguments import Comparator, QueryArguments, QueryChangesArguments
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.limits import MAX_INT
from mailim.protocols.jmap.methods import Caller
from mailim.protocols.jmap.session import COLLATIONS, EMAIL_SORTS
from mailim.wire.jmap_ids import MAILBOX, read_id

_NOBODY: Final = 0  # no folder has this id
_UTC_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)

Filter = dict[str, Any]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INT


def _date(value: Any) -> bool:
    if not isinstance(value, str) or not _UTC_DATE.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _header(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (1, 2) and all(map(_text, value))


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "inMailbox": _text,
    "inMailboxOtherThan": lambda value: isinstance(value, list) and all(map(_text, value)),
    "before": _date,
    "after": _date,
    "minSize": _number,
    "maxSize": _number,
    "allInThreadHaveKeyword": _text,
    "someInThreadHaveKeyword": _text,
    "noneInThreadHaveKeyword": _text,
    "hasKeyword": _text,
    "notKeyword": _text,
    "hasAttachment": lambda value: isinstance(value, bool),
    **dict.fromkeys(("text", "from", "to", "cc", "bcc", "subject", "body"), _text),
    "header": _header,
}


def read_filter(filter: Any, caller: Caller, depth: int = 0) -> Filter:
    """Check a filter and make its ids numbers; raises `MethodError`."""
    if not isinstance(filter, dict):
        raise MethodError("invalidArguments", "a filter is an object")
    if "operator" in filter:
        return _read_operator(filter, caller, depth)
    checked: Filter = {}
    for name, value in filter.items():
        fits = _TYPES.get(name)
        if fits is None:
            raise MethodError("unsupportedFilter", f"nobody can filter by {name[:100]!r}")
        if not fits(value):
            raise MethodError("invalidArguments", f"filter: {name} has the wrong type")
        checked[name] = value
    if "inMailbox" in checked:
        checked["inMailbox"] = _mailbox(checked["inMailbox"], caller)
    if "inMailboxOtherThan" in checked:
        checked["inMailboxOtherThan"] = [
            _mailbox(each, caller) for each in checked["inMailboxOtherThan"]
        ]
    return checked


def _read_operator(filter: Filter, caller: Caller, depth: int) -> Filter:
    operator, conditions = filter["operator"], filter.get("conditions")
    if operator not in ("AND", "OR", "NOT") or not isinstance(conditions, list) or len(filter) > 2:
        raise MethodError("invalidArguments", "a FilterOperator is malformed")
    if depth >= FILTER_DEPTH:
        raise MethodError("unsupportedFilter", "the filter is too deep")
    read = [read_filter(each, caller, depth + 1) for each in conditions]
    return {"operator": operator, "conditions": read}


def _mailbox(id: str, caller: Caller) -> int:
    return read_id(MAILBOX, caller.resolve(id)) or _NOBODY


def read_sort(sort: Sequence[Comparator] | None) -> tuple[tuple[str, bool, str | None], ...]:
    """Check a sort; raises `MethodError` "unsupportedSort"."""
    for each in sort or ():
        if each.property not in EMAIL_SORTS or each.collation not in (None, *COLLATIONS):
            raise MethodError("unsupportedSort", f"nobody can sort by {each.property[:100]!r}")
        if each.property.endswith("Keyword") and each.keyword is None:
            raise MethodError("invalidArguments", f"{each.property} needs a keyword")
    return tuple((each.property, each.is_ascending, each.keyword) for each in sort or ())


def uses_threads(
    filter: Mapping[str, Any] | None, sort: Sequence[tuple[str, bool, str | None]]
) -> bool:
    """Say whether a change of one message may move others of its thread in the results."""
    if any("InThread" in property for property, _, _ in sort):
        return True
    waiting = [filter or {}]
    while waiting:
        each = waiting.pop()
        if any("InThread" in name for name in each):
            return True
        waiting.extend(each.get("conditions", ()))
    return False


def question(
    caller: Caller,
    arguments: QueryArguments | QueryChangesArguments,
    collapse: bool,
    **window: Any,
) -> ItemQuery:
    """Make the question to the store; raises `MethodError`."""
    return ItemQuery(
        account_id=caller.number,
        filter=None if arguments.filter is None else read_filter(arguments.filter, caller),
        sort=read_sort(arguments.sort),
        collapse_threads=collapse,
        **window,
    )


def ask(tx: ITransaction, query: ItemQuery) -> ItemIds:
    """Ask; turns the store's refusals into the method's errors."""
    try:
        return tx.items.query(query)
    except NotFound:
        raise MethodError("anchorNotFound") from None
    except Invalid as error:
        type = "unsupportedSort" if error.path == "sort" else "unsupportedFilter"
        raise MethodError(type, error.text) from None
    except LimitExceeded as error:
        raise MethodError("unsupportedFilter", error.text) from None
