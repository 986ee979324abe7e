"""Notices: instant messages that programs hand in, each exactly once.

A content filter's action, a semaphore file, the HTTP endpoint and reminders write a row in
the transaction that causes the message. `mailim.im.notices` takes the rows in their order
and sends each through the router; the leaf of the record and the row's next state are one
transaction, so a crash at any moment makes neither two leaves nor none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class NewNotice:
    """An instant message as it is handed in.

    `claim` names what caused it, once for all time: "filter:12:9f3c…", "semaphore:…".
    """

    claim: str
    sender: str  # an address, or a domain alone
    recipient: str  # an address here; aliases and groups are looked up when it is sent
    body: str
    origin: str  # filter, semaphore, http, reminder
    created: int


@dataclass(frozen=True, slots=True)
class Notice:
    """One that waits; `leaf` is the seq of its leaf once it is on record."""

    id: int
    new: NewNotice
    leaf: int | None


class INoticeRows(Interface):
    """Notices; `add` publishes `NoticesChanged` after the commit."""

    def add(notice: NewNotice) -> bool:
        """Write one down; False, and nothing changed, if its claim was handed in before."""

    def waiting(limit: int, after: int = 0) -> Sequence[Notice]:
        """Give those that are not over, by id."""

    def recorded(notice_id: int, leaf: int) -> None:
        """Note the leaf, in the leaf's own transaction; raises `NotFound`."""

    def over(notice_id: int) -> None:
        """End one; its claim is remembered."""

    def forget(before: int, limit: int) -> int:
        """Forget claims of ended ones made before a time; gives how many."""
