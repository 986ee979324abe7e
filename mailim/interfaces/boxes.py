"""MultiPOP boxes: the outside POP3 mailboxes of an account, and what was seen in them.

The UIDL of a message is written in the transaction that spools it; a message to be
deleted there is a pending row until the server confirmed QUIT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    secret: bytes = field(repr=False)
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
    """A message of a box that was met, by its UIDL.

    `state`, of those not collected yet:
      failing      could not be fetched; will be tried again
      quarantined  failed so often that it is left alone
    of those that are in the spool or beyond it:
      stored       stays there, or is still to be marked for deletion
      deleting     to be deleted there; `failures` counts the QUITs whose answer is not known
      deleted      the server confirmed the deletion
      gone         the server does not list it any more, or the box now means another server
    A UIDL that is deleted or gone may come back for another message (RFC 1939 section 7
    forbids that only while the message exists), or the server may have lied: then `sha256`
    tells.
    """

    uidl: str
    state: str
    sha256: bytes | None
    first_seen: int  # deleted, gone: since when
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

    def restate(
        box_id: int, uidls: Sequence[str] | None, state: str, since: int, failures: int = 0
    ) -> None:
        """Change the state of known UIDLs; None means all that are stored or deleting."""

    def forget(box_id: int, uidls: Sequence[str]) -> None:
        """Drop UIDLs."""

    def with_body(box_id: int, sha256: bytes) -> Sequence[SeenMessage]:
        """Give what is known of messages with this body (UIDLs change, or there are none)."""
