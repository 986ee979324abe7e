"""The order of items (RFC 8621 4.4.2): what is sorted by, and what stands before an item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
)

from mailim.errors import Invalid, LimitExceeded
from mailim.limits import SORT_PROPERTIES
from mailim.store.item_filters import contains
from mailim.store.keywords import keyword
from mailim.store.schema.mail import item, message_key

Order = tuple[tuple[str, bool], ...]  # property, ascending

NEWEST_FIRST: Final[Order] = (("receivedAt", False),)

_PLAIN: Final = {"receivedAt": item.c.received, "size": item.c.size}
_OF_KEYS: Final = {
    "sentAt": func.coalesce(message_key.c.sent, item.c.received),
    "from": message_key.c.from_name,
    "to": message_key.c.to_name,
    "subject": message_key.c.base_subject,
}
_BY_KEYWORD: Final = ("hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword")


def order_of(
    sort: Sequence[tuple[str, bool, str | None]],
) -> tuple[Order, dict[str, str]]:
    """Check what a query is sorted by; gives it and the keywords as parameters.

    Raises `Invalid`, `LimitExceeded`.
    """
    if len(sort) > SORT_PROPERTIES:
        raise LimitExceeded(f"One can sort by {SORT_PROPERTIES} properties at once.")
    keywords: dict[str, str] = {}
    for name, _, word in sort:
        if name in _BY_KEYWORD:
            if word is None:
                raise Invalid("That order needs a keyword.", "sort")
            keywords[f"k{len(keywords)}"] = f" {keyword(word)} "
        elif name not in _PLAIN and name not in _OF_KEYS:
            raise Invalid(f"Nobody can sort by {name[:40]!r}.", "sort")
    return tuple((name, ascending) for name, ascending, _ in sort) or NEWEST_FIRST, keywords


def sorts_by_keys(order: Order) -> bool:
    """Say whether the SQL of an order needs the table `message_key`."""
    return any(name in _OF_KEYS for name, _ in order)


def columns_of(order: Order) -> list[ColumnElement[Any]]:
    """Give the columns sorted by, the id last; keywords are parameters `k0` and on."""
    words: Iterator[BindParameter[Any]] = (bindparam(f"k{place}") for place in range(len(order)))
    return [*(_column(name, words) for name, _ in order), item.c.id]


def directions_of(order: Order) -> list[bool]:
    """Give for each of `columns_of` whether it ascends."""
    return [*(ascending for _, ascending in order), order[0][1]]


def ordered(columns: Sequence[ColumnElement[Any]], order: Order) -> list[ColumnElement[Any]]:
    """Give the columns with their directions."""
    pairs = zip(columns, directions_of(order), strict=True)
    return [column.asc() if ascending else column.desc() for column, ascending in pairs]


def precedes(columns: Sequence[ColumnElement[Any]], order: Order) -> ColumnElement[bool]:
    """Give "stands before": before a row whose columns are `a0` and on."""
    directions = directions_of(order)
    theirs: list[BindParameter[Any]] = [bindparam(f"a{place}") for place in range(len(columns))]
    if len(set(directions)) == 1:
        # Of this form SQLite makes a range in an index.
        mine, other = tuple_(*columns), tuple_(*theirs)
        return mine < other if directions[0] else mine > other
    return or_(
        *(
            and_(
                *(columns[before] == theirs[before] for before in range(place)),
                columns[place] < theirs[place] if up else columns[place] > theirs[place],
            )
            for place, up in enumerate(directions)
        )
    )


def _column(name: str, words: Iterator[BindParameter[Any]]) -> ColumnElement[Any]:
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _OF_KEYS:
        return _OF_KEYS[name]
    word = next(words)
    if name == "hasKeyword":
        return case((contains(item.c.keywords, word), 1), else_=0)
    other = item.alias("sorted_thread")
    some = name == "someInThreadHaveKeyword"
    has = contains(other.c.keywords, word)
    found = exists(
        select(literal_column("1")).where(
            other.c.thread_id == item.c.thread_id, has if some else not_(has)
        )
    )
    return case((found if some else not_(found), 1), else_=0)
