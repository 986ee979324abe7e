"""How much goes to one destination at once, and when it is left alone for a while.

A destination that cannot be reached is not asked again by every mail that waits for it: after
a failure all of them are put off, for longer with each failure. Where many mails go to one
destination at once, those that find no room come back one after the other; that they had to
wait is no failure. It knows nothing that lasts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailim.errors import RateLimited
from mailim.remote.relay.words import Delayed

FIRST_REST: Final = 5.0  # seconds; less than the queue waits before it tries again
LONGEST_REST: Final = 120.0
REMEMBERED: Final = 10_000  # destinations
COMES_BACK: Final = 2.0  # seconds until a mail that found no room asks again, at the earliest
APART: Final = 0.1  # seconds between those that come back


@dataclass(slots=True)
class _Destination:
    busy: int = 0
    turned_away: int = 0  # since there was room the last time
    failures: int = 0
    rests_until: float = 0.0
    reason: str = ""


class Destinations:
    """The slots. `at_once` and `waiting` give the limits for each destination."""

    def __init__(
        self, clock: IReactorTime, at_once: Callable[[], int], waiting: Callable[[], int]
    ) -> None:
        self._clock = clock
        self._at_once = at_once
        self._waiting = waiting
        self._known: OrderedDict[str, _Destination] = OrderedDict()
        self._queues: dict[str, list[Deferred[None]]] = {}

    async def enter(self, name: str) -> None:
        """Take a slot, waiting for it if few do; `leave` it in any case.

        Raises `RateLimited` where too many wait, `Delayed` where the destination rests.
        """
        known = self._known.setdefault(name, _Destination())
        self._known.move_to_end(name)
        self._check_rest(known)
        if known.busy >= self._at_once():
            queue = self._queues.setdefault(name, [])
            if len(queue) >= self._waiting():
                known.turned_away += 1
                after = COMES_BACK + APART * known.turned_away
                raise RateLimited(f"Much other mail is on its way to {name}.", after)
            turn: Deferred[None] = Deferred()
            queue.append(turn)
            await turn  # the slot is handed over, `busy` stays as it is
        else:
            known.busy += 1
        try:
            self._check_rest(known)
        except Delayed:
            self.leave(name)
            raise
        self._forget()

    def leave(self, name: str) -> None:
        """Give a slot back."""
        queue = self._queues.get(name)
        if queue:
            turn = queue.pop(0)
            if not queue:
                del self._queues[name]
            turn.callback(None)
        else:
            self._known[name].busy -= 1
            self._known[name].turned_away = 0

    def failed(self, name: str, reason: str) -> None:
        """No host of it could be talked to: leave it alone for a while."""
        known = self._known[name]
        if self._clock.seconds() < known.rests_until:
            return  # those that were under way together count as one
        rest = min(FIRST_REST * 2**known.failures, LONGEST_REST)
        known.failures = min(known.failures + 1, 16)
        known.rests_until = self._clock.seconds() + rest
        known.reason = reason

    def succeeded(self, name: str) -> None:
        """It could be talked to."""
        known = self._known[name]
        known.failures, known.rests_until = 0, 0.0

    def _check_rest(self, known: _Destination) -> None:
        if self._clock.seconds() < known.rests_until:
            raise Delayed(f"{known.reason} (a moment ago)")

    def _forget(self) -> None:
        while len(self._known) > REMEMBERED:
            oldest = next(iter(self._known))
            if self._known[oldest].busy:
                self._known.move_to_end(oldest)
                return
            del self._known[oldest]
