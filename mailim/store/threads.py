"""Threads: which one a message joins, and what each folder counts of them.

A message joins the oldest thread of its account with which it shares a message identifier
(Message-ID, In-Reply-To or References) and the base subject (RFC 8621 section 3). Threads
are never merged afterwards: the id of an Email's thread cannot change, and merging would
give Emails new ids.

A folder's `total_threads` are those with an item in it. Of them `unread_threads` are those
with an unread item (neither $seen nor $draft) in any folder but the trash; for the trash
itself, those with an unread item in it (RFC 8621 section 2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Integer, bindparam, case, delete, exists, func, select, update
from sqlalchemy.dialects.sqlite import insert

from mailim.limits import THREAD_REFERENCES
from mailim.store.connection import Connection
from mailim.store.mail_state import MailState
from mailim.store.schema.mail import (
    folder,
    item,
    thread,
    thread_folder,
    thread_key,
    thread_tombstone,
)
from mailim.store.statements import Statement, insert_into
from mailim.wire.message import MessageFacts

_ID = bindparam("id", type_=Integer)
_THREAD = bindparam("thread_id", type_=Integer)
_FOLDER = bindparam("folder_id", type_=Integer)
_ACCOUNT = bindparam("account_id", type_=Integer)

_FIND = Statement(
    select(thread_key.c.thread_id).where(
        thread_key.c.account_id == _ACCOUNT, thread_key.c.key == bindparam("key")
    )
)
_ADD = Statement(insert_into(thread, "id").returning(thread.c.id))
_ADD_KEY = Statement(
    insert(thread_key)
    .values({each.name: bindparam(each.name) for each in thread_key.c})
    .on_conflict_do_nothing()
)
_GROW = Statement(
    update(thread)
    .where(thread.c.id == _ID)
    .values(item_count=thread.c.item_count + bindparam("change"), modseq=bindparam("modseq"))
    .returning(thread.c.item_count, thread.c.created_modseq)
)
_REMOVE = Statement(delete(thread).where(thread.c.id == _ID))
_ADD_TOMBSTONE = Statement(insert_into(thread_tombstone))
_PARTS = Statement(
    select(
        thread_folder.c.folder_id,
        thread_folder.c.item_count,
        thread_folder.c.unread,
        case((folder.c.role == "trash", 1), else_=0),
        thread_folder.c.latest_received,
        thread_folder.c.latest_item,
    )
    .join(folder, folder.c.id == thread_folder.c.folder_id)
    .where(thread_folder.c.thread_id == _THREAD)
)
_ROLE = Statement(select(folder.c.role).where(folder.c.id == _ID))
_SET_PART = Statement(
    insert(thread_folder)
    .values({each.name: bindparam(each.name) for each in thread_folder.c})
    .on_conflict_do_update(
        index_elements=[thread_folder.c.thread_id, thread_folder.c.folder_id],
        set_={
            name: bindparam(name)
            for name in ("item_count", "unread", "latest_received", "latest_item")
        },
    )
)
_REMOVE_PART = Statement(
    delete(thread_folder).where(
        thread_folder.c.thread_id == _THREAD, thread_folder.c.folder_id == _FOLDER
    )
)
_LATEST = Statement(
    select(item.c.received, item.c.id)
    .where(item.c.thread_id == _THREAD, item.c.folder_id == _FOLDER)
    .order_by(item.c.received.desc(), item.c.id.desc())
    .limit(1)
)
_COUNT = Statement(
    update(folder)
    .where(folder.c.id == _ID)
    .values(
        total=folder.c.total + bindparam("total"),
        unread=folder.c.unread + bindparam("unread"),
        total_threads=folder.c.total_threads + bindparam("total_threads"),
        unread_threads=folder.c.unread_threads + bindparam("unread_threads"),
        modseq=bindparam("modseq"),
    )
)

_other = thread_folder.alias("other")
_other_folder = folder.alias("other_folder")
_UNREAD_ELSEWHERE = exists(
    select(1)
    .select_from(_other)
    .join(_other_folder, _other_folder.c.id == _other.c.folder_id)
    .where(
        _other.c.thread_id == thread_folder.c.thread_id,
        _other.c.unread > 0,
        func.coalesce(_other_folder.c.role, "") != "trash",
    )
)
_RECOUNT = Statement(
    select(
        folder.c.id,
        folder.c.total_threads,
        folder.c.unread_threads,
        select(func.count())
        .select_from(thread_folder)
        .where(thread_folder.c.folder_id == folder.c.id)
        .scalar_subquery(),
        select(func.count())
        .select_from(thread_folder)
        .where(
            thread_folder.c.folder_id == folder.c.id,
            case(
                (func.coalesce(folder.c.role, "") == "trash", thread_folder.c.unread > 0),
                else_=_UNREAD_ELSEWHERE,
            ),
        )
        .scalar_subquery(),
    ).where(folder.c.account_id == _ACCOUNT)
)


@dataclass(slots=True)
class _Part:
    """A thread's part in one folder."""

    items: int
    unread: int
    trash: bool
    latest: tuple[int, int]  # received, item id


@dataclass(frozen=True, slots=True)
class Placed:
    """An item as the counts see it."""

    item_id: int
    folder_id: int
    received: int
    unread: bool


class Threads:
    """The threads of accounts, and the counts of folders that depend on them."""

    def __init__(self, connection: Connection, state: MailState) -> None:
        self._db = connection
        self._state = state

    def join(self, account_id: int, facts: MessageFacts, modseq: int) -> int:
        """Give the thread a new item belongs to, made if there is none; counts the item."""
        keys = thread_keys(facts)
        found = [self._db.value(_FIND, account_id=account_id, key=key) for key in keys]
        known = [thread_id for thread_id in found if thread_id is not None]
        if known:
            thread_id: int = min(known)
            self._db.cursor(_GROW, {"id": thread_id, "change": 1, "modseq": modseq}).fetchall()
        else:
            thread_id = self._db.value(
                _ADD, account_id=account_id, item_count=1, modseq=modseq, created_modseq=modseq
            )
        for key, holder in zip(keys, found, strict=True):
            if holder is None:
                self._db.run(_ADD_KEY, account_id=account_id, key=key, thread_id=thread_id)
        return thread_id

    def leave(self, account_id: int, thread_id: int, modseq: int) -> None:
        """Count an item less; an empty thread goes and leaves a tombstone."""
        values = {"id": thread_id, "change": -1, "modseq": modseq}
        ((items, created),) = self._db.cursor(_GROW, values).fetchall()
        if items == 0:
            self._db.run(_REMOVE, id=thread_id)
            self._db.run(
                _ADD_TOMBSTONE,
                account_id=account_id,
                modseq=modseq,
                thread_id=thread_id,
                created_modseq=created,
            )

    def entered(self, account_id: int, thread_id: int, placed: Placed, modseq: int) -> None:
        """Count an item that was put into a folder."""
        parts = self._parts(thread_id)
        before = _counted(parts)
        part = parts.get(placed.folder_id)
        if part is None:
            trash = self._db.value(_ROLE, id=placed.folder_id) == "trash"
            part = parts[placed.folder_id] = _Part(0, 0, trash, (-1, -1))
        part.items += 1
        part.unread += placed.unread
        part.latest = max(part.latest, (placed.received, placed.item_id))
        self._keep(thread_id, placed.folder_id, part)
        changed = {placed.folder_id: (1, int(placed.unread))}
        self._apply(account_id, changed, before, _counted(parts), modseq)

    def left(self, account_id: int, thread_id: int, placed: Placed, modseq: int) -> None:
        """Count an item that was taken out of a folder (its row is gone or elsewhere)."""
        parts = self._parts(thread_id)
        before = _counted(parts)
        part = parts[placed.folder_id]
        part.items -= 1
        part.unread -= placed.unread
        if part.items == 0:
            del parts[placed.folder_id]
            self._db.run(_REMOVE_PART, thread_id=thread_id, folder_id=placed.folder_id)
        else:
            if part.latest == (placed.received, placed.item_id):
                latest = self._db.one(_LATEST, thread_id=thread_id, folder_id=placed.folder_id)
                part.latest = latest or part.latest
            self._keep(thread_id, placed.folder_id, part)
        changed = {placed.folder_id: (-1, -int(placed.unread))}
        self._apply(account_id, changed, before, _counted(parts), modseq)

    def read(self, account_id: int, thread_id: int, placed: Placed, modseq: int) -> None:
        """Count an item that became unread, or ceased to be (`placed.unread` is the new)."""
        change = 1 if placed.unread else -1
        parts = self._parts(thread_id)
        before = _counted(parts)
        part = parts[placed.folder_id]
        part.unread += change
        self._keep(thread_id, placed.folder_id, part)
        changed = {placed.folder_id: (0, change)}
        self._apply(account_id, changed, before, _counted(parts), modseq)

    def recount(self, account_id: int) -> None:
        """Count threads anew in all folders, after many changed at once."""
        for folder_id, total, unread, true_total, true_unread in self._db.all(
            _RECOUNT, account_id=account_id
        ):
            if (total, unread) != (true_total, true_unread):
                self._db.run(
                    _COUNT,
                    id=folder_id,
                    total=0,
                    unread=0,
                    total_threads=true_total - total,
                    unread_threads=true_unread - unread,
                    modseq=self._state.advance(account_id),
                )

    def _parts(self, thread_id: int) -> dict[int, _Part]:
        return {
            row[0]: _Part(row[1], row[2], bool(row[3]), (row[4], row[5]))
            for row in self._db.all(_PARTS, thread_id=thread_id)
        }

    def _keep(self, thread_id: int, folder_id: int, part: _Part) -> None:
        self._db.run(
            _SET_PART,
            thread_id=thread_id,
            folder_id=folder_id,
            item_count=part.items,
            unread=part.unread,
            latest_received=part.latest[0],
            latest_item=part.latest[1],
        )

    def _apply(
        self,
        account_id: int,
        changed: Mapping[int, tuple[int, int]],
        before: Mapping[int, tuple[int, int]],
        after: Mapping[int, tuple[int, int]],
        modseq: int,
    ) -> None:
        """Add the differences to the folders; the first takes `modseq`, others new ones."""
        for folder_id in _in_order(changed, before, after):
            total, unread = changed.get(folder_id, (0, 0))
            old, new = before.get(folder_id, (0, 0)), after.get(folder_id, (0, 0))
            if folder_id not in changed and old == new:
                continue
            self._db.run(
                _COUNT,
                id=folder_id,
                total=total,
                unread=unread,
                total_threads=new[0] - old[0],
                unread_threads=new[1] - old[1],
                modseq=modseq if folder_id in changed else self._state.advance(account_id),
            )


def thread_keys(facts: MessageFacts) -> list[bytes]:
    """Give the keys by which a message finds its thread; none: it stays alone."""
    ids = (*facts.message_id[:1], *facts.in_reply_to, *reversed(facts.references))
    subject = facts.base_subject.casefold().encode("utf-8", "replace")
    return [
        hashlib.sha256(each.encode("utf-8", "replace") + b"\0" + subject).digest()[:16]
        for each in list(dict.fromkeys(ids))[:THREAD_REFERENCES]
    ]


def _counted(parts: Mapping[int, _Part]) -> dict[int, tuple[int, int]]:
    """Give what each folder counts of a thread: (1, 1 if it is unread there)."""
    outside = any(part.unread for part in parts.values() if not part.trash)
    return {
        folder_id: (1, int(part.unread > 0 if part.trash else outside))
        for folder_id, part in parts.items()
    }


def _in_order(*groups: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(folder_id for group in groups for folder_id in group))
