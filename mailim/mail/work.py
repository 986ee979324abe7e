"""What the queue has in hand: one mail at one attempt, and how it is read from the spool."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailim.errors import NotFound
from mailim.interfaces.filters import IHearing, Verdict
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.interfaces.store import ITransaction
from mailim.wire.message import MessageFacts

Taken = tuple[SpoolEntry, MessageFacts | Exception]


@dataclass(frozen=True, slots=True)
class Work:
    """One mail, at one attempt."""

    entry: SpoolEntry
    facts: MessageFacts
    verdict: Verdict  # of all filters
    hearing: IHearing | None  # what rules say of recipients
    outgoing: list[SpoolRecipient] = field(default_factory=list)  # for the relay


def due_now(entry: SpoolEntry, now: int) -> list[SpoolRecipient]:
    """Give the recipients to be served now (microseconds)."""
    return [each for each in entry.recipients if not each.held and each.next_attempt <= now]


def taken(tx: ITransaction, entry: SpoolEntry) -> Taken:
    """Read an entry's facts; that one mail's cannot be read must not stop the others."""
    try:
        return entry, tx.spool.facts(entry.id)
    except Exception as error:
        return entry, error


def hold(tx: ITransaction, spool_id: int, reason: str) -> None:
    """Keep a mail until an administrator decides, if it is still there."""
    try:
        tx.spool.hold(spool_id, True, reason)
    except NotFound:
        pass  # somebody threw it away meanwhile
