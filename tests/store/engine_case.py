"""What tests of the engine share: a store, small units, a way to hold the writer up."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailim.events import Events
from mailim.interfaces.store import ITransaction
from mailim.store import writer
from mailim.store.engine import Store
from mailim.store.transaction import Transaction
from tests.fakes.store import open_store

Unit = Callable[[ITransaction], Any]


def add_domain(name: str) -> Unit:
    return lambda tx: tx.accounts.add_domain(name, 1)


def names(tx: ITransaction) -> list[str]:
    return [each.name for each in tx.accounts.domains()]


def driver(tx: ITransaction) -> sqlite3.Connection:
    """Give the connection below a unit, to break it."""
    assert isinstance(tx, Transaction)
    return tx.bodies._db.driver


class Gate:
    """A unit that keeps the writer busy until it is opened."""

    def __init__(self, store: Store) -> None:
        self._open = threading.Event()
        self._entered = threading.Event()
        self.done = store.write(self._unit)
        self._entered.wait(5)

    def _unit(self, tx: ITransaction) -> None:
        self._entered.set()
        self._open.wait(5)

    def open(self) -> None:
        self._open.set()


class StoreTestCase(TestCase):
    def setUp(self) -> None:
        # What waits for a gate shares its batch, however slow this machine is.
        self.patch(writer, "BATCH_SECONDS", 60.0)
        self.events = Events()
        self.store = open_store(self, self.events)

    async def failure(self, waiting: Deferred[Any], kind: type[Exception]) -> Exception:
        return cast(Exception, await self.assertFailure(waiting, kind))
