"""Where passwords are hashed: threads of their own, so that logins never hold up anything else.

Hashing is slow on purpose (tens of milliseconds and some megabytes each). Few threads bound
the memory, a bounded queue bounds the wait: beyond it a login is asked to come back later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from mailim.errors import RateLimited, Unavailable

T = TypeVar("T")


class IHashing(Protocol):
    """Runs slow functions elsewhere."""

    def run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `work(*args)`; fails with `Unavailable`, `RateLimited` if too much waits."""
        ...


class HashingThreads:
    """Threads for hashing; they start with the first use and end with the reactor.

    reactor: runs the results (IReactorFromThreads) and says when to end (IReactorCore).
    threads: how many hash at once.
    queue: how many may wait or be hashed.
    """

    def __init__(self, reactor: Any, *, threads: int = 2, queue: int = 200) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, threads, name="hashing")
        self._queue = queue
        self._waiting = 0
        self._trigger: Any = None

    def run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `work(*args)` in one of the threads; the result comes on the reactor thread.

        Fails with `RateLimited` when too much waits, with `Unavailable` once stopped.
        """
        if self._pool.joined:
            return fail(Unavailable("the server is stopping"))
        if self._waiting >= self._queue:
            return fail(RateLimited("too many logins at once; try again", 1.0))
        if not self._pool.started:
            self._start()
        self._waiting += 1
        return deferToThreadPool(self._reactor, self._pool, work, *args).addBoth(self._done)

    def stop(self) -> None:
        """End the threads once their work is done; blocks for that long."""
        if self._pool.started:
            self._pool.stop()
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None

    def _start(self) -> None:
        assert IReactorFromThreads.providedBy(self._reactor)  # noqa: S101 - a wiring mistake
        self._pool.start()
        if IReactorCore.providedBy(self._reactor):
            self._trigger = self._reactor.addSystemEventTrigger(
                "during", "shutdown", self._stopped_by_reactor
            )

    def _stopped_by_reactor(self) -> None:
        self._trigger = None
        self.stop()

    def _done(self, result: Any) -> Any:
        self._waiting -= 1
        return result
