"""When a box is visited: what follows from how the last visit went.

A box that failed waits longer each time, up to some hours. A login that was refused three
times in a row is not tried again by itself: most providers lock accounts that go on trying.
Changing the box, a good test or collecting by hand starts afresh.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mailim.config_mail import Multipop as MultipopConfig
from mailim.interfaces.boxes import Box
from mailim.interfaces.multipop import NEVER
from mailim.limits import BOX_ERROR_CHARS
from mailim.remote.multipop.visit import Outcome
from mailim.remote.multipop.words import LoginRefused, in_words

SECOND = 1_000_000
_MINUTE = 60 * SECOND
_LONGEST = 4 * 60 * _MINUTE
_DAY = 24 * 60 * _MINUTE
REFUSALS = 3
_STOPPED = " Refused three times: not tried again until the box is changed or collected by hand."


class Schedule:
    """Decides for all boxes. config: the section in force; jitter: a number from 0 to 1.

    How often a login was refused in a row is remembered here only; a restart begins to
    count anew, but a box that was given up stays so.
    """

    def __init__(self, config: Callable[[], MultipopConfig], jitter: Callable[[], float]) -> None:
        self._config = config
        self._jitter = jitter
        self._refusals: dict[int, int] = {}
        self._resting: dict[int, int] = {}

    def is_due(self, box: Box, now: int) -> bool:
        """Say whether a box is to be visited at `now`."""
        if not box.enabled or box.next_run == NEVER or self._resting.get(box.id, 0) > now:
            return False
        if box.next_run is None or box.next_run <= now:
            return True
        # Further ahead than anything we set: the clock was wrong, or the interval is shorter.
        return box.next_run - now > 1.1 * max(self._interval, _LONGEST, _DAY)

    def after(
        self, box: Box, outcome: Outcome, error: Exception | None, now: int
    ) -> dict[str, Any]:
        """Give the changes of a box's row after a visit that ended at `now`."""
        if error is None:
            self.forget(box.id)
            wait = 0 if outcome.unfinished else self._interval
            return {
                "last_run": now,
                "last_success": now,
                "last_error": outcome.note[:BOX_ERROR_CHARS],
                "failures": 0,
                "next_run": now + max(wait, _delay(outcome)),
            }
        return {
            "last_run": now,
            "failures": box.failures + 1,
            **self._after_failure(box, outcome, error, now),
        }

    def _after_failure(
        self, box: Box, outcome: Outcome, error: Exception, now: int
    ) -> dict[str, Any]:
        text = in_words(error)
        if isinstance(error, LoginRefused):
            self._refusals[box.id] = self._refusals.get(box.id, 0) + 1
        stopped = box.next_run == NEVER or self._refusals.get(box.id, 0) >= REFUSALS
        if stopped:
            next_run = NEVER
            text = text[: BOX_ERROR_CHARS - len(_STOPPED)] + _STOPPED
        else:
            wait = min(self._interval * 2 ** min(box.failures, 10), max(_LONGEST, self._interval))
            wait += int(wait * self._jitter() / 10)
            next_run = now + max(wait, _delay(outcome))
        return {"last_error": text[:BOX_ERROR_CHARS], "next_run": next_run}

    def rest(self, box_id: int, until: int) -> None:
        """Do not visit a box before `until`: not even its failure could be written down."""
        self._resting[box_id] = until

    def forget(self, box_id: int) -> None:
        """Begin afresh with a box that was changed, or forget one that is gone."""
        self._refusals.pop(box_id, None)
        self._resting.pop(box_id, None)

    @property
    def _interval(self) -> int:
        return self._config().interval_minutes * _MINUTE


def afresh() -> dict[str, Any]:
    """Give the changes of the row of a box that is to be tried again soon."""
    return {"failures": 0, "next_run": None, "last_error": ""}


def _delay(outcome: Outcome) -> int:
    return min(outcome.login_delay * SECOND, _DAY)
