"""How fast a client may send stanzas: a sustained rate, and bursts of ten times it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_BURST = 10  # seconds' worth of stanzas that may come at once


class Pace:
    """Counts stanzas; `changed` is called when a client that was too fast may go on."""

    def __init__(self, clock: IReactorTime, rate: float, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._rate = rate
        self._changed = changed
        self._tokens = rate * _BURST
        self._refilled = clock.seconds()
        self._pause: IDelayedCall | None = None

    @property
    def exceeded(self) -> bool:
        """No more should be read for now."""
        return self._pause is not None

    def count(self) -> None:
        """Take a token for a stanza; without one, pause until there are some again."""
        now = self._clock.seconds()
        rate = self._rate
        self._tokens = min(rate * _BURST, self._tokens + (now - self._refilled) * rate)
        self._refilled = now
        self._tokens -= 1
        if self._tokens < 0 and self._pause is None:
            self._pause = self._clock.callLater((1 - self._tokens) / rate, self._over)

    def stop(self) -> None:
        """Pause no more."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _over(self) -> None:
        self._pause = None
        self._changed()
