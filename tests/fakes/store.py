"""Real SQLite stores for tests: no fake, only short-lived.

`open_transaction` is for tests of repositories: units are called directly on it, in the
test's own thread. `open_store` is the whole engine with its threads.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import cast

from twisted.internet import reactor
from twisted.internet.interfaces import IReactorFromThreads
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailim.events import Events
from mailim.store.body_files import BodyFiles
from mailim.store.connection import connect
from mailim.store.engine import DATABASE, Store
from mailim.store.migration import migrate
from mailim.store.transaction import Transaction


def short_directory(case: SynchronousTestCase) -> Path:
    """Give a directory with a short path (socket paths end at 107 bytes), removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix="mi"))
    case.addCleanup(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def empty_database() -> bytes:
    """Give the file of a migrated database; migrating takes longer than most tests."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / DATABASE
        migrate(path)
        return path.read_bytes()


def open_transaction(case: SynchronousTestCase) -> Transaction:
    """Give a transaction on an empty database.

    What was published is in `transaction.effects.events`. Files of bodies that a sweep lets
    go of are removed at once when `transaction.effects.after_commit` is called.
    """
    directory = short_directory(case)
    files = BodyFiles(directory / "bodies", lambda: 0.0)
    files.open()
    (directory / DATABASE).write_bytes(empty_database())
    connection = connect(directory / DATABASE, synchronous="OFF")
    case.addCleanup(connection.driver.close)
    connection.driver.execute("BEGIN IMMEDIATE")
    return Transaction(connection, files, files.discard)


def open_store(case: TestCase, events: Events | None = None, synchronous: str = "FULL") -> Store:
    """Give an empty store, closed and removed at the end of the test."""
    directory = short_directory(case)
    (directory / DATABASE).write_bytes(empty_database())
    threads = cast(IReactorFromThreads, reactor)
    store = Store.open(threads, directory, events or Events(), readers=2, synchronous=synchronous)
    case.addCleanup(store.close)
    return store
