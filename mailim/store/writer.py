"""The one writer: a thread that runs units and commits many of them at once.

It takes waiting units (lowest `Priority` first, in order within one), runs them in one
transaction until none waits or the batch is full, commits, and only then reports. So a
commit, which costs an fsync, is shared by all that waited for the one before; an idle
writer starts at once, and nothing waits for a timer.

A unit that raises is rolled back alone: by a savepoint, or, while no other unit of the
batch has succeeded, by rolling back the transaction, which is cheaper. When the commit
fails (disk full, I/O error), or SQLite gives the transaction up by itself, every unit of
the batch fails with `StoreUnavailable`. Nothing is remembered of that: the next batch is
tried afresh, so that writing works again as soon as there is room.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from mailim.errors import StoreUnavailable
from mailim.events import Events
from mailim.interfaces.store import ITransaction, Priority
from mailim.store.connection import Connection
from mailim.store.transaction import Transaction
from mailim.store.units import Work, report, shown, unavailable

BATCH_UNITS: Final = 256
BATCH_SECONDS: Final = 0.02
# A unit that waited so long goes first, whatever its priority.
PATIENCE_SECONDS: Final = 2.0
WAITING_UNITS: Final = 20_000
# A unit that takes longer is named in the log: all others wait for it.
SLOW_SECONDS: Final = 0.5


class Writer:
    """Owns the writing connection; `submit` and `stop` belong to the reactor thread."""

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorFromThreads,
        connection: Connection,
        transaction: Transaction,
        events: Events,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reactor = reactor
        self._driver = connection.driver
        self._transaction = transaction
        self._events = events
        self._seconds = seconds
        self._waiting: tuple[deque[Work], ...] = tuple(deque() for _ in Priority)
        self._wake = threading.Event()
        self._stopping = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="store writer", daemon=True)
        self._thread.start()

    def submit(self, unit: Callable[[ITransaction], Any], priority: Priority) -> Deferred[Any]:
        """Queue a unit; fires when it is durable."""
        if self._stopping:
            return fail(StoreUnavailable("The store is closed."))
        if sum(map(len, self._waiting)) >= WAITING_UNITS:
            return fail(StoreUnavailable("The store is overloaded."))
        work = Work(unit, self._seconds())
        self._waiting[priority].append(work)
        if not self._wake.is_set():
            self._wake.set()
        return work.deferred

    def stop(self) -> None:
        """Take no more units and end the thread once none waits; see `join`."""
        self._stopping = True
        self._wake.set()

    def join(self) -> None:
        """Wait for the thread's end; blocks, so not for the reactor thread."""
        self._thread.join()

    # --- in the thread ------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._wake.clear()
            stopping = self._stopping  # read before looking: nothing comes after it is set
            work = self._take()
            if work is not None:
                self._wake.set()
                self._batch(work)
            elif stopping:
                return
            else:
                self._wake.wait()

    def _take(self) -> Work | None:
        first = None
        for waiting in self._waiting:
            if waiting:
                if first is None:
                    first = waiting
                elif self._seconds() - waiting[0].since > PATIENCE_SECONDS:
                    return waiting.popleft()
        return None if first is None else first.popleft()

    def _batch(self, work: Work | None) -> None:
        """Run one transaction, beginning with `work`."""
        batch: list[Work] = []
        until = self._seconds() + BATCH_SECONDS
        succeeded = 0
        try:
            self._begin()
            while work is not None:
                batch.append(work)
                succeeded += self._one(work, nested=succeeded > 0)
                if not self._driver.in_transaction:
                    if succeeded:
                        raise work.error or StoreUnavailable("The transaction was lost.")
                    self._begin()
                if len(batch) >= BATCH_UNITS or self._seconds() >= until:
                    break
                work = self._take()
            self._driver.execute("COMMIT")
        except BaseException as error:
            if not batch:
                # Not even begun (another process holds the lock): who waits has waited enough.
                while work is not None:
                    batch.append(work)
                    work = self._take()
            self._undo(batch, error)
        else:
            if self._failing and not any(isinstance(w.error, StoreUnavailable) for w in batch):
                self._failing = False
                self._log.info("the store can be written again")
        self._reactor.callFromThread(report, batch, self._events)

    def _begin(self) -> None:
        if self._driver.in_transaction:  # left behind by a rollback that failed
            self._driver.execute("ROLLBACK")
        self._driver.execute("BEGIN IMMEDIATE")

    def _one(self, work: Work, nested: bool) -> bool:
        """Run a unit; False if it failed and was rolled back."""
        execute = self._driver.execute
        began = self._seconds()
        try:
            if nested:
                execute("SAVEPOINT unit")
            work.run(self._transaction)
            if nested:
                execute("RELEASE unit")
        except BaseException as error:
            try:
                if self._driver.in_transaction:
                    execute("ROLLBACK TO unit" if nested else "ROLLBACK")
                    if nested:
                        execute("RELEASE unit")
            finally:
                work.rolled_back(shown(error))
            if isinstance(work.error, StoreUnavailable):
                self._alarm(error)
            return False
        finally:
            took = self._seconds() - began
            if took > SLOW_SECONDS:
                self._log.warn(
                    "{unit} kept the writer for {seconds} s", unit=work.unit, seconds=round(took, 2)
                )
        return True

    def _undo(self, batch: list[Work], error: BaseException) -> None:
        """Roll the batch back: all its units fail."""
        if self._driver.in_transaction:
            try:
                self._driver.execute("ROLLBACK")
            except sqlite3.Error:
                self._log.failure("rolling back failed")
        self._alarm(error)
        for work in reversed(batch):
            if work.error is None:
                work.rolled_back(unavailable(error))

    def _alarm(self, error: BaseException) -> None:
        if not self._failing:
            self._failing = True
            self._log.critical("the store cannot be written: {error}", error=str(error))
