"""A unit on its way through a thread and back: what it is, what became of it.

Threads never touch a Deferred. They fill in `Work` and hand it to `report`, which runs on
the reactor thread: events first, then `after_commit`, then the Deferred.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from types import CoroutineType
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailim.errors import StoreUnavailable
from mailim.events import Events
from mailim.interfaces.store import ITransaction
from mailim.store.transaction import Effects, Transaction

_log = Logger()

# The database cannot work at the moment, whatever the unit was (sqlite.org/rescode.html).
_UNABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


class Work:
    """A unit, its Deferred, and its outcome: `result`, or `error` if that is not None."""

    __slots__ = ("deferred", "effects", "error", "result", "since", "unit")

    def __init__(self, unit: Callable[[ITransaction], Any], since: float) -> None:
        self.unit = unit
        self.since = since
        self.deferred: Deferred[Any] = Deferred()
        self.effects = Effects()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, transaction: Transaction) -> None:
        """Run the unit; its result is kept, its error raised."""
        transaction.effects = self.effects
        result = self.unit(transaction)
        if isinstance(result, CoroutineType | Deferred):
            # It would be committed before it has begun, and nobody would notice.
            if isinstance(result, CoroutineType):
                result.close()
            raise TypeError("a unit must not be asynchronous")
        self.result = result

    def rolled_back(self, error: BaseException) -> None:
        """Set the error and run what the unit wanted done then, newest first."""
        self.error = error
        self.result = None
        while self.effects.after_rollback:
            work = self.effects.after_rollback.pop()
            try:
                work()
            except Exception:
                _log.failure("work after a rollback failed")


def shown(error: BaseException) -> BaseException:
    """Give the error for a unit's Deferred: `StoreUnavailable` if the store is unable."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _UNABLE:
            return unavailable(error)
    return error


def unavailable(cause: BaseException) -> StoreUnavailable:
    """Give the error of a store that is unable, with its cause for the log."""
    error = StoreUnavailable("The store cannot be written or read at the moment.")
    error.__cause__ = cause
    return error


def report(batch: Iterable[Work], events: Events) -> None:
    """Tell those who wait, on the reactor thread, in the order of the units."""
    for work in batch:
        if work.error is not None:
            work.deferred.errback(Failure(work.error))
            continue
        for event in work.effects.events:
            events.publish(event)
        for then in work.effects.after_commit:
            try:
                then()
            except Exception:
                _log.failure("work after a commit failed")
        work.deferred.callback(work.result)
