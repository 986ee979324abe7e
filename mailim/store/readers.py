"""The readers: a few threads, each with a read-only connection of its own.

A unit sees one snapshot: the database as it was when its first statement ran.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, Final

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads

from mailim.errors import StoreUnavailable
from mailim.events import Events
from mailim.interfaces.store import ITransaction
from mailim.store.connection import Connection
from mailim.store.transaction import Transaction
from mailim.store.units import Work, report, shown

WAITING_UNITS: Final = 20_000


class Readers:
    """Owns the reading connections; `submit` and `stop` belong to the reactor thread."""

    def __init__(
        self,
        reactor: IReactorFromThreads,
        snapshots: Sequence[tuple[Connection, Transaction]],
        events: Events,
    ) -> None:
        self._reactor = reactor
        self._events = events
        self._waiting: SimpleQueue[Work | None] = SimpleQueue()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, args=each, name="store reader", daemon=True)
            for each in snapshots
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, unit: Callable[[ITransaction], Any]) -> Deferred[Any]:
        """Queue a unit; fires with what it gives."""
        if self._stopping:
            return fail(StoreUnavailable("The store is closed."))
        if self._waiting.qsize() >= WAITING_UNITS:
            return fail(StoreUnavailable("The store is overloaded."))
        work = Work(unit, time.monotonic())
        self._waiting.put(work)
        return work.deferred

    def stop(self) -> None:
        """Take no more units and end the threads once none waits; see `join`."""
        if not self._stopping:
            self._stopping = True
            for _ in self._threads:
                self._waiting.put(None)

    def join(self) -> None:
        """Wait for the threads' end; blocks, so not for the reactor thread."""
        for thread in self._threads:
            thread.join()

    def _run(self, connection: Connection, transaction: Transaction) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                connection.driver.execute("BEGIN")
                try:
                    work.run(transaction)
                finally:
                    connection.driver.execute("ROLLBACK")
            except BaseException as error:
                # A unit that writes belongs to `write`: a mistake, not a state of the store.
                writes = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY
                work.rolled_back(error if writes else shown(error))
            self._reactor.callFromThread(report, (work,), self._events)
