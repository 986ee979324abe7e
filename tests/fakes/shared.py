"""Costly things (a running site, a browser) that several tests of a process use in turn.

A test asks for the thing by what makes it; it is made at the first request and ended when
others have pushed it out or the process ends. Tests run one after the other in a process,
module by module, so a few are enough.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import Any, Protocol, TypeVar


class Stoppable(Protocol):
    """Something that runs until it is stopped."""

    def stop(self) -> None:
        """End it."""


T = TypeVar("T", bound=Stoppable)


class Shared:
    """Keeps at most `limit` of them running."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running: dict[Callable[[], Any], Any] = {}
        atexit.register(self.stop)

    def get(self, make: Callable[[], T]) -> T:
        """Give what `make` made, the same to everybody who asks with the same `make`."""
        thing: T | None = self._running.pop(make, None)
        if thing is None:
            while len(self._running) >= self._limit:
                self._running.pop(next(iter(self._running))).stop()
            thing = make()
        self._running[make] = thing
        return thing

    def stop(self) -> None:
        """End all of them."""
        while self._running:
            self._running.popitem()[1].stop()


shared = Shared(3)
