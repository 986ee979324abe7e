"""With whom an account has corresponded, as far as its mail tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zope.interface import Interface

from mailim.wire.message import Mailbox


@dataclass(frozen=True, slots=True)
class Letter:
    """Who wrote to whom in one mail of an account; at most `LETTER_PEOPLE` of each."""

    modseq: int  # of its arrival in the account
    received: int
    role: str | None  # of the folder it is in
    senders: tuple[Mailbox, ...]
    recipients: tuple[Mailbox, ...]  # To, Cc and Bcc


LETTER_PEOPLE = 50


class IPeopleRows(Interface):
    """Reads the people out of what is kept of mails."""

    def letters(account_id: int, since: int, limit: int) -> Sequence[Letter]:
        """Give what came into the account after the modseq `since`, newest first, up to `limit`."""
