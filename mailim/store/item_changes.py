"""What happened to items and threads since a state (RFC 8620 5.2), and forgetting it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Select, Table, bindparam, delete, select

from mailim.interfaces.items import Changes
from mailim.store.changes import Change, first_changes
from mailim.store.connection import Connection
from mailim.store.mail_state import MailState
from mailim.store.schema.mail import (
    folder_tombstone,
    item,
    item_tombstone,
    thread,
    thread_tombstone,
)
from mailim.store.statements import Statement

_ACCOUNT: Final = bindparam("account_id", type_=Integer)
_SINCE: Final = bindparam("since", type_=Integer)


def _first(
    place: ColumnElement[int], id_: ColumnElement[int], *where: ColumnElement[bool]
) -> Select[*tuple[Any, ...]]:
    """Give the statement for the first `limit` rows by their place in time."""
    return (
        select(place, id_).where(place > _SINCE, *where).order_by(place).limit(bindparam("limit"))
    )


def _made(table: Table) -> Statement:
    return Statement(_first(table.c.created_modseq, table.c.id, table.c.account_id == _ACCOUNT))


def _changed(table: Table) -> Statement:
    old = table.c.created_modseq <= _SINCE
    return Statement(_first(table.c.modseq, table.c.id, table.c.account_id == _ACCOUNT, old))


def _removed(table: Table, id_: str, *where: ColumnElement[bool]) -> Statement:
    # What was made and removed since is not worth a word.
    old = table.c.created_modseq <= _SINCE
    mine = table.c.account_id == _ACCOUNT
    return Statement(_first(table.c.modseq, table.c[id_], mine, old, *where))


_ITEMS: Final = {
    "+": _made(item),
    "*": _changed(item),
    "-": _removed(item_tombstone, "item_id", item_tombstone.c.gone.is_(True)),
}
_THREADS: Final = {
    "+": _made(thread),
    "*": _changed(thread),
    "-": _removed(thread_tombstone, "thread_id"),
}
_PRUNE: Final = tuple(
    Statement(
        delete(table).where(table.c.account_id == _ACCOUNT, table.c.modseq <= bindparam("up_to"))
    )
    for table in (item_tombstone, thread_tombstone, folder_tombstone)
)


class ItemChanges:
    """Lists of changes of an account's items and threads."""

    def __init__(self, connection: Connection, state: MailState) -> None:
        self._db = connection
        self._state = state

    def items(self, account_id: int, since: int, limit: int) -> Changes:
        """What happened to items since; raises `StateMismatch`."""
        return self._since(_ITEMS, account_id, since, limit)

    def threads(self, account_id: int, since: int, limit: int) -> Changes:
        """What happened to threads since; raises `StateMismatch`."""
        return self._since(_THREADS, account_id, since, limit)

    def prune(self, account_id: int, up_to: int) -> int:
        """Forget tombstones up to a modseq; gives how many."""
        up_to = min(up_to, self._state.newest(account_id))
        self._state.forget(account_id, up_to)
        return sum(self._db.run(each, account_id=account_id, up_to=up_to) for each in _PRUNE)

    def _since(
        self, statements: dict[str, Statement], account_id: int, since: int, limit: int
    ) -> Changes:
        newest = self._state.since(account_id, since)
        values = {"account_id": account_id, "since": since, "limit": limit + 1}
        found = (
            Change(modseq, id_, what)
            for what, statement in statements.items()
            for modseq, id_ in self._db.cursor(statement, values)
        )
        return first_changes(found, since, newest, limit)
