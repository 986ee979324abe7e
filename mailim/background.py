"""Work nobody waits for: the one way to start it, so that no failure goes unseen."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

T = TypeVar("T")
_log = Logger()


def spawn(work: Coroutine[Deferred[Any], Any, T], what: str) -> Deferred[T | None]:
    """Run a coroutine nobody waits for; a failure is logged with `what`, then swallowed.

    The Deferred fires when the work is over and may be cancelled.
    """

    def failed(failure: Failure) -> None:
        if not failure.check(CancelledError):
            _log.failure("{what} failed", failure=failure, what=what)

    return Deferred.fromCoroutine(work).addErrback(failed)


def shielded(work: Coroutine[Deferred[Any], Any, T], what: str) -> Deferred[T]:
    """Run a coroutine to its end, also if nobody waits for it any more.

    Cancelling the Deferred lets the work go on; a failure of it is then logged with `what`.
    """
    left = False

    def leave(_waiting: Deferred[T]) -> None:
        nonlocal left
        left = True

    waiting: Deferred[T] = Deferred(leave)

    def over(result: Any) -> None:
        if not left:
            waiting.callback(result)
        elif isinstance(result, Failure):
            _log.failure("{what} failed", failure=result, what=what)

    Deferred.fromCoroutine(work).addBoth(over)
    return waiting
