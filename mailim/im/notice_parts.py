"""Small parts of sending notices (`mailim.im.notices`): outcomes, claims, texts."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from mailim.errors import MailimError
from mailim.interfaces.notices import CLAIM_CHARS, NewNotice
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import ITransaction


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a notice for one recipient; `leaf` None: it was not sent, see `error`."""

    recipient: str
    leaf: int | None
    text: str
    error: MailimError | None = None


def landed(notice_id: int, tx: ITransaction, leaf: Leaf, kept: bool) -> None:
    """Run in the transaction that writes the leaf, or keeps the message later."""
    tx.notices.recorded(notice_id, leaf.seq)
    if kept:
        tx.notices.over(notice_id, "stored")


def refused(new: NewNotice, error: MailimError) -> Outcome:
    """Give the outcome of one that was not sent."""
    return Outcome(new.recipient, None, error.text, error)


def share_of(claim: str, address: str) -> str:
    """Give the claim of one account's share."""
    whole = f"{claim} {address}"
    return whole if len(whole) <= CLAIM_CHARS else f"part:{sha256(whole.encode()).hexdigest()}"


def shown(text: str) -> str:
    """Give what can be recorded of a text nobody checked."""
    return text.encode(errors="replace").decode()
