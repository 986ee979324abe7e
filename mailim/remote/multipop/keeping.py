"""Work side by side within bounds: while one message becomes durable, the next arrives."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure


class Keeping:
    """Runs at most `limit` coroutines at once; the first error of one is remembered."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running = 0
        self._error: BaseException | None = None
        self._waiting: Deferred[None] | None = None

    async def add(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Begin `work` as soon as there is room; raises the error of an earlier one instead."""
        try:
            while self._running >= self._limit and self._error is None:
                await self._change()
            self.check()
        except BaseException:
            work.close()
            raise
        self._running += 1
        Deferred.fromCoroutine(work).addBoth(self._ended)

    async def settle(self) -> None:
        """Wait until nothing runs; raises nothing of what ran."""
        while self._running:
            await self._change()

    def check(self) -> None:
        """Raise the first error of what ran."""
        if self._error is not None:
            raise self._error

    async def _change(self) -> None:
        self._waiting = Deferred()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _ended(self, result: object) -> None:
        self._running -= 1
        if isinstance(result, Failure) and self._error is None:
            self._error = result.value
        if self._waiting is not None and not self._waiting.called:
            self._waiting.callback(None)
