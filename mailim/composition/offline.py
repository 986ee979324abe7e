"""Operations on a site that nobody serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailim.composition.core import Core
from mailim.config import Site

Calls = Sequence[tuple[str, Mapping[str, Any]]]


def perform_without_server(site: Site, calls: Calls) -> list[Any]:
    """Run operations on a site nobody serves; gives their results.

    Raises `Unavailable` if somebody works on it, what the operations raise, and
    `KeyboardInterrupt` if a signal ended it. Runs the reactor, which a process can do once.
    """
    from twisted.internet import reactor

    return _Run(reactor, Core(reactor, site), calls).results()


class _Run:
    """One run of the reactor, around the work."""

    def __init__(self, reactor: Any, core: Core, calls: Calls) -> None:
        self._reactor = reactor
        self._core = core
        self._calls = calls
        self._work: Deferred[list[Any]] | None = None
        self._outcome: list[Any] | Failure | None = None
        self._interrupted = False

    def results(self) -> list[Any]:
        self._reactor.callWhenRunning(self._begin)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._ending)
        self._reactor.run()
        if self._outcome is None or (self._interrupted and isinstance(self._outcome, Failure)):
            raise KeyboardInterrupt
        if isinstance(self._outcome, Failure):
            self._outcome.raiseException()
        return self._outcome

    def _begin(self) -> None:
        self._work = Deferred.fromCoroutine(self._all())
        self._work.addBoth(self._over)

    async def _all(self) -> list[Any]:
        try:
            await self._core.start()
            operations = self._core.operations()
            return [await operations.call(name, given, "console") for name, given in self._calls]
        finally:
            await self._core.stop()

    def _over(self, outcome: Any) -> None:
        self._outcome = outcome
        self._reactor.callLater(0, self._stop)

    def _stop(self) -> None:
        if self._reactor.running:  # else a signal was faster
            self._reactor.stop()

    def _ending(self) -> Deferred[None] | None:
        """Let the store be closed first if a signal ends the reactor in the middle of it."""
        if self._work is None or self._outcome is not None:
            return None
        self._interrupted = True
        closed: Deferred[None] = Deferred()
        self._work.addBoth(lambda _: closed.callback(None))
        self._work.cancel()
        return closed
