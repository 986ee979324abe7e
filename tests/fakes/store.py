"""Real SQLite stores for tests: no fake, only short-lived.

`open_transaction` is for tests of repositories: units are called directly on it, in the
test's own thread. `open_store` is the whole engine with its threads.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from sqlalchemy.schema import CreateIndex, CreateTable
from twisted.trial.unittest import SynchronousTestCase

from mailim.store.body_files import BodyFiles
from mailim.store.connection import connect
from mailim.store.schema import metadata
from mailim.store.statements import SQLITE
from mailim.store.transaction import Transaction


def short_directory(case: SynchronousTestCase) -> Path:
    """Give a directory with a short path (socket paths end at 107 bytes), removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix="mi"))
    case.addCleanup(shutil.rmtree, path, ignore_errors=True)
    return path


def open_transaction(case: SynchronousTestCase) -> Transaction:
    """Give a transaction on an empty database in memory's stead, rolled back at the end.

    What was published is in `transaction.effects.events`. Files of bodies that a sweep lets
    go of are removed at once when `transaction.effects.after_commit` is called.
    """
    directory = short_directory(case)
    files = BodyFiles(directory / "bodies", lambda: 0.0)
    files.open()
    connection = connect(directory / "mailim.db")
    case.addCleanup(connection.driver.close)
    for table in metadata.sorted_tables:
        connection.driver.execute(str(CreateTable(table).compile(dialect=SQLITE)))
        for index in table.indexes:
            connection.driver.execute(str(CreateIndex(index).compile(dialect=SQLITE)))
    connection.driver.execute("BEGIN IMMEDIATE")
    return Transaction(connection, files, files.discard)
