"""SQL statements: written in SQLAlchemy Core, compiled once, run on the raw cursor.

A repository keeps its statements as module constants:

    BY_ID = Statement(select(folder).where(folder.c.id == bindparam("id")))

and runs them through its `Connection`: `self._db.one(BY_ID, id=5)`. Values pass to the
driver as they are, without SQLAlchemy's type processing (see schema/columns.py), because
executing Core each time costs two to five times as much as the statement itself.

A statement whose shape depends on the question (a search) is made on the spot,
`Statement(select(...).where(folder.c.id == 5))`: values in the clause travel as parameters
too. Compiling costs some 0.2 ms, so what is asked often is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Dialect,
    Insert,
    Table,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import sqlite

# Its parameters are read from a dict by the driver itself.
SQLITE: Dialect = sqlite.dialect(paramstyle="named")


@dataclass(frozen=True, slots=True)
class Compiled:
    """Driver text and the values that stood in the clause itself."""

    text: str
    values: dict[str, Any]


class Statement:
    """A Core clause, compiled for a dialect when it is first run there."""

    __slots__ = ("_clause", "_compiled")

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._compiled: dict[str, Compiled] = {}

    def on(self, dialect: Dialect) -> Compiled:
        """Give the driver text for a dialect."""
        found = self._compiled.get(dialect.name)
        if found is None:
            # Two threads may do this at once: both come to the same.
            found = self._compiled[dialect.name] = _compile(self._clause, dialect)
        return found

    def __repr__(self) -> str:
        return f"<Statement {_compile(self._clause, SQLITE).text}>"


def _compile(clause: ClauseElement, dialect: Dialect) -> Compiled:
    compiled = clause.compile(dialect=dialect)
    if "POSTCOMPILE" in str(compiled):
        # column.in_([...]): possible only where every value is known.
        compiled = clause.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        return Compiled(str(compiled), dict(compiled.params))
    values = {
        name: compiled.params[name]
        for parameter, name in compiled.bind_names.items()  # type: ignore[attr-defined]
        if not parameter.required
    }
    return Compiled(str(compiled), values)


def insert_into(table: Table, *without: str) -> Insert:
    """Give an INSERT with a parameter for each column but those `without` (say, "id")."""
    return insert(table).values(
        {column.name: bindparam(column.name) for column in table.c if column.name not in without}
    )


def one_of_ids(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Give `column IN (…)` for any number of integers in one parameter, see `id_list`."""
    values = func.json_each(bindparam(name)).table_valued("value")
    return column.in_(select(values.c.value))


def id_list(ids: Iterable[int] | Iterable[str]) -> str:
    """Give the value for a parameter of `one_of_ids` (also for texts)."""
    return json.dumps(list(ids))
