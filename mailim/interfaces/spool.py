"""The spool: mail that was accepted and is not yet where it belongs.

An entry is written in the transaction that makes the mail ours (before 250 or DELE) and
goes in the one that ends its last recipient.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from zope.interface import Interface

from mailim.interfaces.dsn import NOTHING_SAID, MailDsn
from mailim.wire.message import MessageFacts


@dataclass(frozen=True, slots=True)
class Hop:
    """How a mail came over SMTP, for its Received field (RFC 5321 4.4); not kept."""

    helo: str  # what the client called itself, as it said it
    address: str  # its IP address
    protocol: str  # RFC 3848, RFC 6531 4.3: ESMTPS, UTF8SMTPSA, …
    tls: str  # version and cipher, "" without TLS


@dataclass(frozen=True, slots=True)
class NewMail:
    """A mail as it enters: envelope (RFC 5321) and where it came from."""

    sender: str  # reverse-path, "" for <>
    recipients: tuple[str, ...]
    origin: str  # smtp, submission, multipop, jmap, system
    source: str  # who brought it, for people: "pop.example.org as kate"
    received: int
    account_id: int | None = None  # MultiPOP: the owner of the box; submission: the sender
    hop: Hop | None = None  # SMTP: the client
    dsn: MailDsn = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class SpoolRecipient:
    """One recipient still to be served."""

    id: int
    address: str
    attempts: int
    next_attempt: int
    held: bool
    last_error: str
    verdict: str = ""  # JSON of what filters said of it, see mail/verdicts; "": not judged
    sent_to: str = ""  # the address that led here (alias, group, +tag); "": none did

    @property
    def known_as(self) -> str:
        """The address as the sender wrote it; what it leads to is nobody's business."""
        return self.sent_to or self.address


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """A mail in the spool with the recipients still open."""

    id: int
    body_id: int
    sha256: bytes
    size: int
    prefix: bytes
    sender: str
    origin: str
    source: str
    received: int
    account_id: int | None
    recipients: tuple[SpoolRecipient, ...]
    dsn: MailDsn = NOTHING_SAID


class ISpoolRows(Interface):
    """The spool; changes publish `SpoolChanged` after the commit."""

    def add(mail: NewMail, body_id: int, prefix: bytes, facts: MessageFacts) -> int:
        """Put a mail in (holds the body); gives the spool id.

        Raises `Invalid` (no recipient), `LimitExceeded` (recipients, prefix).
        """

    def get(spool_id: int) -> SpoolEntry | None:
        """Find one with its open recipients."""

    def due(now: int, limit: int, skip: Collection[int] = frozenset()) -> Sequence[SpoolEntry]:
        """Give entries with a recipient that is due and not held, oldest first.

        Those in `skip` are left out.
        """

    def next_due(after: int = -1) -> int | None:
        """Say when the next recipient is due later than `after`."""

    def list(limit: int, after: int = 0) -> Sequence[SpoolEntry]:
        """Give entries by id."""

    def facts(spool_id: int) -> MessageFacts:
        """Give what was derived from the mail when it was accepted."""

    def claim(recipient_id: int, account_id: int) -> bool:
        """Say, once for each mail and account, that the account shall have the mail now.

        False: it has it already, by another address. Raises `NotFound` if the recipient
        ended meanwhile.
        """

    def done(recipient_id: int, what: str = "ended", detail: str = "") -> None:
        """End a recipient; the entry goes (and lets go of its body) with its last one.

        `what` (a word of interfaces/mail_events) and `detail` stand in the mail's trace.
        Raises `NotFound` if it ended meanwhile.
        """

    def retry(recipient_id: int, next_attempt: int, error: str, counts: bool = True) -> None:
        """Count an attempt (unless nothing was attempted) and set the next."""

    def hold_recipient(recipient_id: int, reason: str) -> None:
        """Hold one recipient, saying why."""

    def hold(spool_id: int, held: bool, reason: str | None = None) -> None:
        """Hold or release all recipients of an entry; raises `NotFound`.

        What is released is due at once, its attempts start anew; `reason` stands in the
        mail's trace then.
        """

    def retry_now(spool_id: int | None = None, reason: str = "") -> int:
        """Make recipients that wait (of one entry, or of all) due at once; gives how many.

        What is held stays held, attempts are not forgotten. Raises `NotFound`.
        """

    def recall(now: int) -> int:
        """Make due what waits for more than a day ahead: the clock was wrong; gives how many."""

    def remove(spool_id: int, reason: str = "") -> None:
        """Throw an entry away, `reason` is for its trace; raises `NotFound`."""

    def replace_recipient(recipient_id: int, addresses: Sequence[str]) -> None:
        """Expand an alias or group in place (attempts start anew).

        Addresses this mail has, or had, as recipients are not added again; a verdict goes
        to all of them, and what the sender wrote to (`sent_to`). Raises `NotFound` if the
        recipient ended meanwhile.
        """

    def judged(recipient_id: int, verdict: str) -> bool:
        """Keep what filters said of a recipient; False if something is kept already.

        Raises `NotFound` if the recipient ended meanwhile.
        """

    def copy(recipient_id: int, addresses: Sequence[str], verdict: str) -> None:
        """Give the mail of a recipient to more addresses, with a verdict already.

        Addresses this mail has as recipients are not added again, nor those that had it; but
        where a rule deletes it for one, before or after this, the copy is made. The sender,
        who does not know of copies, is told nothing of what becomes of them. Raises
        `NotFound`.
        """

    def discard(recipient_id: int, detail: str = "") -> None:
        """End a recipient whose mail a rule deleted; see `copy`. Raises `NotFound`."""
