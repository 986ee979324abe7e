"""Folders inside a transaction. Counts in them are kept by `threads`, item by item.

A folder with many items is not emptied when it is deleted: the writer serves everybody. Its
row gets the kind "removed" and loses name, place and role; nobody finds it or what is in it
any more, and its tombstone is there at once. The items go later, see `ItemRows.empty`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from sqlalchemy import Integer, bindparam, delete, func, select, update
from zope.interface import implementer

from mailim.errors import AlreadyExists, Invalid, LimitExceeded, NotFound
from mailim.events import Event, FolderRemoved
from mailim.interfaces.items import Changes, Folder, IFolderRows
from mailim.limits import FOLDER_DEPTH, FOLDER_NAME_OCTETS, FOLDERS_PER_ACCOUNT
from mailim.store.changes import Change, first_changes
from mailim.store.connection import Connection, Row
from mailim.store.mail_state import MailState
from mailim.store.removed_folders import removed_folders
from mailim.store.schema.mail import REMOVED, folder, folder_tombstone
from mailim.store.statements import Statement, insert_into
from mailim.store.threads import Threads

KINDS: Final = frozenset({"mail", "contacts", "calendar", "tasks", "notes"})
# RFC 8621 2 and the IANA registry "IMAP Mailbox Name Attributes" behind it.
ROLES: Final = frozenset(
    {
        "all", "archive", "drafts", "flagged", "important", "inbox", "junk", "sent",
        "subscribed", "trash", "memos", "scheduled", "snoozed", "templates",
    }
)  # fmt: skip
AT_ONCE: Final = 100  # items that a deletion takes with it itself
CHANGEABLE: Final = frozenset({"name", "parent_id", "role", "sort_order", "subscribed"})

_ID = bindparam("id", type_=Integer)
_ACCOUNT = bindparam("account_id", type_=Integer)
_ROW: Final = select(
    folder.c.id,
    folder.c.account_id,
    folder.c.parent_id,
    folder.c.name,
    folder.c.kind,
    folder.c.role,
    folder.c.sort_order,
    folder.c.subscribed,
    folder.c.uidvalidity,
    folder.c.uidnext,
    folder.c.modseq,
    folder.c.created_modseq,
    folder.c.total,
    folder.c.unread,
    folder.c.total_threads,
    folder.c.unread_threads,
)
_THERE: Final = folder.c.kind != REMOVED
_GET = Statement(_ROW.where(folder.c.id == _ID, _THERE))
_BY_ROLE = Statement(
    _ROW.where(folder.c.account_id == _ACCOUNT, folder.c.role == bindparam("role"))
)
_LIST = Statement(
    _ROW.where(folder.c.account_id == _ACCOUNT, folder.c.kind == bindparam("kind")).order_by(
        folder.c.sort_order, folder.c.name, folder.c.id
    )
)
_COUNT = Statement(select(func.count()).where(folder.c.account_id == _ACCOUNT, _THERE))
_TREE = Statement(
    select(folder.c.id, folder.c.parent_id).where(folder.c.account_id == _ACCOUNT, _THERE)
)
_NAMED = Statement(
    select(folder.c.id).where(
        folder.c.account_id == _ACCOUNT,
        folder.c.parent_id == bindparam("parent_id"),
        folder.c.name == bindparam("name"),
    )
)
_CHILD = Statement(
    select(folder.c.id)
    .where(folder.c.account_id == _ACCOUNT, folder.c.parent_id == bindparam("parent_id"))
    .limit(1)
)
_ADD = Statement(insert_into(folder, "id").returning(folder.c.id))
_UPDATE = Statement(
    update(folder)
    .where(folder.c.id == _ID)
    .values(
        {name: bindparam(name) for name in sorted(CHANGEABLE)}
        | {"modseq": bindparam("modseq"), "own_modseq": bindparam("modseq")}
    )
)
_DELETE = Statement(delete(folder).where(folder.c.id == _ID))
_HIDE = Statement(
    update(folder)
    .where(folder.c.id == _ID)
    # No other folder is at such a place; the names there are numbers.
    .values(kind=REMOVED, name=bindparam("name"), parent_id=-1, role=None)
)
_HIDDEN = Statement(select(folder.c.id).where(folder.c.kind == REMOVED).order_by(folder.c.id))
_ADD_TOMBSTONE = Statement(insert_into(folder_tombstone))
_CHANGED = Statement(
    select(folder.c.id, folder.c.modseq, folder.c.created_modseq, folder.c.own_modseq).where(
        folder.c.account_id == _ACCOUNT, folder.c.modseq > bindparam("since"), _THERE
    )
)
_REMOVED = Statement(
    select(folder_tombstone.c.folder_id, folder_tombstone.c.modseq).where(
        folder_tombstone.c.account_id == _ACCOUNT,
        folder_tombstone.c.modseq > bindparam("since"),
        folder_tombstone.c.created_modseq <= bindparam("since"),
    )
)


@implementer(IFolderRows)
class FolderRows:
    """Folders inside a transaction."""

    def __init__(
        self,
        connection: Connection,
        state: MailState,
        threads: Threads,
        clear: Callable[[int, int], None],
        publish: Callable[[Event], None],
    ) -> None:
        """`clear` removes all items of an account's folder for ever, in this unit."""
        self._db = connection
        self._state = state
        self._threads = threads
        self._clear = clear
        self._publish = publish

    def create(
        self,
        account_id: int,
        name: str,
        kind: str = "mail",
        role: str | None = None,
        parent_id: int | None = None,
        sort_order: int = 0,
    ) -> Folder:
        """Raises `AlreadyExists` (same parent and name), `NotFound` (parent), `LimitExceeded`."""
        if kind not in KINDS:
            raise Invalid("There is no such kind of folder.", "kind")
        if self._db.value(_COUNT, account_id=account_id) >= FOLDERS_PER_ACCOUNT:
            raise LimitExceeded(f"An account may have {FOLDERS_PER_ACCOUNT} folders.")
        values = {
            "name": _name(name),
            "parent_id": parent_id,
            "role": role,
            "sort_order": sort_order,
            "subscribed": True,
        }
        self._check(account_id, None, values)
        modseq = self._state.advance(account_id)
        created: int = self._db.value(
            _ADD,
            **{**values, "parent_id": parent_id or 0},
            account_id=account_id,
            kind=kind,
            uidvalidity=self._state.next_uidvalidity(account_id),
            uidnext=1,
            modseq=modseq,
            created_modseq=modseq,
            own_modseq=modseq,
            total=0,
            unread=0,
            total_threads=0,
            unread_threads=0,
        )
        return self._need(created)

    def get(self, folder_id: int) -> Folder | None:
        """Find by id."""
        row = self._db.one(_GET, id=folder_id)
        return None if row is None else _folder(row)

    def by_role(self, account_id: int, role: str) -> Folder | None:
        """Find by role."""
        row = self._db.one(_BY_ROLE, account_id=account_id, role=role)
        return None if row is None else _folder(row)

    def list(self, account_id: int, kind: str = "mail") -> Sequence[Folder]:
        """Give all of an account, by sort_order and name."""
        return [_folder(row) for row in self._db.all(_LIST, account_id=account_id, kind=kind)]

    def update(self, folder_id: int, **changes: Any) -> Folder:
        """Change name, parent_id, role, sort_order, subscribed; raises as `create`."""
        if unknown := changes.keys() - CHANGEABLE:
            raise Invalid("That cannot be changed.", min(unknown))
        old = self._need(folder_id)
        if "name" in changes:
            changes["name"] = _name(changes["name"])
        values = {name: changes.get(name, getattr(old, name)) for name in CHANGEABLE}
        if all(values[name] == getattr(old, name) for name in CHANGEABLE):
            return old
        self._check(old.account_id, folder_id, values)
        modseq = self._state.advance(old.account_id)
        values["parent_id"] = values["parent_id"] or 0
        self._db.run(_UPDATE, id=folder_id, modseq=modseq, **values)
        if (old.role == "trash") != (values["role"] == "trash"):
            self._threads.recount(old.account_id)
        return self._need(folder_id)

    def delete(self, folder_id: int, with_items: bool) -> None:
        """Raises `NotFound`, `Invalid` (has children, or items without `with_items`).

        More than `AT_ONCE` items go after the folder, which is gone at once.
        """
        old = self._need(folder_id)
        if self._db.one(_CHILD, account_id=old.account_id, parent_id=folder_id):
            raise Invalid("The folder has folders in it.", "mailboxHasChild")
        if old.total:
            if not with_items:
                raise Invalid("The folder has items in it.", "mailboxHasEmail")
        # What has a role counts in other folders' threads, and is never deleted by its owner.
        later = old.total > AT_ONCE and old.role is None
        if later:
            self._db.run(_HIDE, id=folder_id, name=str(folder_id))
            self._publish(FolderRemoved(folder_id))
        else:
            if old.total:
                self._clear(old.account_id, folder_id)
            self._db.run(_DELETE, id=folder_id)
        self._db.run(
            _ADD_TOMBSTONE,
            account_id=old.account_id,
            modseq=self._state.advance(old.account_id),
            folder_id=folder_id,
            created_modseq=old.created_modseq,
        )

    def removed(self, account_id: int | None = None) -> Collection[int]:
        """Give the folders, of one account or all, whose items are not all gone yet."""
        if account_id is not None:
            return removed_folders(self._db, account_id)
        return [row[0] for row in self._db.all(_HIDDEN)]

    def changes(self, account_id: int, since: int, limit: int) -> Changes:
        """What happened to folders since; raises `StateMismatch`."""
        newest = self._state.since(account_id, since)
        only_counts = True
        found = []
        for folder_id, modseq, created, own in self._db.all(
            _CHANGED, account_id=account_id, since=since
        ):
            new = created > since
            found.append(Change(created if new else modseq, folder_id, "+" if new else "*"))
            only_counts = only_counts and not new and own <= since
        for folder_id, modseq in self._db.all(_REMOVED, account_id=account_id, since=since):
            found.append(Change(modseq, folder_id, "-"))
            only_counts = False
        return first_changes(found, since, newest, limit, only_counts and bool(found))

    def _check(self, account_id: int, folder_id: int | None, values: dict[str, Any]) -> None:
        """Refuse what may not be: place in the tree, name, role."""
        parent_id = values["parent_id"]
        self._check_place(account_id, folder_id, parent_id)
        same = self._db.value(
            _NAMED, account_id=account_id, parent_id=parent_id or 0, name=values["name"]
        )
        if same not in (None, folder_id):
            raise AlreadyExists("There is a folder of that name already.")
        role = values["role"]
        if role is None:
            return
        if role not in ROLES:
            raise Invalid("There is no such role.", "role")
        holder = self.by_role(account_id, role)
        if holder is not None and holder.id != folder_id:
            raise AlreadyExists("Another folder has that role.")

    def _check_place(self, account_id: int, folder_id: int | None, parent_id: int | None) -> None:
        if parent_id is None:
            return
        parents = dict(map(tuple, self._db.all(_TREE, account_id=account_id)))
        if parent_id not in parents:
            raise NotFound("There is no such parent folder.")
        above = 0
        at = parent_id
        while at:
            if at == folder_id:
                raise Invalid("A folder cannot be inside itself.", "parentId")
            above += 1
            at = parents[at]
        below = _height(parents, folder_id) if folder_id is not None else 1
        if above + below > FOLDER_DEPTH:
            raise LimitExceeded(f"Folders may be {FOLDER_DEPTH} deep.")

    def _need(self, folder_id: int) -> Folder:
        found = self.get(folder_id)
        if found is None:
            raise NotFound("There is no such folder.")
        return found


def _name(name: str) -> str:
    """Normalise and check a name (RFC 8621 2: Net-Unicode, RFC 5198)."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name or any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in name):
        raise Invalid("That cannot be the name of a folder.", "name")
    if len(name.encode()) > FOLDER_NAME_OCTETS:
        raise Invalid(f"A folder's name may have {FOLDER_NAME_OCTETS} bytes.", "name")
    return name


def _height(parents: dict[int, int], folder_id: int) -> int:
    """Count the levels of the tree that begins at a folder."""
    children: dict[int, list[int]] = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)
    levels, row = 0, [folder_id]
    while row:
        levels += 1
        row = [child for each in row for child in children.get(each, ())]
    return levels


def _folder(row: Row) -> Folder:
    return Folder(
        id=row[0],
        account_id=row[1],
        parent_id=row[2] or None,
        name=row[3],
        kind=row[4],
        role=row[5],
        sort_order=row[6],
        subscribed=bool(row[7]),
        uidvalidity=row[8],
        uidnext=row[9],
        modseq=row[10],
        created_modseq=row[11],
        total=row[12],
        unread=row[13],
        total_threads=row[14],
        unread_threads=row[15],
    )
