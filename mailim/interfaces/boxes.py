"""MultiPOP boxes: the outside POP3 mailboxes of an account, and what was seen in them.

The UIDL of a message is written in the transaction that spools it; a message to be
deleted there is a pending row until the server confirmed QUIT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class Box:
    """One outside mailbox. `secret` is the password sealed by the site's key."""

    id: int
    account_id: int
    host: str
    port: int
    user: str
    secret: bytes
    tls: str  # tls, stls, none
    ca: str  # path of a PEM file, "" = the system's
    leave: bool
    enabled: bool
    created: int
    last_run: int | None = None
    last_success: int | None = None
    last_error: str = ""
    next_run: int | None = None
    failures: int = 0  # in a row
    collected: int = 0  # messages, since ever
    pending_deletes: int = 0


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """A message of a box that was met. `state`: stored, deleting, quarantined, failing."""

    uidl: str
    state: str
    sha256: bytes | None
    first_seen: int
    failures: int = 0
    error: str = ""


class IBoxRows(Interface):
    """Boxes and their UIDLs; changes of a box publish `BoxChanged`."""

    def add(
        account_id: int,
        host: str,
        port: int,
        user: str,
        secret: bytes,
        tls: str,
        ca: str,
        leave: bool,
        created: int,
    ) -> Box:
        """Raises `AlreadyExists` for the same host, port and user of one account."""

    def get(box_id: int) -> Box | None:
        """Find by id."""

    def list(account_id: int | None = None) -> Sequence[Box]:
        """Give all, or those of an account, by id."""

    def update(box_id: int, **changes: Any) -> Box:
        """Change any field but id, account_id, created, pending_deletes; raises `NotFound`."""

    def remove(box_id: int) -> None:
        """Remove with its UIDLs; raises `NotFound`."""

    def seen(box_id: int) -> Mapping[str, SeenMessage]:
        """Give all UIDLs known of a box."""

    def mark(box_id: int, message: SeenMessage) -> None:
        """Insert or replace what is known of a UIDL."""

    def forget(box_id: int, uidls: Sequence[str]) -> None:
        """Drop UIDLs the server no longer lists."""

    def has_body(box_id: int, sha256: bytes) -> bool:
        """Say whether a stored message of this box had this body (UIDLs that changed)."""
