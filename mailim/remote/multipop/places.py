"""Places for visits: how many run at once, and whose turn is next.

The next free place goes to the account with the fewest visits under way, so that somebody
with two hundred slow boxes does not keep the others from their mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed


class Places:
    """limit: how many there are at the moment (asked each time)."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._taken: Counter[int] = Counter()  # by account
        self._waiting: list[tuple[int, Deferred[None]]] = []

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self._taken.total()

    def take(self, account_id: int) -> Deferred[None]:
        """Fires when there is a place; it must be given back then. May be cancelled."""
        if not self._waiting and self.taken < self._limit():
            self._taken[account_id] += 1
            return succeed(None)
        mine: Deferred[None] = Deferred(self._cancelled)
        self._waiting.append((account_id, mine))
        return mine

    def give_back(self, account_id: int) -> None:
        """Make a place free."""
        self._taken[account_id] -= 1
        if not self._taken[account_id]:
            del self._taken[account_id]
        self._next()

    def _next(self) -> None:
        while self._waiting and self.taken < self._limit():
            # min() takes the first of equals: who waited longest.
            chosen = min(self._waiting, key=lambda one: self._taken[one[0]])
            self._waiting.remove(chosen)
            account_id, waiting = chosen
            self._taken[account_id] += 1
            waiting.callback(None)

    def _cancelled(self, mine: Deferred[None]) -> None:
        self._waiting = [one for one in self._waiting if one[1] is not mine]
