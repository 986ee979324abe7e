"""Mailbox/get and Mailbox/changes (RFC 8621 sections 2.1 and 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mailim.interfaces.items import Changes
from mailim.protocols.jmap.frames import Asked, Kind
from mailim.protocols.jmap.mailboxes import COUNTS, PROPERTIES, mailbox_object
from mailim.protocols.jmap.methods import MAIL
from mailim.wire.jmap_ids import MAILBOX


def _mailboxes(asked: Asked) -> Mapping[int, Mapping[str, Any]]:
    folders = asked.tx.folders.list(asked.caller.number)
    return {each.id: mailbox_object(each, asked.properties) for each in folders}


def _updated_properties(changes: Changes) -> Mapping[str, Any]:
    only_counts = changes.only_counts and changes.updated
    return {"updatedProperties": list(COUNTS) if only_counts else None}


MAILBOXES: Final = Kind(
    "Mailbox",
    MAIL,
    MAILBOX,
    lambda tx: tx.folders.changes,
    PROPERTIES,
    _mailboxes,
    _updated_properties,
)
