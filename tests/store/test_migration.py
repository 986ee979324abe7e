"""Migrations: a migrated database is what the metadata says, and failures change nothing."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Invalid
from mailim.store import migration
from mailim.store.migration import SCRIPTS, migrate
from mailim.store.schema import metadata
from tests.fakes.store import short_directory

# Not in the metadata: Alembic's own, and the full-text index with its shadow tables.
OUTSIDE = ("alembic_version", "message_search", "message_text_")


def inside(name: str | None, *_: Any) -> bool:
    return name is None or not name.startswith(OUTSIDE)


BAD_REVISION = """
from alembic import op
revision = "9999"
down_revision = {last!r}
def upgrade():
    op.execute("CREATE TABLE half (x)")
    op.execute("{last_act}")
"""


class MigrationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = short_directory(self)
        self.path = self.directory / "mailim.db"

    def schema(self, path: Path) -> dict[str, str]:
        """Give the DDL of everything in a database, by name."""
        driver = sqlite3.connect(path)
        rows = driver.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        found = {name: " ".join(sql.split()) for name, sql in rows}
        driver.close()
        return found

    def execute(self, sql: str) -> list[Any]:
        driver = sqlite3.connect(self.path)
        with driver:
            rows = driver.execute(sql).fetchall()
        driver.close()
        return rows

    def test_nothing_is_missing(self) -> None:
        migrate(self.path)
        engine = create_engine(f"sqlite:///{self.path}", poolclass=NullPool)
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "include_name": inside}
            )
            self.assertEqual(compare_metadata(context, metadata), [])

    def test_same_words_as_the_metadata(self) -> None:
        # What compare_metadata does not see: WITHOUT ROWID, AUTOINCREMENT, ON DELETE, WHERE.
        migrate(self.path)
        other = self.directory / "other.db"
        engine = create_engine(f"sqlite:///{other}", poolclass=NullPool)
        metadata.create_all(engine)
        migrated = {name: sql for name, sql in self.schema(self.path).items() if inside(name)}
        self.assertEqual(self.parts(migrated), self.parts(self.schema(other)))

    def parts(self, schema: dict[str, str]) -> dict[str, list[str]]:
        """Split DDL at its commas: constraints may come in another order."""
        return {name: sorted(sql.replace(" )", ")").split(", ")) for name, sql in schema.items()}

    def test_again_changes_nothing(self) -> None:
        migrate(self.path)
        before = self.path.read_bytes()
        migrate(self.path)
        self.assertEqual(self.path.read_bytes(), before)

    def test_newer_database_is_refused(self) -> None:
        migrate(self.path)
        self.execute("UPDATE alembic_version SET version_num = '9999'")
        before = self.schema(self.path)
        error = self.assertRaises(Invalid, migrate, self.path)
        self.assertIn("newer version", error.text)
        self.assertIn("9999", error.text)
        self.assertEqual(self.schema(self.path), before)

    def with_revision(self, last_act: str) -> None:
        """Add a revision that makes a table and then does `last_act`."""
        scripts = self.directory / last_act / "migrations"
        shutil.copytree(SCRIPTS, scripts)
        last = max(path.name for path in (scripts / "versions").glob("v*.py"))[1:5]
        source = BAD_REVISION.format(last=last, last_act=last_act)
        (scripts / "versions" / "v9999_bad.py").write_text(source)
        self.patch(migration, "SCRIPTS", scripts)

    def test_failure_changes_nothing(self) -> None:
        migrate(self.path)
        before = self.schema(self.path)
        self.with_revision("THIS IS NOT SQL")
        self.assertRaises(sqlite3.OperationalError, migrate, self.path)
        self.assertEqual(self.schema(self.path), before)
        self.with_revision("SELECT 1")
        migrate(self.path)
        self.assertEqual(self.execute("SELECT version_num FROM alembic_version"), [("9999",)])
        self.assertIn("half", self.schema(self.path))

    def test_dangling_references_are_refused(self) -> None:
        migrate(self.path)
        self.with_revision("INSERT INTO credential VALUES (99, 'x', '')")
        self.assertRaises(Invalid, migrate, self.path)
        self.assertEqual(self.execute("SELECT count(*) FROM credential"), [(0,)])
        self.assertNotIn("half", self.schema(self.path))
