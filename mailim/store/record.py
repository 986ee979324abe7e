"""The central record in the database: leaves in order, their search, checkpoints.

Searching goes by index where a sender, a recipient or a time is given, newest first, and
stops at the limit. A text alone is looked for in every leaf, newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, bindparam, func, select
from zope.interface import implementer

from mailim.errors import Invalid
from mailim.interfaces.record import Checkpoint, IRecordRows, Leaf, RecordQuery
from mailim.store.connection import Connection
from mailim.store.schema.record import checkpoint, leaf
from mailim.store.statements import Statement, id_list, insert_into, one_of_ids

_START: Final = bindparam("start", type_=Integer)
_LIMIT: Final = bindparam("limit", type_=Integer)
_LEAF: Final = select(
    leaf.c.seq,
    leaf.c.hash,
    leaf.c.header,
    leaf.c.inner,
    leaf.c.salt,
    leaf.c.content,
    leaf.c.time,
    leaf.c.kind,
    leaf.c.sender,
    leaf.c.recipient,
    leaf.c.refers,
    leaf.c.body,
)

_LAST = Statement(select(func.max(leaf.c.seq)))
_APPEND = Statement(insert_into(leaf))
_GET = Statement(_LEAF.where(leaf.c.seq == bindparam("seq", type_=Integer)))
_FROM = Statement(_LEAF.where(leaf.c.seq >= _START).order_by(leaf.c.seq).limit(_LIMIT))
_HASHES = Statement(
    select(leaf.c.hash).where(leaf.c.seq >= _START).order_by(leaf.c.seq).limit(_LIMIT)
)
_FOLDED = Statement(
    select(leaf.c.seq, leaf.c.body, leaf.c.folded).where(
        leaf.c.seq >= _START, leaf.c.seq < bindparam("end", type_=Integer)
    )
)
_ABOUT = Statement(_LEAF.where(one_of_ids(leaf.c.refers, "seqs")).order_by(leaf.c.seq))

_ADD_CHECKPOINT = Statement(insert_into(checkpoint, "id"))
_CHECKPOINTS = Statement(
    select(checkpoint.c.size, checkpoint.c.root, checkpoint.c.time, checkpoint.c.note)
    .order_by(checkpoint.c.id.desc())
    .limit(_LIMIT)
)


def ascii_lower(text: str) -> str:
    """Give what SQLite's lower() gives."""
    return text.encode().lower().decode()


def folded_text(body: str) -> str | None:
    """Give what is kept for a search by text; None where SQLite's lower() gives the same."""
    folded = body.casefold()
    return None if folded == ascii_lower(body) else folded


def search_clause(query: RecordQuery) -> Any:
    """Give the SELECT for a question."""
    times: list[ColumnElement[bool]] = []
    if query.since is not None:
        times.append(leaf.c.time >= query.since)
    if query.until is not None:
        times.append(leaf.c.time <= query.until)
    tests = list(times)
    if query.sender is None and query.recipient is None and times:
        # In order of seq among those of the time, without reading the others' rows.
        tests = [leaf.c.seq.in_(select(leaf.c.seq).where(*times))]
    if query.sender is not None:
        tests.append(leaf.c.sender == query.sender)
    if query.recipient is not None:
        tests.append(leaf.c.recipient == query.recipient)
    if query.before is not None:
        tests.append(leaf.c.seq < query.before)
    if query.kinds:
        tests.append(leaf.c.kind.in_(query.kinds))
    else:
        tests.append(leaf.c.kind != "disposition")
    if query.text:
        folded = func.coalesce(leaf.c.folded, func.lower(leaf.c.body))
        tests.append(func.instr(folded, query.text.casefold()) > 0)
    return _LEAF.where(*tests).order_by(leaf.c.seq.desc()).limit(max(0, query.limit))


@implementer(IRecordRows)
class RecordRows:
    """Leaves and checkpoints. There is no update and no removal."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def append(self, leaf: Leaf) -> None:
        """Write a leaf; its seq must be the next one, else `Invalid`."""
        size = self.size()
        if leaf.seq != size:
            raise Invalid(f"The next leaf is {size}, not {leaf.seq}.")
        self._db.run(
            _APPEND,
            seq=leaf.seq,
            time=leaf.time,
            kind=leaf.kind,
            sender=leaf.sender,
            recipient=leaf.recipient,
            refers=leaf.refers,
            body=leaf.body,
            folded=folded_text(leaf.body),
            hash=leaf.hash,
            inner=leaf.inner,
            salt=leaf.salt,
            header=leaf.header,
            content=leaf.content,
        )

    def size(self) -> int:
        """Give the number of leaves."""
        last: int | None = self._db.value(_LAST)
        return 0 if last is None else last + 1

    def leaves(self, start: int, limit: int) -> Sequence[Leaf]:
        """Give leaves from a seq on, in the order of storage."""
        return [Leaf(*row) for row in self._db.all(_FROM, start=start, limit=limit)]

    def get(self, seq: int) -> Leaf | None:
        """Find one."""
        row = self._db.one(_GET, seq=seq)
        return None if row is None else Leaf(*row)

    def hashes(self, start: int, limit: int) -> Sequence[bytes]:
        """Give stored leaf hashes from a seq on."""
        return [row[0] for row in self._db.all(_HASHES, start=start, limit=limit)]

    def unfindable(self, start: int, end: int) -> Sequence[int]:
        """Give those of the leaves from start to before end a search by text would miss."""
        rows = self._db.all(_FOLDED, start=start, end=end)
        return [seq for seq, body, folded in rows if folded != folded_text(str(body))]

    def search(self, query: RecordQuery) -> Sequence[Leaf]:
        """Look for leaves, newest first; dispositions only if their kind is asked for."""
        return [Leaf(*row) for row in self._db.all(Statement(search_clause(query)))]

    def about(self, seqs: Sequence[int]) -> Sequence[Leaf]:
        """Give the leaves that refer to these, by seq."""
        return [Leaf(*row) for row in self._db.all(_ABOUT, seqs=id_list(seqs))]

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint."""
        self._db.run(
            _ADD_CHECKPOINT,
            size=checkpoint.size,
            root=checkpoint.root,
            time=checkpoint.time,
            note=checkpoint.note,
        )

    def checkpoints(self, limit: int = 0) -> Sequence[Checkpoint]:
        """Give all (0) or the newest ones, newest first."""
        rows = self._db.all(_CHECKPOINTS, limit=limit or -1)
        return [Checkpoint(*row) for row in rows]
