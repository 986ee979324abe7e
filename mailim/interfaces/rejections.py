"""Mail that was refused at the door: for the question why something did not arrive.

A client that is refused at MAIL, RCPT or the message's text leaves a row, without anything of
the message. What is alike within a minute is one row with a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zope.interface import Interface

from mailim.interfaces.mail_events import MailQuery

ANY: Final = "*"  # instead of a peer or an address where many were folded together


@dataclass(frozen=True, slots=True)
class Rejection:
    """What was refused within one minute. Addresses are in lower case, "" for none.

    minute, last: microseconds, when the minute began and when the last one came.
    reply: the enhanced status code and the words the client was told.
    """

    minute: int
    peer: str
    sender: str
    recipient: str
    code: int
    reply: str
    last: int
    count: int


class IRejectionRows(Interface):
    """Rows, one for each minute and kind."""

    def add(rejections: Sequence[Rejection]) -> None:
        """Add to the rows that are there, or make them."""

    def find(query: MailQuery) -> Sequence[Rejection]:
        """Give those that fit, newest first; folded ones fit every address."""

    def sweep(before: int, keep: int, limit: int) -> int:
        """Forget up to `limit` from before a time, or beyond the newest `keep`; gives how many."""
