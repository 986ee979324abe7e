"""Searching the record, with what became of each leaf, as plain data ready for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mailim.errors import Invalid
from mailim.interfaces.record import Leaf, RecordQuery
from mailim.interfaces.store import IStore, ITransaction
from mailim.record.entries import KINDS, details_of
from mailim.record.log_lines import iso_time

MAX_LIMIT: Final = 10_000
"""Leaves one search may ask for."""
MAX_TEXT: Final = 1_000
"""Characters of a text to look for."""


async def search(store: IStore, query: RecordQuery) -> list[dict[str, Any]]:
    """Give what was found, newest first; raises `Invalid`.

    Each object has `id` (its number), `time` (ISO 8601, UTC), `kind`, `from`, `to`, `body`,
    `details`, `refers`, `erased`, and `disposition`: what became of it, "" if nothing was
    recorded. Dispositions are not found themselves unless their kind is asked for.
    """
    check(query)
    return await store.read(lambda tx: found(tx, query))


def check(query: RecordQuery) -> None:
    """Raises `Invalid` for a question that makes no sense."""
    if not 0 < query.limit <= MAX_LIMIT:
        raise Invalid(f"limit must be from 1 to {MAX_LIMIT}", "limit")
    unknown = sorted(set(query.kinds) - KINDS)
    if unknown:
        raise Invalid(f"kind must be one of {', '.join(sorted(KINDS))}", "kind")
    if query.text is not None and len(query.text) > MAX_TEXT:
        raise Invalid(f"the text to look for is longer than {MAX_TEXT} characters", "text")


def found(tx: ITransaction, query: RecordQuery) -> list[dict[str, Any]]:
    """Search within a unit."""
    leaves = tx.record.search(query)
    became = dispositions(tx, leaves)
    return [shown(leaf, became.get(leaf.seq, ())) for leaf in leaves]


def dispositions(tx: ITransaction, leaves: Sequence[Leaf]) -> dict[int, list[Leaf]]:
    """Give the dispositions of leaves, by the number of the leaf they are about."""
    about: dict[int, list[Leaf]] = {}
    for leaf in tx.record.about([leaf.seq for leaf in leaves]):
        if leaf.kind == "disposition" and leaf.refers is not None:
            about.setdefault(leaf.refers, []).append(leaf)
    return about


def shown(leaf: Leaf, became: Sequence[Leaf] = ()) -> dict[str, Any]:
    """Give a leaf as plain data."""
    return {
        "id": leaf.seq,
        "time": iso_time(leaf.time),
        "kind": leaf.kind,
        "from": leaf.sender,
        "to": leaf.recipient,
        "body": leaf.body,
        "details": details_of(leaf),
        "refers": leaf.refers,
        "erased": leaf.content is None,
        "disposition": "; ".join(each.body for each in became),
    }
