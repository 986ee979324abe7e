"""What every /get, /changes and /set has in common (RFC 8620 sections 5.1 to 5.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from mailim.interfaces.items import Changes
from mailim.protocols.jmap.arguments import ChangesArguments
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.methods import Caller
from mailim.wire.jmap_ids import read_id, write_id


def wanted_properties(asked: Sequence[str] | None, known: Collection[str]) -> frozenset[str]:
    """Give the properties asked for, all if None, always with id; raises `MethodError`."""
    if asked is None:
        return frozenset(known)
    for name in asked:
        if name not in known:
            raise MethodError("invalidArguments", f"there is no property {name[:100]!r}")
    return frozenset(asked) | {"id"}


def numbers_of(kind: str, ids: Iterable[str], caller: Caller) -> dict[str, int | None]:
    """Give the number behind each id, once; None for what is no such id."""
    return {each: read_id(kind, each) for each in map(caller.resolve, dict.fromkeys(ids))}


def check_size(asked: int, limit: int) -> None:
    """Raises `MethodError` "requestTooLarge" beyond a limit."""
    if asked > limit:
        raise MethodError("requestTooLarge", f"at most {limit} objects at once")


def get_response(
    caller: Caller, state: int, found: Sequence[Mapping[str, Any]], missing: Sequence[str]
) -> dict[str, Any]:
    """Make the response of a /get."""
    return {
        "accountId": caller.account_id,
        "state": str(state),
        "list": found,
        "notFound": missing,
    }


def changes_limit(arguments: ChangesArguments, most: int) -> int:
    """Give how many changes are listed at once."""
    return min(arguments.max_changes or most, most)


def changes_response(caller: Caller, kind: str, changes: Changes) -> dict[str, Any]:
    """Make the response of a /changes."""
    return {
        "accountId": caller.account_id,
        "oldState": str(changes.old),
        "newState": str(changes.new),
        "hasMoreChanges": changes.more,
        "created": [write_id(kind, each) for each in changes.created],
        "updated": [write_id(kind, each) for each in changes.updated],
        "destroyed": [write_id(kind, each) for each in changes.removed],
    }


class _WithState(Protocol):
    @property
    def if_in_state(self) -> str | None: ...


def check_state(arguments: _WithState, state: int) -> None:
    """Raises `MethodError` "stateMismatch" if `ifInState` is another one."""
    if arguments.if_in_state is not None and arguments.if_in_state != str(state):
        raise MethodError("stateMismatch", "things have changed meanwhile")
