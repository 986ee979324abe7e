"""Brings a database to the form this code knows, with Alembic, when the store is opened.

The revisions stand in `migrations/versions/`, one file each; a new one is written by hand
with explicit operations. All that are missing run in one transaction: a failure, or a
crash, leaves the database as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from mailim.errors import Invalid
from mailim.store.connection import connect

SCRIPTS: Final = Path(__file__).parent / "migrations"


def migrate(path: Path) -> None:
    """Run the missing revisions; `Invalid` for a database from newer code, `sqlite3.Error`."""
    driver = connect(path).driver
    # A revision may build a table anew; references are checked as a whole at the end.
    driver.execute("PRAGMA foreign_keys = OFF")
    engine = create_engine("sqlite://", creator=lambda: driver, poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _upgrade(connection)
            if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise Invalid("The database has references to rows that are not there.")
            connection.commit()
    except DBAPIError as error:
        raise (error.orig or error) from None
    finally:
        engine.dispose()
        driver.close()


def _upgrade(connection: Connection) -> None:
    script = ScriptDirectory(str(SCRIPTS))

    def missing(revision: Any, context: MigrationContext) -> Sequence[Any]:
        return script._upgrade_revs("head", revision)

    context = MigrationContext.configure(connection, opts={"fn": missing})
    known = {each.revision for each in script.walk_revisions()}
    current = set(context.get_current_heads())
    if not current <= known:
        raise Invalid(
            "The database was made by a newer version of mailim"
            f" (revision {', '.join(sorted(current - known))}); this one cannot use it."
        )
    with Operations.context(context):
        context.run_migrations()
