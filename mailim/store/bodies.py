"""Bodies inside a transaction: rows by hash, counted holds, the sweep.

Up to `INLINE_OCTETS` the bytes stand in the database, where a group commit makes many of
them durable at once; larger ones in files (`body_files`), made durable before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Integer, LargeBinary, bindparam, delete, func, select, update
from zope.interface import implementer

from mailim.errors import NotFound
from mailim.interfaces.bodies import IBodyRows, PreparedBody
from mailim.store.body_files import BodyFiles
from mailim.store.connection import Connection
from mailim.store.schema.bodies import body, body_data
from mailim.store.statements import Statement, id_list, insert_into, one_of_ids

INLINE_OCTETS: Final = 128 * 1024

_ID: Final = bindparam("id", type_=Integer)
_FIND = Statement(select(body.c.id, body.c.size).where(body.c.sha256 == bindparam("sha256")))
_GET = Statement(select(body.c.sha256, body.c.size).where(body.c.id == _ID))
_PLACE = Statement(select(body.c.sha256, body.c.in_file).where(body.c.id == _ID))
_DATA = Statement(select(body_data.c.data).where(body_data.c.body_id == _ID))
_SLICE = Statement(
    select(
        func.substr(
            body_data.c.data,
            bindparam("start", type_=Integer),
            bindparam("length", type_=Integer),
            type_=LargeBinary,
        )
    ).where(body_data.c.body_id == _ID)
)
_ADD = Statement(insert_into(body, "id").returning(body.c.id))
_ADD_DATA = Statement(insert_into(body_data))
_HOLD = Statement(update(body).where(body.c.id == _ID).values(holds=body.c.holds + 1))
_RELEASE = Statement(
    update(body).where(body.c.id == _ID, body.c.holds > 0).values(holds=body.c.holds - 1)
)
_UNHELD = Statement(
    select(body.c.id, body.c.sha256, body.c.in_file)
    .where(body.c.holds == 0)
    .order_by(body.c.id)
    .limit(bindparam("limit"))
)
_REMOVE = Statement(delete(body).where(one_of_ids(body.c.id, "ids")))


@implementer(IBodyRows)
class BodyRows:
    """Bodies inside a transaction."""

    def __init__(
        self,
        connection: Connection,
        files: BodyFiles,
        after_commit: Callable[[Callable[[], None]], None],
        discard: Callable[[Sequence[bytes]], None],
    ) -> None:
        """`discard` removes files, in a thread of its own; called on the reactor thread."""
        self._db = connection
        self._files = files
        self._after_commit = after_commit
        self._discard = discard

    def add(self, body: PreparedBody) -> int:
        """Store a prepared body, or find the same one; gives its id. Does not hold it."""
        found = self.find(body.sha256)
        if found is not None:
            return found[0]
        in_file = body.data is None
        if in_file:
            self._files.require(body.sha256)
        body_id: int = self._db.value(
            _ADD, sha256=body.sha256, size=body.size, holds=0, in_file=in_file
        )
        if not in_file:
            self._db.run(_ADD_DATA, body_id=body_id, data=body.data)
        return body_id

    def find(self, sha256: bytes) -> tuple[int, int] | None:
        """Give `(id, size)` of a stored body."""
        row = self._db.one(_FIND, sha256=sha256)
        return None if row is None else (row[0], row[1])

    def get(self, body_id: int) -> tuple[bytes, int]:
        """Give `(sha256, size)`; raises `NotFound`."""
        row = self._db.one(_GET, id=body_id)
        if row is None:
            raise NotFound("There is no such body.")
        return row[0], row[1]

    def read(self, body_id: int) -> bytes:
        """Give all bytes of a body; for bodies the caller knows to be small enough."""
        row = self._db.one(_PLACE, id=body_id)
        if row is None:
            raise NotFound("There is no such body.")
        if row[1]:
            return self._files.path(row[0]).read_bytes()
        data: bytes = self._db.value(_DATA, id=body_id)
        return data

    def piece(self, sha256: bytes, start: int, end: int | None) -> tuple[int, bytes | None]:
        """Give `(size, slice)`, or `(size, None)` if the bytes are in a file; `NotFound`."""
        found = self.find(sha256)
        if found is None:
            raise NotFound("There is no such body.")
        body_id, size = found
        length = max(0, (size if end is None else min(end, size)) - start)
        row = self._db.one(_SLICE, id=body_id, start=start + 1, length=length)
        # SQLite's substr makes NULL of an empty blob.
        return size, None if row is None else row[0] or b""

    def slice(self, sha256: bytes, start: int, end: int) -> bytes:
        """Give a slice wherever the bytes are; raises `NotFound` or `OSError`."""
        _, data = self.piece(sha256, start, end)
        if data is None:
            with self._files.path(sha256).open("rb") as file:
                file.seek(start)
                data = file.read(max(0, end - start))
        return data

    def hold(self, body_id: int) -> None:
        """Count one more row that needs the body; raises `NotFound`."""
        if not self._db.run(_HOLD, id=body_id):
            raise NotFound("There is no such body.")

    def release(self, body_id: int) -> None:
        """Count one row less; at none the body may be swept. Raises `NotFound`."""
        if not self._db.run(_RELEASE, id=body_id):
            raise NotFound("There is no such body, or nobody holds it.")

    def sweep(self, limit: int) -> int:
        """Remove up to `limit` bodies that nobody holds; gives how many."""
        rows = self._db.all(_UNHELD, limit=limit)
        if rows:
            self._db.run(_REMOVE, ids=id_list(row[0] for row in rows))
        files = [row[1] for row in rows if row[2]]
        files += [sha256 for sha256 in self._files.shard() if self.find(sha256) is None]
        if files:
            self._after_commit(lambda: self._discard(files))
        return len(rows)
