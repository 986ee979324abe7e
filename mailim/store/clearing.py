"""Removing many items at once: all of a folder, all of an account.

Done by statements over whole sets, because a folder may hold 100,000 items and the writer
serves everybody: some microseconds an item instead of a hundred.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    ColumnElement,
    Insert,
    Integer,
    Table,
    Update,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from mailim.store.connection import Connection
from mailim.store.mail_state import MailState
from mailim.store.schema.bodies import body
from mailim.store.schema.mail import (
    folder,
    item,
    item_tombstone,
    thread,
    thread_folder,
    thread_tombstone,
    upload,
)
from mailim.store.statements import Statement
from mailim.store.threads import Threads

_FOLDER: Final = bindparam("folder_id", type_=Integer)
_ACCOUNT: Final = bindparam("account_id", type_=Integer)
_BASE: Final = bindparam("base", type_=Integer)


def _release(table: Table, mine: ColumnElement[bool]) -> Update:
    """Give the statement that lets go of the bodies of rows of a table."""
    held = select(func.count()).where(table.c.body_id == body.c.id, mine).scalar_subquery()
    return (
        update(body)
        .where(body.c.id.in_(select(table.c.body_id).where(mine)))
        .values(holds=body.c.holds - held)
    )


_TOTALS: Final = Statement(select(folder.c.total, folder.c.unread).where(folder.c.id == _FOLDER))
_BURY: Final = Statement(
    insert(item_tombstone).from_select(
        ["account_id", "modseq", "item_id", "folder_id", "uid", "created_modseq", "gone"],
        select(
            item.c.account_id,
            _BASE + func.row_number().over(order_by=item.c.id),
            item.c.id,
            item.c.folder_id,
            item.c.uid,
            item.c.created_modseq,
            literal(1).label("gone"),
        ).where(item.c.folder_id == _FOLDER),
    )
)
_RELEASE: Final = Statement(_release(item, item.c.folder_id == _FOLDER))
_REMOVE: Final = Statement(delete(item).where(item.c.folder_id == _FOLDER))

# Threads that lie wholly in the folder go, others shrink.
_here: Final = (
    select(thread_folder.c.thread_id, thread_folder.c.item_count)
    .where(thread_folder.c.folder_id == _FOLDER)
    .subquery("here")
)
_WHOLE: Final = select(thread.c.id).join(
    _here, (_here.c.thread_id == thread.c.id) & (_here.c.item_count == thread.c.item_count)
)
_COUNT_THREADS: Final = Statement(select(func.count()).select_from(_here))


def _bury_threads() -> Insert:
    return insert(thread_tombstone).from_select(
        ["account_id", "modseq", "thread_id", "created_modseq"],
        select(
            thread.c.account_id,
            _BASE + func.row_number().over(order_by=thread.c.id),
            thread.c.id,
            thread.c.created_modseq,
        ).where(thread.c.id.in_(_WHOLE)),
    )


_BURY_THREADS: Final = Statement(_bury_threads())
_REMOVE_THREADS: Final = Statement(delete(thread).where(thread.c.id.in_(_WHOLE)))
_SHRUNK: Final = Statement(select(_here.c.thread_id, _here.c.item_count))
_SHRINK: Final = Statement(
    update(thread)
    .where(thread.c.id == bindparam("id", type_=Integer))
    .values(item_count=thread.c.item_count - bindparam("item_count"), modseq=bindparam("modseq"))
)
_REMOVE_PARTS: Final = Statement(delete(thread_folder).where(thread_folder.c.folder_id == _FOLDER))
_EMPTY: Final = Statement(
    update(folder)
    .where(folder.c.id == _FOLDER)
    .values(total=0, unread=0, total_threads=0, unread_threads=0, modseq=bindparam("modseq"))
)
_FORGET: Final = tuple(
    Statement(_release(table, table.c.account_id == _ACCOUNT)) for table in (item, upload)
)
_FORGET_ROWS: Final = tuple(
    Statement(delete(table).where(table.c.account_id == _ACCOUNT))
    for table in (item, upload, thread)
)


class Clearing:
    """Removes many items in one go."""

    def __init__(self, connection: Connection, state: MailState, threads: Threads) -> None:
        self._db = connection
        self._state = state
        self._threads = threads

    def folder(self, account_id: int, folder_id: int) -> None:
        """Remove all items of an account's folder for ever, leaving tombstones."""
        total, _ = self._db.one(_TOTALS, folder_id=folder_id) or (0, 0)
        if not total:
            return
        base = self._state.advance(account_id, total) - total
        self._db.run(_BURY, folder_id=folder_id, base=base)
        self._db.run(_RELEASE, folder_id=folder_id)
        self._db.run(_REMOVE, folder_id=folder_id)
        count = self._db.value(_COUNT_THREADS, folder_id=folder_id)
        base = self._state.advance(account_id, count) - count
        gone = self._db.run(_BURY_THREADS, folder_id=folder_id, base=base)
        self._db.run(_REMOVE_THREADS, folder_id=folder_id)
        # Their parts went with them: what is left in the folder belongs to longer threads.
        shrunk = self._db.all(_SHRUNK, folder_id=folder_id)
        self._db.run_many(
            _SHRINK,
            [
                {"id": thread_id, "item_count": count_here, "modseq": base + gone + place}
                for place, (thread_id, count_here) in enumerate(shrunk, 1)
            ],
        )
        self._db.run(_REMOVE_PARTS, folder_id=folder_id)
        self._db.run(_EMPTY, folder_id=folder_id, modseq=self._state.advance(account_id))
        self._threads.recount(account_id)

    def account(self, account_id: int) -> None:
        """Let go of all an account holds, before its rows go with it."""
        for statement in (*_FORGET, *_FORGET_ROWS):
            self._db.run(statement, account_id=account_id)
