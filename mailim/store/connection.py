"""One connection to the database: runs compiled statements on the raw driver.

Rows come back as plain tuples in the order of the selected columns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Dialect

from mailim.store.statements import SQLITE, Statement

Row = tuple[Any, ...]


class Connection:
    """What repositories see of the database; used by one thread at a time."""

    __slots__ = ("_dialect", "_execute", "driver")

    def __init__(self, driver: sqlite3.Connection, dialect: Dialect = SQLITE) -> None:
        self.driver = driver
        self._dialect = dialect
        self._execute = driver.execute

    def cursor(self, statement: Statement, values: Mapping[str, Any]) -> sqlite3.Cursor:
        """Run a statement and give the driver's cursor (for reading row by row)."""
        compiled = statement.on(self._dialect)
        if compiled.values:
            return self._execute(compiled.text, {**compiled.values, **values})
        return self._execute(compiled.text, values)

    def run(self, statement: Statement, **values: Any) -> int:
        """Run a change; gives how many rows it touched."""
        return self.cursor(statement, values).rowcount

    def run_many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> int:
        """Run a change once for each set of values; gives how many rows it touched."""
        compiled = statement.on(self._dialect)
        if compiled.values:
            rows = [{**compiled.values, **row} for row in rows]
        return self.driver.executemany(compiled.text, rows).rowcount

    def one(self, statement: Statement, **values: Any) -> Row | None:
        """Give the first row, or None."""
        row: Row | None = self.cursor(statement, values).fetchone()
        return row

    def all(self, statement: Statement, **values: Any) -> list[Row]:
        """Give all rows."""
        return self.cursor(statement, values).fetchall()

    def value(self, statement: Statement, **values: Any) -> Any:
        """Give the first column of the first row, or None; also for RETURNING."""
        cursor = self.cursor(statement, values)
        row = cursor.fetchone()
        # A RETURNING that is not read to its end leaves the statement open.
        cursor.close()
        return None if row is None else row[0]


def connect(path: Path, *, read_only: bool = False, synchronous: str = "FULL") -> Connection:
    """Open the SQLite file; `synchronous` is only ever changed by a test.

    WAL, so that readers and the writer do not wait for each other; FULL, so that a commit
    is on the disk when it returns (WAL with NORMAL would lose the last ones).
    """
    driver = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}",
        uri=True,
        timeout=5.0,  # busy_timeout, for another process: a backup, an administrator's shell
        isolation_level=None,  # transactions are begun by us
        check_same_thread=False,  # opened in one thread, used in another
        cached_statements=1024,
    )
    try:
        if not read_only:
            driver.execute("PRAGMA journal_mode = WAL")
        driver.execute(f"PRAGMA synchronous = {synchronous}")
        driver.execute("PRAGMA foreign_keys = ON")
        driver.execute("PRAGMA temp_store = MEMORY")
        # KiB; what a reader misses is in the kernel's cache.
        driver.execute(f"PRAGMA cache_size = {-4096 if read_only else -16384}")
        driver.execute("PRAGMA journal_size_limit = 67108864")
    except sqlite3.Error:
        driver.close()
        raise
    return Connection(driver)
