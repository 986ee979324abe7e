"""Notices: instant messages that programs hand in, each exactly once.

A content filter's action, a semaphore file, the HTTP endpoint and reminders write a row in
the transaction that causes the message. `mailim.im.notices` takes the rows in their order
and sends each through the router; the leaf of the record and the row's next state are one
transaction, so a crash at any moment makes neither two leaves nor none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zope.interface import Interface

CLAIM_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class NewNotice:
    """An instant message as it is handed in.

    `claim` names what caused it, once for all time: "filter:12:9f3c…", "semaphore:…".
    """

    claim: str
    sender: str  # an address, or a domain alone
    recipient: str  # an address here; aliases and groups are looked up when it is sent
    body: str
    origin: str  # filter, semaphore, http, reminder, admin
    created: int


@dataclass(frozen=True, slots=True)
class Notice:
    """One that waits; `leaf` is the seq of its leaf once it is on record."""

    id: int
    new: NewNotice
    leaf: int | None


@dataclass(frozen=True, slots=True)
class NoticeState:
    """What is known of a claim."""

    id: int
    leaf: int | None
    over: bool
    outcome: str  # what became of it; "" until it is over
    same: bool  # what is asked about is what was handed in under this claim


class INoticeRows(Interface):
    """Notices; `add` publishes `NoticesChanged` after the commit."""

    def add(notice: NewNotice) -> bool:
        """Write one down; False, and nothing changed, if its claim was handed in before.

        Raises `Invalid` if the claim is empty or longer than CLAIM_CHARS.
        """

    def find(notice: NewNotice) -> NoticeState | None:
        """Look a claim up, and whether it stood for the same sender, recipient and body."""

    def waiting(limit: int, after: int = 0) -> Sequence[Notice]:
        """Give those that are not over, by id."""

    def count_waiting(limit: int) -> int:
        """Count those that are not over, up to a limit."""

    def recorded(notice_id: int, leaf: int) -> None:
        """Note the leaf, in the leaf's own transaction; raises `NotFound`."""

    def over(notice_id: int, outcome: str = "") -> None:
        """End one; its claim is remembered, its text is not. Ending it again does nothing."""

    def forget(before: int, limit: int) -> int:
        """Forget claims of ended ones made before a time; gives how many."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What a program shows to be let in; the token itself is not kept."""

    id: int
    name: str
    sender: str  # as whom it may send: an address, a domain, "" for the server alone
    created: int


class ITokenRows(Interface):
    """Tokens of programs."""

    def add(name: str, digest: bytes, sender: str, created: int) -> ApiToken:
        """Keep one by its SHA-256; raises `AlreadyExists` for a name in use."""

    def list() -> Sequence[ApiToken]:
        """Give all, by name."""

    def by_digest(digest: bytes) -> ApiToken | None:
        """Find the one that was shown."""

    def remove(name: str) -> bool:
        """Let it in no more; False if there is none of this name."""
