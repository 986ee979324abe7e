"""When a delivery that failed for now is tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

SECOND: Final = 1_000_000  # microseconds
DAY: Final = 86_400 * SECOND

# Seconds until the next attempt, after the first failure, the second, …; the last repeats.
WAITS: Final = (10, 60, 300, 900, 1800, 3600, 7200, 14400)
JITTER: Final = 0.2  # up to a fifth more or less, so that what failed together parts
GIVE_UP_AFTER: Final = 5 * DAY  # RFC 5321 4.5.4.1 asks for 4 to 5 days
NOTICE_AFTER: Final = 4 * 3600 * SECOND  # the sender is told once that it takes longer


class Backoff:
    """The table, with chance passed in: `random` gives numbers in [0, 1)."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random

    def next_attempt(self, now: int, attempts: int) -> int:
        """Give the time of the next attempt after `attempts` failures before this one."""
        wait = WAITS[min(attempts, len(WAITS) - 1)] * SECOND
        return now + int(wait * (1 + JITTER * (2 * self._random() - 1)))

    @staticmethod
    def gives_up(now: int, received: int) -> bool:
        """Say whether a mail has waited so long that it is held instead."""
        return now - received >= GIVE_UP_AFTER
