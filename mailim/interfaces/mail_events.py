"""What happened to each mail, in the order it happened: for `mailim trace`.

A mail that is accepted gets a head; what happens to it afterwards are lines behind it,
written in the transactions that make it happen. They outlive the mail's entry in the spool
and go together after `[mail] trace_days`. Where no heads are kept (0 days) no lines are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from zope.interface import Interface

# What happens. `address` is the recipient it happened to, "" if it was the mail as a whole.
FILTERED: Final = "filtered"  # what rules said; detail: which, and what they wanted
EXPANDED: Final = "expanded"  # an alias or group; detail: what it stands for
COPIED: Final = "copied"  # to an address that was no recipient before
WAITS: Final = "waits"  # an attempt failed for now; with the time of the next
RETRIED: Final = "retried"  # an administrator wanted it tried at once
HELD: Final = "held"
RELEASED: Final = "released"
DELIVERED: Final = "delivered"  # detail: the folder and the item
RELAYED: Final = "relayed"  # detail: the server that took it, and its words
FAILED: Final = "failed"  # for good; detail: why
REMOVED: Final = "removed"  # thrown away, by a rule or an administrator; detail: by whom
ENDED: Final = "ended"  # and nobody said how
NOTICE: Final = "notice"  # to the sender; `other` is its spool id
AUTOREPLY: Final = "autoreply"  # `other` is its spool id


@dataclass(frozen=True, slots=True)
class TracedMail:
    """A mail as it was accepted. Addresses are in lower case here."""

    spool_id: int
    time: int  # microseconds
    message_id: str  # of its header, without <>; "" if it has none
    sender: str  # "" for <>
    size: int
    origin: str  # smtp, submission, multipop, jmap, system
    source: str


@dataclass(frozen=True, slots=True)
class MailEvent:
    """One line."""

    id: int
    spool_id: int
    time: int
    what: str
    address: str
    detail: str
    next_attempt: int | None
    other: int | None  # the spool id of a mail this one caused


@dataclass(frozen=True, slots=True)
class MailQuery:
    """Which mails; everything given must fit.

    sender, recipient: an address, or a domain. since, until: of acceptance, in microseconds,
    until excluded. before: only spool ids below, for paging.
    """

    sender: str | None = None
    recipient: str | None = None
    since: int | None = None
    until: int | None = None
    before: int | None = None
    limit: int = 100


class IMailEventRows(Interface):
    """The lines, and the heads they belong to; heads are written by the spool's rows."""

    def add(
        spool_id: int, what: str, address: str = "", detail: str = "", other: int | None = None
    ) -> None:
        """Write that something happened to a mail; nothing is written if it has no head.

        `detail` is for people and is cut; `other` is the spool id of a mail this one caused.
        """

    def named(name: str, limit: int) -> Sequence[TracedMail]:
        """Give the mails with this message id (without <>) or spool id, oldest first."""

    def mails(query: MailQuery) -> Sequence[TracedMail]:
        """Give the mails that fit, newest first."""

    def some(spool_ids: Collection[int]) -> Sequence[TracedMail]:
        """Give these mails, those of them that have a head, oldest first."""

    def events(spool_ids: Collection[int], limit: int) -> Sequence[MailEvent]:
        """Give the first lines of these mails, in the order they were written."""

    def last(spool_ids: Collection[int]) -> dict[int, MailEvent]:
        """Give the last line of each of these mails that has any."""

    def recipients(spool_ids: Collection[int]) -> dict[int, list[str]]:
        """Give the addresses these mails went to, or still shall go to, by spool id."""

    def sweep(before: int, limit: int) -> int:
        """Forget mails accepted before a time that left the spool; gives how many rows went.

        Of one call at most `limit` lines are removed.
        """
