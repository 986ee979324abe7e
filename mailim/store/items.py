"""Items inside a transaction: putting in, changing, moving, removing, reading.

Every act takes one modseq for the item; the folders' counts, the thread and the tombstone
follow in the same transaction. Looking for items is `item_queries`, what happened to them
`item_changes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Integer, bindparam, delete, exists, or_, select, update
from zope.interface import implementer

from mailim.errors import Invalid, LimitExceeded, NotFound
from mailim.interfaces.items import Changes, IItemRows, Item, ItemIds, ItemQuery
from mailim.limits import PREFIX_OCTETS
from mailim.store import keywords as kw
from mailim.store.bodies import BodyRows
from mailim.store.clearing import Clearing
from mailim.store.connection import Connection, Row
from mailim.store.item_changes import ItemChanges
from mailim.store.item_queries import ItemQueries
from mailim.store.mail_state import MailState
from mailim.store.message_facts import FactRows
from mailim.store.message_search import MessageSearch
from mailim.store.removed_folders import removed_folders
from mailim.store.schema.bodies import body
from mailim.store.schema.mail import REMOVED, folder, item, item_tombstone, spool, upload
from mailim.store.statements import Statement, id_list, insert_into, one_of_ids
from mailim.store.submission_notices import SubmissionNotices
from mailim.store.threads import Placed, Threads
from mailim.store.uploads import UploadRows
from mailim.wire.message import MessageFacts

_ID = bindparam("id", type_=Integer)
_ACCOUNT = bindparam("account_id", type_=Integer)

_ROW: Final = select(
    item.c.id,
    item.c.account_id,
    item.c.folder_id,
    item.c.uid,
    item.c.body_id,
    body.c.sha256,
    item.c.size,
    item.c.prefix,
    item.c.keywords,
    item.c.received,
    item.c.thread_id,
    item.c.modseq,
    item.c.created_modseq,
).join(body, body.c.id == item.c.body_id)
# Without a condition on the account, lest SQLite look through all of its items instead.
_GET = Statement(_ROW.where(one_of_ids(item.c.id, "ids")))
_ONE = Statement(_ROW.where(item.c.id == _ID, item.c.account_id == _ACCOUNT))
_OWNER = Statement(select(folder.c.account_id, folder.c.kind).where(folder.c.id == _ID))
_LEFT = Statement(
    _ROW.where(item.c.folder_id == bindparam("folder_id", type_=Integer)).limit(bindparam("limit"))
)
_DROP_FOLDER = Statement(delete(folder).where(folder.c.id == _ID, folder.c.kind == REMOVED))
_TAKE_UID = Statement(
    update(folder)
    .where(folder.c.id == _ID)
    .values(uidnext=folder.c.uidnext + 1)
    .returning(folder.c.uidnext)
)
_ADD = Statement(insert_into(item, "id").returning(item.c.id))
_SET_KEYWORDS = Statement(
    update(item)
    .where(item.c.id == _ID)
    .values(keywords=bindparam("keywords"), seen=bindparam("seen"), modseq=bindparam("modseq"))
)
_MOVE = Statement(
    update(item)
    .where(item.c.id == _ID)
    .values(folder_id=bindparam("folder_id"), uid=bindparam("uid"), modseq=bindparam("modseq"))
)
_REMOVE = Statement(delete(item).where(item.c.id == _ID))
_ADD_TOMBSTONE = Statement(insert_into(item_tombstone))
_OF_THREADS = Statement(
    select(item.c.thread_id, item.c.id, item.c.account_id, item.c.folder_id)
    .where(one_of_ids(item.c.thread_id, "thread_ids"))
    .order_by(item.c.thread_id, item.c.received, item.c.id)
)
_SEEN_BODY = Statement(
    select(body.c.id).where(
        body.c.sha256 == bindparam("sha256"),
        or_(
            *(
                exists(select(1).where(each.c.body_id == body.c.id, each.c.account_id == _ACCOUNT))
                for each in (item, spool, upload)
            )
        ),
    )
)


@implementer(IItemRows)
class ItemRows:
    """Items inside a transaction."""

    def __init__(
        self,
        connection: Connection,
        state: MailState,
        threads: Threads,
        bodies: BodyRows,
        notices: SubmissionNotices,
    ) -> None:
        self._db = connection
        self._notices = notices
        self._state = state
        self._threads = threads
        self._bodies = bodies
        self._facts = FactRows(connection)
        self._uploads = UploadRows(connection, bodies)
        self._clearing = Clearing(connection, state, threads)
        self._changes = ItemChanges(connection, state)
        self._queries = ItemQueries(
            connection, state, MessageSearch(connection, bodies, self._facts)
        )

    def add(
        self,
        folder_id: int,
        body_id: int,
        prefix: bytes,
        facts: MessageFacts,
        keywords: frozenset[str],
        received: int,
    ) -> Item:
        """Put a body into a folder (holds the body, joins a thread, RFC 8621 3).

        Raises `NotFound` (folder, body), `Invalid` or `LimitExceeded` (keywords, prefix).
        """
        account_id = self._owner(folder_id)
        text = kw.written(keywords)
        if len(prefix) > PREFIX_OCTETS:
            raise LimitExceeded(f"Trace headers may have {PREFIX_OCTETS} octets.")
        sha256, octets = self._bodies.get(body_id)
        self._bodies.hold(body_id)
        self._facts.keep(body_id, facts)
        modseq = self._state.advance(account_id)
        thread_id = self._threads.join(account_id, facts, modseq)
        values = {
            "account_id": account_id,
            "folder_id": folder_id,
            "uid": self._db.value(_TAKE_UID, id=folder_id) - 1,
            "body_id": body_id,
            "size": len(prefix) + octets,
            "prefix": prefix,
            "received": received,
            "thread_id": thread_id,
            "modseq": modseq,
            "created_modseq": modseq,
        }
        item_id = self._db.value(_ADD, keywords=text, seen=" $seen " in text, **values)
        placed = Placed(item_id, folder_id, received, kw.is_unread(text))
        self._threads.entered(account_id, thread_id, placed, modseq)
        return Item(id=item_id, sha256=sha256, keywords=kw.read(text), **values)

    def get(self, account_id: int, item_ids: Sequence[int]) -> Mapping[int, Item]:
        """Give those of the asked items that exist in that account."""
        rows = self._db.all(_GET, ids=id_list(item_ids))
        going = self._going(account_id)
        return {row[0]: _item(row) for row in rows if row[1] == account_id and row[2] not in going}

    def facts(self, body_ids: Sequence[int]) -> Mapping[int, MessageFacts]:
        """Give what was derived from these bodies when they were stored."""
        return self._facts.get(body_ids)

    def facts_one_by_one(self, body_ids: Sequence[int]) -> Iterator[tuple[int, int, MessageFacts]]:
        """Give (body, octets of its facts as they are kept, the facts), read as they are taken."""
        return self._facts.one_by_one(body_ids)

    def keep_facts(self, body_id: int, facts: MessageFacts) -> None:
        """Keep what was derived from a body that is in no folder (an upload)."""
        self._facts.keep(body_id, facts)

    def set_keywords(self, account_id: int, item_id: int, keywords: frozenset[str]) -> Item:
        """Replace all keywords; raises `NotFound`, `Invalid`, `LimitExceeded`.

        Nothing happens, and no modseq is taken, if they are the same.
        """
        old = self._need(account_id, item_id)
        text = kw.written(keywords)
        new = kw.read(text)
        if new == old.keywords:
            return old
        modseq = self._state.advance(account_id)
        self._db.run(
            _SET_KEYWORDS, id=item_id, keywords=text, seen=" $seen " in text, modseq=modseq
        )
        was, now = _placed(old), kw.is_unread(text)
        if was.unread != now:
            placed = Placed(old.id, old.folder_id, old.received, now)
            self._threads.read(account_id, old.thread_id, placed, self._state.advance(account_id))
        return replace(old, keywords=new, modseq=modseq)

    def move(self, account_id: int, item_id: int, folder_id: int) -> Item:
        """Move within the account: a new uid there, a tombstone here; raises `NotFound`.

        Nothing happens if it is there already. Raises `Invalid` for a folder of another kind.
        """
        old = self._need(account_id, item_id)
        if self._owner(folder_id) != account_id:
            raise NotFound("There is no such folder.")
        if folder_id == old.folder_id:
            return old
        left = self._state.advance(account_id)
        self._bury(old, left, gone=False)
        uid = self._db.value(_TAKE_UID, id=folder_id) - 1
        modseq = self._state.advance(account_id)
        self._db.run(_MOVE, id=item_id, folder_id=folder_id, uid=uid, modseq=modseq)
        new = replace(old, folder_id=folder_id, uid=uid, modseq=modseq)
        self._threads.left(account_id, old.thread_id, _placed(old), left)
        self._threads.entered(account_id, old.thread_id, _placed(new), modseq)
        return new

    def remove(self, account_id: int, item_id: int) -> None:
        """Remove for ever, leaving a tombstone; raises `NotFound`."""
        self._remove(self._need(account_id, item_id))

    def _remove(self, old: Item) -> None:
        account_id, item_id = old.account_id, old.id
        modseq = self._state.advance(account_id)
        self._bury(old, modseq, gone=True)
        self._db.run(_REMOVE, id=item_id)
        self._threads.left(account_id, old.thread_id, _placed(old), modseq)
        self._threads.leave(account_id, old.thread_id, modseq)
        self._notices.item_gone(item_id)
        self._bodies.release(old.body_id)

    def query(self, query: ItemQuery) -> ItemIds:
        """Look for items; raises `NotFound` for an anchor that is not in the result.

        `Invalid` names what it cannot filter or sort by; `LimitExceeded` a filter too large.
        """
        return self._queries.run(query)

    def changes(self, account_id: int, since: int, limit: int) -> Changes:
        """What happened to items since; raises `StateMismatch`."""
        return self._changes.items(account_id, since, limit)

    def thread(self, account_id: int, thread_ids: Sequence[int]) -> Mapping[int, tuple[int, ...]]:
        """Give the item ids of threads, oldest first."""
        found: dict[int, list[int]] = {}
        rows = self._db.all(_OF_THREADS, thread_ids=id_list(thread_ids))
        going = self._going(account_id)
        for thread_id, item_id, owner, folder_id in rows:
            if owner == account_id and folder_id not in going:
                found.setdefault(thread_id, []).append(item_id)
        return {thread_id: tuple(ids) for thread_id, ids in found.items()}

    def thread_changes(self, account_id: int, since: int, limit: int) -> Changes:
        """What happened to threads since; raises `StateMismatch`."""
        return self._changes.threads(account_id, since, limit)

    def prune_tombstones(self, account_id: int, up_to: int) -> int:
        """Forget removals up to a modseq; `changes` from before then raise `StateMismatch`.

        Only ever done when asked for. Gives how many tombstones went.
        """
        return self._changes.prune(account_id, up_to)

    def state(self, account_id: int) -> int:
        """Give the account's newest modseq."""
        return self._state.newest(account_id)

    def seen_body(self, account_id: int, sha256: bytes) -> bool:
        """Say whether an item, a spool entry or an upload of that account holds this body."""
        return self._db.one(_SEEN_BODY, account_id=account_id, sha256=sha256) is not None

    def add_upload(self, account_id: int, body_id: int, expires: int) -> None:
        """Hold an uploaded body until `expires` (RFC 8620 6.1)."""
        self._uploads.add(account_id, body_id, expires)

    def upload_octets(self, account_id: int) -> int:
        """Give how much an account has waiting in uploads."""
        return self._uploads.octets(account_id)

    def expire_uploads(self, now: int, limit: int) -> int:
        """Let go of up to `limit` uploads whose time is over; gives how many."""
        return self._uploads.expire(now, limit)

    def forget_account(self, account_id: int) -> None:
        """Let go of the bodies an account holds; its rows go with the account."""
        self._clearing.account(account_id)

    def empty(self, folder_id: int, limit: int) -> int:
        """Remove up to `limit` items of a removed folder for ever; gives how many.

        With the last one the folder's row goes, too. 0 if there is nothing to do.
        """
        rows = self._db.all(_LEFT, folder_id=folder_id, limit=limit)
        for row in rows:
            self._remove(_item(row))
        if len(rows) < limit:
            self._db.run(_DROP_FOLDER, id=folder_id)
        return len(rows)

    def clear_folder(self, account_id: int, folder_id: int) -> None:
        """Remove all items of an account's folder for ever, leaving tombstones."""
        self._clearing.folder(account_id, folder_id)
        self._notices.items_gone(account_id)

    def _owner(self, folder_id: int) -> int:
        """Give the account of a folder of mail; raises `NotFound`, `Invalid`."""
        row = self._db.one(_OWNER, id=folder_id)
        if row is None:
            raise NotFound("There is no such folder.")
        account_id, kind = row
        if kind == REMOVED:
            raise NotFound("There is no such folder.")
        if kind != "mail":
            raise Invalid("That folder is not for mail.", "mailboxIds")
        return int(account_id)

    def _going(self, account_id: int) -> frozenset[int]:
        """Give the account's folders that are deleted, but not empty yet."""
        return removed_folders(self._db, account_id)

    def _need(self, account_id: int, item_id: int) -> Item:
        row = self._db.one(_ONE, id=item_id, account_id=account_id)
        if row is None or row[2] in self._going(account_id):
            raise NotFound("There is no such message.")
        return _item(row)

    def _bury(self, old: Item, modseq: int, gone: bool) -> None:
        self._db.run(
            _ADD_TOMBSTONE,
            account_id=old.account_id,
            modseq=modseq,
            item_id=old.id,
            folder_id=old.folder_id,
            uid=old.uid,
            created_modseq=old.created_modseq,
            gone=gone,
        )


def _placed(row: Item) -> Placed:
    unread = not row.keywords & {"$seen", "$draft"}
    return Placed(row.id, row.folder_id, row.received, unread)


def _item(row: Row) -> Item:
    return Item(
        id=row[0],
        account_id=row[1],
        folder_id=row[2],
        uid=row[3],
        body_id=row[4],
        sha256=row[5],
        size=row[6],
        prefix=row[7],
        keywords=kw.read(row[8]),
        received=row[9],
        thread_id=row[10],
        modseq=row[11],
        created_modseq=row[12],
    )
