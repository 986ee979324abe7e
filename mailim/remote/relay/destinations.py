"""How much goes to one destination at once, and when it is left alone for a while.

A destination gets one connection until it has answered on one, and again after it failed; then
as many as are allowed. So those that are silent, however many they are, keep one mail each.

A destination that cannot be reached is not asked again by every mail that waits for it: after
a failure all of them are put off, for longer with each failure. Where many mails go to one
destination at once, or nothing has gone on there for `PATIENCE`, those that find no room come
back one after the other; that they had to wait is no failure. It knows nothing that lasts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailim.errors import RateLimited
from mailim.remote.relay.words import Delayed

FIRST_REST: Final = 5.0  # seconds; less than the queue waits before it tries again
LONGEST_REST: Final = 120.0
REMEMBERED: Final = 10_000  # destinations
COMES_BACK: Final = 2.0  # seconds until a mail that found no room asks again, at the earliest
APART: Final = 0.1  # seconds between those that come back
PATIENCE: Final = 10.0  # seconds without any progress that mails wait, and then stay away


@dataclass(slots=True)
class _Destination:
    busy: int = 0
    answers: bool = False  # it did, and has not failed since
    progress: float = 0.0  # when something went on there the last time
    queue: list[Deferred[None]] = field(default_factory=list)  # mails that wait for a slot
    dismissal: IDelayedCall | None = None  # of those, should nothing go on
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

    async def enter(self, name: str) -> None:
        """Take a slot, waiting for it if few do; `leave` it in any case.

        Raises `RateLimited` where too many wait, or nothing goes on, `Delayed` where the
        destination rests.
        """
        known = self._known.setdefault(name, _Destination())
        self._known.move_to_end(name)
        self._check_rest(known)
        if known.busy >= self._slots(known):
            room = self._at_once() + self._waiting()
            if known.busy + len(known.queue) >= room or self._stalls(known):
                raise self._no_room(name, known)
            turn: Deferred[None] = Deferred()
            known.queue.append(turn)
            self._watch(name, known)
            await turn  # the slot is handed over, and counted among `busy` already
        else:
            if not known.busy:
                known.progress = self._clock.seconds()
            known.busy += 1
        self._forget()

    def leave(self, name: str) -> None:
        """Give a slot back."""
        known = self._known[name]
        known.busy -= 1
        known.progress = self._clock.seconds()
        if not known.queue:
            known.turned_away = 0
        self._hand_over(known)

    def failed(self, name: str, reason: str) -> None:
        """No host of it could be talked to: leave it alone for a while."""
        known = self._known[name]
        known.answers = False
        if self._clock.seconds() < known.rests_until:
            return  # those that were under way together count as one
        rest = min(FIRST_REST * 2**known.failures, LONGEST_REST)
        known.failures = min(known.failures + 1, 16)
        known.rests_until = self._clock.seconds() + rest
        known.reason = reason
        self._send_away(known, lambda: self._resting(known))

    def succeeded(self, name: str) -> None:
        """It could be talked to."""
        known = self._known[name]
        known.answers, known.progress = True, self._clock.seconds()
        known.failures, known.rests_until = 0, 0.0
        self._hand_over(known)

    def close(self) -> None:
        """Turn away who still waits for a slot."""
        for name, known in self._known.items():
            self._dismiss(name, known)

    def _slots(self, known: _Destination) -> int:
        return self._at_once() if known.answers else 1

    def _stalls(self, known: _Destination) -> bool:
        return self._clock.seconds() - known.progress >= PATIENCE

    def _hand_over(self, known: _Destination) -> None:
        """Give free slots to those that wait."""
        while known.queue and known.busy < self._slots(known):
            known.busy += 1
            known.queue.pop(0).callback(None)
        if not known.queue and known.dismissal is not None:
            known.dismissal.cancel()
            known.dismissal = None

    def _watch(self, name: str, known: _Destination) -> None:
        """See to it that nobody waits where nothing goes on."""
        if known.dismissal is None:
            left = known.progress + PATIENCE - self._clock.seconds()
            known.dismissal = self._clock.callLater(max(left, 0), self._look, name, known)

    def _look(self, name: str, known: _Destination) -> None:
        known.dismissal = None
        if self._stalls(known):
            self._dismiss(name, known)
        elif known.queue:
            self._watch(name, known)

    def _dismiss(self, name: str, known: _Destination) -> None:
        self._send_away(known, lambda: self._no_room(name, known))

    def _send_away(self, known: _Destination, why: Callable[[], Exception]) -> None:
        queue, known.queue = known.queue, []
        self._hand_over(known)  # there is nobody left to watch over
        for turn in queue:
            turn.errback(why())

    def _no_room(self, name: str, known: _Destination) -> RateLimited:
        known.turned_away += 1
        after = PATIENCE if self._stalls(known) else COMES_BACK
        text = f"Much other mail is on its way to {name}."
        return RateLimited(text, after + APART * known.turned_away)

    def _check_rest(self, known: _Destination) -> None:
        if self._clock.seconds() < known.rests_until:
            raise self._resting(known)

    @staticmethod
    def _resting(known: _Destination) -> Delayed:
        return Delayed(f"{known.reason} (a moment ago)")

    def _forget(self) -> None:
        while len(self._known) > REMEMBERED:
            oldest = next(iter(self._known))
            if self._known[oldest].busy:
                self._known.move_to_end(oldest)
                return
            del self._known[oldest]
