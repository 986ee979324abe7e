"""What every table shares: the MetaData, names of constraints, kinds of columns.

Statements run on the raw driver cursor, without SQLAlchemy's processing of values. So
only kinds are used here that every driver takes and gives as they are: int, str, bytes.
JSON is text, a boolean comes back from SQLite as 0 or 1.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, MetaData, Text

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite numbers rows by itself only if the type is exactly INTEGER.
Id: Final = BigInteger().with_variant(Integer(), "sqlite")


def row_id() -> Column[int]:
    """Give the column `id`: the primary key, numbered by the database.

    Where an id must never be used again, the table says `sqlite_autoincrement=True`.
    """
    return Column("id", Id, primary_key=True)


def reference(name: str, target: str, ondelete: str = "CASCADE", **options: Any) -> Column[int]:
    """Give a column that holds the id of a row of `target` ("table.column")."""
    options.setdefault("nullable", False)
    return Column(name, Id, ForeignKey(target, ondelete=ondelete), **options)


def number(name: str, **options: Any) -> Column[int]:
    """Give an integer column: a count, a size, a time in microseconds."""
    options.setdefault("nullable", False)
    return Column(name, BigInteger, **options)


def text(name: str, **options: Any) -> Column[str]:
    """Give a text column."""
    options.setdefault("nullable", False)
    return Column(name, Text, **options)


def octets(name: str, **options: Any) -> Column[bytes]:
    """Give a column of bytes."""
    options.setdefault("nullable", False)
    return Column(name, LargeBinary, **options)


def flag(name: str, **options: Any) -> Column[bool]:
    """Give a yes-or-no column (0 or 1 when read from SQLite)."""
    options.setdefault("nullable", False)
    return Column(name, Boolean, **options)
