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
