"""A Mailbox object as JMAP shows a folder (RFC 8621 section 2)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from mailim.interfaces.items import Folder
from mailim.wire.jmap_ids import MAILBOX, write_id


def rights_of(folder: Folder) -> dict[str, bool]:
    """Give what the owner may do (MailboxRights).

    The inbox stays what it is; another folder with a role must lose it before it can go.
    """
    return {
        "mayReadItems": True,
        "mayAddItems": True,
        "mayRemoveItems": True,
        "maySetSeen": True,
        "maySetKeywords": True,
        "mayCreateChild": True,
        "mayRename": folder.role != "inbox",
        "mayDelete": folder.role is None,
        "maySubmit": True,
    }


_PROPERTIES: Final[Mapping[str, Callable[[Folder], Any]]] = {
    "id": lambda folder: write_id(MAILBOX, folder.id),
    "name": lambda folder: folder.name,
    "parentId": lambda folder: folder.parent_id and write_id(MAILBOX, folder.parent_id),
    "role": lambda folder: folder.role,
    "sortOrder": lambda folder: folder.sort_order,
    "totalEmails": lambda folder: folder.total,
    "unreadEmails": lambda folder: folder.unread,
    "totalThreads": lambda folder: folder.total_threads,
    "unreadThreads": lambda folder: folder.unread_threads,
    "myRights": rights_of,
    "isSubscribed": lambda folder: folder.subscribed,
}
PROPERTIES: Final = frozenset(_PROPERTIES)
COUNTS: Final = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")


def mailbox_object(folder: Folder, properties: Collection[str] = PROPERTIES) -> dict[str, Any]:
    """Give the object with these properties."""
    return {name: read(folder) for name, read in _PROPERTIES.items() if name in properties}
