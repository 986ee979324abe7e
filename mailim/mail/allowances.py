"""How many mails an account may send, whatever protocol it uses."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailim.errors import RateLimited

_HOUR: Final = 3600.0
_ACCOUNTS: Final = 10_000  # remembered; the one unused longest is forgotten


class Allowances:
    """Mails per account and hour: a bucket of `per_hour`, refilled evenly."""

    def __init__(self, clock: IReactorTime, per_hour: int) -> None:
        self._clock = clock
        self._each = _HOUR / per_hour  # seconds until one mail is forgotten
        self._empty: OrderedDict[int, float] = OrderedDict()  # account -> when all are

    def check(self, account_id: int) -> None:
        """Raises `RateLimited` if the account has sent its share."""
        wait = self._empty.get(account_id, 0.0) + self._each - self._clock.seconds() - _HOUR
        if wait > 1e-6:
            raise RateLimited("You have sent too many messages; try again later.", wait)

    def count(self, account_id: int) -> None:
        """Count a mail."""
        empty = max(self._empty.get(account_id, 0.0), self._clock.seconds())
        self._empty[account_id] = empty + self._each
        self._empty.move_to_end(account_id)
        if len(self._empty) > _ACCOUNTS:
            self._empty.popitem(last=False)
