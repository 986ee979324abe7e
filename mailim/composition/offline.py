"""Operations on a site that nobody serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailim.composition.core import Core
from mailim.config import Site


def perform_without_server(site: Site, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]:
    """Run operations on a site nobody serves; gives their results.

    Raises `Unavailable` if somebody works on it, and what the operations raise.
    """
    from twisted.internet import reactor

    core = Core(reactor, site)
    outcome: list[Any] = []

    async def work() -> list[Any]:
        try:
            await core.start()
            operations = core.operations()
            return [await operations.call(name, given, "console") for name, given in calls]
        finally:
            await core.stop()

    def over(result: Any) -> None:
        outcome.append(result)
        reactor.callLater(0, reactor.stop)

    def begin() -> None:
        Deferred.fromCoroutine(work()).addBoth(over)

    reactor.callWhenRunning(begin)
    reactor.run()
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    results: list[Any] = outcome[0]
    return results
