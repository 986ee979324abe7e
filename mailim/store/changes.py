"""Lists of what happened since a state, cut to a length (RFC 8620 section 5.2).

An object made since stands where it was made, any other where it last changed. So a list
cut in the middle loses nothing: whoever goes on from its `new` meets later changes again.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest
from typing import NamedTuple

from mailim.interfaces.items import Changes


class Change(NamedTuple):
    """One thing that happened; sorts by its place in time."""

    modseq: int
    id: int
    what: str  # "+" created, "*" updated, "-" removed


def first_changes(
    found: Iterable[Change], since: int, newest: int, limit: int, only_counts: bool = False
) -> Changes:
    """Give the first `limit` changes; `newest` is the state when there are no more."""
    first = nsmallest(limit + 1, found)
    more = len(first) > limit
    if more:
        first.pop()
    return Changes(
        old=since,
        new=first[-1].modseq if more else newest,
        more=more,
        created=tuple(each.id for each in first if each.what == "+"),
        updated=tuple(each.id for each in first if each.what == "*"),
        removed=tuple(each.id for each in first if each.what == "-"),
        only_counts=only_counts,
    )
