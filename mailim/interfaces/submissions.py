"""Identities and submissions: as whom an account sends, and what it has sent (RFC 8621 6, 7).

A submission is written in the unit that accepts it, waits until `send_at`, and goes into the
spool in the unit that makes it final. It holds what is to be sent, so nothing that happens
to the message it was made of changes what goes out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zope.interface import Interface

from mailim.interfaces.items import Changes
from mailim.wire.delivery_report import DeliveryReport
from mailim.wire.message import MessageFacts

Addresses = Sequence[Mapping[str, Any]]
"""EmailAddress objects (RFC 8621 4.1.2.3): name, which may be None, and email."""


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom an account sends; `own` is the one for its own address, which stays."""

    id: int
    account_id: int
    name: str
    email: str
    reply_to: Addresses | None
    bcc: Addresses | None
    text_signature: str
    html_signature: str
    own: bool


@dataclass(frozen=True, slots=True)
class Sending:
    """One recipient: the address as the envelope writes it, and the one mail goes to."""

    email: str
    address: str


@dataclass(frozen=True, slots=True)
class Told:
    """What reports said last of one recipient; `action`, `reply` as in `DeliveryReport`."""

    address: str  # of `Sending`, in lower case
    action: str
    reply: str


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """A submission as it is accepted; times in microseconds."""

    account_id: int
    identity_id: int
    item_id: int
    thread_id: int
    body_id: int  # what is to be sent
    sender: str  # reverse-path, "" for <>
    recipients: tuple[Sending, ...]
    envelope: Mapping[str, Any]  # RFC 8621 7, as the client sees it
    created: int
    send_at: int
    origin: str = "jmap"  # see `NewMail`
    source: str = ""  # who brought it, "" for the account itself
    trace: bytes = b""  # header fields that stand before it already
    hidden: bool = False  # no object of JMAP: it waits, is sent, and is forgotten


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission; `undo_status` is pending, final or canceled."""

    id: int
    account_id: int
    identity_id: int
    item_id: int
    thread_id: int
    body_id: int | None  # None once it is not pending any more
    sender: str
    recipients: tuple[Sending, ...]
    envelope: Mapping[str, Any]
    send_at: int
    undo_status: str
    spool_id: int | None  # once it is final
    envid: str  # what notices may name its mail by (RFC 3461 4.4): the client's, or our own
    origin: str
    source: str
    trace: bytes


class IIdentityRows(Interface):
    """Identities; every change publishes `ObjectsChanged` after the commit."""

    def add(identity: Identity) -> Identity:
        """Make one (its id is not looked at); raises `LimitExceeded`, `AlreadyExists` (own)."""

    def get(account_id: int, identity_id: int) -> Identity | None:
        """Find one of an account."""

    def list(account_id: int) -> Sequence[Identity]:
        """Give all of an account, its own first, then as they were made."""

    def update(identity: Identity) -> None:
        """Replace name, reply_to, bcc and the signatures; raises `NotFound`."""

    def remove(account_id: int, identity_id: int) -> None:
        """Raises `NotFound`; `NotPermitted` for the account's own."""

    def changes(account_id: int, since: int, limit: int) -> Changes:
        """What happened to identities since; raises `StateMismatch`."""


class ISubmissionRows(Interface):
    """Submissions; every change publishes `ObjectsChanged` after the commit."""

    def add(new: NewSubmission, facts: MessageFacts) -> Submission:
        """Take one, which holds the body and keeps its facts; raises `NotFound` (body)."""

    def get(account_id: int, ids: Sequence[int] | None = None) -> Mapping[int, Submission]:
        """Give those of the asked that exist in that account; None: all, oldest first."""

    def brief(account_id: int) -> Sequence[Submission]:
        """Give all of an account, oldest first, without recipients and envelopes."""

    def count_pending(account_id: int) -> int:
        """Count what waits to be sent, also what its owner destroyed meanwhile."""

    def pending(submission_id: int) -> Submission | None:
        """Find one that is still to be sent, also if its owner destroyed it meanwhile."""

    def due(now: int, limit: int, skip: Collection[int] = frozenset()) -> Sequence[int]:
        """Give the ids of those to be sent now, the longest due first."""

    def next_due(after: int) -> int | None:
        """Say when the next is to be sent, later than `after`."""

    def scheduled(limit: int) -> Iterator[Submission]:
        """Give up to `limit` of all accounts that wait to be sent, the next first.

        They are read as they are taken, inside the unit.
        """

    def send_now(submission_id: int, now: int) -> bool:
        """Let one be due now, whosever it is; False if it is not pending any more."""

    def sent(submission_id: int, spool_id: int, now: int) -> None:
        """Make one final, because its mail stands in the spool as of this unit.

        Raises `NotFound` if it is not pending any more.
        """

    def cancel(submission_id: int, now: int) -> bool:
        """Cancel one, whosever it is; False if it is not pending any more."""

    def remove(account_id: int, submission_id: int) -> None:
        """Forget one; what is pending is sent all the same. Raises `NotFound`."""

    def changes(account_id: int, since: int, limit: int) -> Changes:
        """What happened to submissions since; raises `StateMismatch`."""

    def expire(ended_before: int, limit: int) -> int:
        """Forget up to `limit` that ended before a time, or are too many; gives how many."""

    def told(account_id: int, report: DeliveryReport, item_id: int) -> int | None:
        """Keep that a message of the account is a report about something it sent.

        Gives the submission, which changes by it (RFC 8621 7): the one with that envelope id,
        else the newest with that Message-ID, best one whose recipients the report names. None
        if there is none, or if it has `SUBMISSION_NOTICES` already.
        """

    def reports(submission_id: int) -> Sequence[int]:
        """Give the items that are reports about one, oldest first; those that still exist."""

    def reported(submission_id: int) -> Sequence[Told]:
        """Give what reports said of its recipients; a final word stays the last."""
