"""Turns: whatever is done with a box is done by one alone, and few boxes at once."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailim.remote.multipop.places import Places


class Turn:
    """A visit to a box, or a test, from waiting for a place to its end."""

    def __init__(self, by_hand: bool) -> None:
        self.by_hand = by_hand
        self.begun = False  # it may have looked already: too late for what comes now
        self._work: Deferred[None] | None = None
        self._waiting: list[Deferred[None]] = []
        self._over = False

    def over(self) -> Deferred[None]:
        """Give a Deferred that fires when the turn is over, however it ended."""
        if self._over:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def begin(self, work: Deferred[None]) -> None:
        """Go on until `work` is over."""
        self._work = work

    def cancel(self) -> None:
        """End it as soon as may be."""
        if self._work is not None:
            self._work.cancel()

    def ended(self) -> None:
        """Tell those who wait."""
        self._over = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)


class Turns:
    """The turns under way, one a box."""

    _log = Logger()

    def __init__(self, limit: Callable[[], int]) -> None:
        self._places = Places(limit)
        self._turns: dict[int, Turn] = {}

    def __contains__(self, box_id: object) -> bool:
        return box_id in self._turns

    def get(self, box_id: int) -> Turn | None:
        """Give the turn of a box, if it has one now."""
        return self._turns.get(box_id)

    async def free(self, box_id: int) -> None:
        """Wait until the box has no turn."""
        while (turn := self._turns.get(box_id)) is not None:
            await turn.over()

    def take(
        self,
        box_id: int,
        turn: Turn,
        work: Callable[[], Coroutine[Deferred[Any], Any, None]],
        place_of: int | None = None,
    ) -> None:
        """Begin `work` for a box that has no turn, once the account `place_of` has a place.

        None: at once. What `work` raises is logged.
        """

        async def in_place() -> None:
            if place_of is None:
                await work()
                return
            await self._places.take(place_of)
            try:
                await work()
            finally:
                self._places.give_back(place_of)

        def over(result: object) -> None:
            if isinstance(result, Failure) and not result.check(CancelledError):
                self._log.failure("box {box}", failure=result, box=box_id)
            del self._turns[box_id]
            turn.ended()

        self._turns[box_id] = turn
        working = Deferred.fromCoroutine(in_place())
        turn.begin(working)
        working.addBoth(over)

    def end(self, box_id: int) -> Deferred[None]:
        """End the turn of a box; fires when it is over, at once if there is none."""
        turn = self._turns.get(box_id)
        if turn is None:
            return succeed(None)
        over = turn.over()
        turn.cancel()
        return over

    def end_all(self) -> Deferred[None]:
        """End all turns; fires when they are over."""
        done: Deferred[Any] = DeferredList([self.end(box_id) for box_id in tuple(self._turns)])
        return done.addCallback(lambda _: None)
