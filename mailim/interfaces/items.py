"""Folders and items: the one model below IMAP, JMAP, POP3, CalDAV and CardDAV.

An account owns folders; a folder holds items; an item is an immutable body with keywords.
Item ids never change and are never used again: they are JMAP Email ids and IMAP EMAILIDs.
`uid` is per folder and changes when the item moves. `modseq` comes from one counter per
account that every change of its folders and items increments; it is the JMAP state and
the IMAP MODSEQ. A removal or move leaves a tombstone with its modseq.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zope.interface import Interface

from mailim.wire.message import MessageFacts


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of an account; `role` is a RFC 8621 role ("inbox", "trash", …) or None."""

    id: int
    account_id: int
    parent_id: int | None
    name: str
    kind: str  # mail, contacts, calendar, tasks, notes
    role: str | None
    sort_order: int
    subscribed: bool
    uidvalidity: int
    uidnext: int
    modseq: int  # of the folder's own properties or counts
    created_modseq: int
    total: int
    unread: int
    total_threads: int
    unread_threads: int


@dataclass(frozen=True, slots=True)
class Item:
    """One message (later: vCard, iCalendar object) in one folder."""

    id: int
    account_id: int
    folder_id: int
    uid: int
    body_id: int
    sha256: bytes
    size: int  # octets of prefix and body
    prefix: bytes  # trace headers put before the body (Return-Path, Received, …)
    keywords: frozenset[str]  # RFC 8621 4.1.1, lower case: "$seen", "$flagged", …
    received: int
    thread_id: int
    modseq: int
    created_modseq: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened since a state; ids in the order of their change."""

    old: int
    new: int
    more: bool
    created: tuple[int, ...]
    updated: tuple[int, ...]
    removed: tuple[int, ...]
    # only counts of folders changed since `old` (RFC 8621 2.2 updatedProperties)
    only_counts: bool = False


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """What to look for, RFC 8621 4.4.

    `filter` is a JMAP FilterCondition or FilterOperator as plain data with keys in their
    RFC names (`inMailbox` and ids already as int), checked by the caller.
    `sort` is a tuple of (property, ascending, keyword|None); the empty one means
    receivedAt descending. Ties are broken by item id, so the order is total.
    """

    account_id: int
    filter: Mapping[str, Any] | None = None
    sort: tuple[tuple[str, bool, str | None], ...] = ()
    collapse_threads: bool = False
    position: int = 0  # negative: from the end
    anchor: int | None = None
    anchor_offset: int = 0
    limit: int = 50
    count: bool = False


@dataclass(frozen=True, slots=True)
class ItemIds:
    """The answer to an `ItemQuery`."""

    ids: tuple[int, ...]
    position: int
    total: int | None
    state: int
    thread_ids: tuple[int, ...] = field(default=())


class IFolderRows(Interface):
    """Folders; every change publishes `ItemsChanged` after the commit."""

    def create(
        account_id: int,
        name: str,
        kind: str = "mail",
        role: str | None = None,
        parent_id: int | None = None,
        sort_order: int = 0,
    ) -> Folder:
        """Raises `AlreadyExists` (same parent and name), `NotFound` (parent), `LimitExceeded`."""

    def get(folder_id: int) -> Folder | None:
        """Find by id."""

    def by_role(account_id: int, role: str) -> Folder | None:
        """Find by role."""

    def list(account_id: int, kind: str = "mail") -> Sequence[Folder]:
        """Give all of an account, by sort_order and name."""

    def update(folder_id: int, **changes: Any) -> Folder:
        """Change name, parent_id, role, sort_order, subscribed; raises as `create`."""

    def delete(folder_id: int, with_items: bool) -> None:
        """Raises `NotFound`, `Invalid` (has children, or items without `with_items`).

        The folder is gone at once; of many items the last go later, by `IItemRows.empty`.
        """

    def removed(account_id: int | None = None) -> Collection[int]:
        """Give the folders that are deleted, but whose items are not all gone.

        account_id: of this account; None: of all.
        """

    def changes(account_id: int, since: int, limit: int) -> Changes:
        """What happened to folders since; raises `StateMismatch`."""


class IItemRows(Interface):
    """Items; every change publishes `ItemsChanged` after the commit."""

    def add(
        folder_id: int,
        body_id: int,
        prefix: bytes,
        facts: MessageFacts,
        keywords: frozenset[str],
        received: int,
    ) -> Item:
        """Put a body into a folder (holds the body, joins a thread, RFC 8621 3)."""

    def get(account_id: int, item_ids: Sequence[int]) -> Mapping[int, Item]:
        """Give those of the asked items that exist in that account."""

    def facts(body_ids: Sequence[int]) -> Mapping[int, MessageFacts]:
        """Give what was derived from these bodies when they were stored."""

    def facts_one_by_one(body_ids: Sequence[int]) -> Iterator[tuple[int, int, MessageFacts]]:
        """Give (body, octets of its facts as they are kept, the facts) of each.

        They are read as they are taken, inside the unit: who stops has read no more.
        """

    def keep_facts(body_id: int, facts: MessageFacts) -> None:
        """Keep what was derived from a body that is in no folder (an upload)."""

    def set_keywords(account_id: int, item_id: int, keywords: frozenset[str]) -> Item:
        """Replace all keywords; raises `NotFound`."""

    def move(account_id: int, item_id: int, folder_id: int) -> Item:
        """Move within the account: a new uid there, a tombstone here; raises `NotFound`."""

    def remove(account_id: int, item_id: int) -> None:
        """Remove for ever, leaving a tombstone; raises `NotFound`."""

    def empty(folder_id: int, limit: int) -> int:
        """Remove up to `limit` items of a removed folder for ever; gives how many."""

    def query(query: ItemQuery) -> ItemIds:
        """Look for items; raises `NotFound` for an anchor that is not in the result."""

    def changes(account_id: int, since: int, limit: int) -> Changes:
        """What happened to items since; raises `StateMismatch`."""

    def thread(account_id: int, thread_ids: Sequence[int]) -> Mapping[int, tuple[int, ...]]:
        """Give the item ids of threads, oldest first."""

    def thread_changes(account_id: int, since: int, limit: int) -> Changes:
        """What happened to threads since; raises `StateMismatch`."""

    def state(account_id: int) -> int:
        """Give the account's newest modseq."""

    def seen_body(account_id: int, sha256: bytes) -> bool:
        """Say whether an item, a spool entry or an upload of that account holds this body."""

    def add_upload(account_id: int, body_id: int, expires: int) -> None:
        """Hold an uploaded body until `expires` (RFC 8620 6.1)."""

    def upload_octets(account_id: int) -> int:
        """Give how many octets an account has waiting in uploads."""

    def expire_uploads(now: int, limit: int) -> int:
        """Let go of up to `limit` uploads whose time is over; gives how many."""

    def prune_tombstones(account_id: int, up_to: int) -> int:
        """Forget removals up to a modseq; `changes` from before then raise `StateMismatch`.

        Only ever done when asked for. Gives how many tombstones went.
        """
