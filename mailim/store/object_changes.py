"""What happened since a state to objects of a table with its tombstones (RFC 8620 5.2)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Integer, Table, bindparam, select

from mailim.interfaces.items import Changes
from mailim.store.changes import Change, first_changes
from mailim.store.connection import Connection
from mailim.store.mail_state import MailState
from mailim.store.statements import Statement, insert_into

_ACCOUNT: Final = bindparam("account_id", type_=Integer)
_SINCE: Final = bindparam("since", type_=Integer)


class ChangeStatements:
    """The statements for a table with account_id, id, modseq and created_modseq.

    tombstone: its table of removed rows; `id_column` holds the id there. `shown`: which
    rows of the table exist for its owner.
    """

    def __init__(
        self, table: Table, tombstone: Table, id_column: str, *shown: ColumnElement[bool]
    ) -> None:
        def first(place: ColumnElement[int], id_: ColumnElement[int], of: Table) -> Statement:
            old = [] if place.key == "created_modseq" else [of.c.created_modseq <= _SINCE]
            where = (of.c.account_id == _ACCOUNT, place > _SINCE, *old)
            chosen = select(place, id_).where(*where, *(shown if of is table else ()))
            return Statement(chosen.order_by(place).limit(bindparam("limit")))

        self.each: Final = {
            "+": first(table.c.created_modseq, table.c.id, table),
            "*": first(table.c.modseq, table.c.id, table),
            # What was made and removed since is not worth a word.
            "-": first(tombstone.c.modseq, tombstone.c[id_column], tombstone),
        }
        self.bury: Final = Statement(insert_into(tombstone))
        self.id_column: Final = id_column


class ObjectChanges:
    """Lists of changes of one kind of objects."""

    def __init__(
        self, connection: Connection, state: MailState, statements: ChangeStatements
    ) -> None:
        self._db = connection
        self._state = state
        self._statements = statements

    def since(self, account_id: int, since: int, limit: int) -> Changes:
        """What happened since; raises `StateMismatch`."""
        newest = self._state.since(account_id, since)
        values = {"account_id": account_id, "since": since, "limit": limit + 1}
        found = (
            Change(modseq, id_, what)
            for what, statement in self._statements.each.items()
            for modseq, id_ in self._db.cursor(statement, values)
        )
        return first_changes(found, since, newest, limit)

    def bury(self, account_id: int, id: int, created_modseq: int, modseq: int) -> None:
        """Remember that an object went."""
        self._db.run(
            self._statements.bury,
            account_id=account_id,
            modseq=modseq,
            created_modseq=created_modseq,
            **{self._statements.id_column: id},
        )
