"""Mail that was refused at the door, inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Integer, bindparam, delete, func, or_, select
from sqlalchemy.dialects.sqlite import insert
from zope.interface import implementer

from mailim.interfaces.mail_events import MailQuery
from mailim.interfaces.rejections import ANY, IRejectionRows, Rejection
from mailim.store.connection import Connection
from mailim.store.mail_events import is_address
from mailim.store.schema.rejections import rejection
from mailim.store.statements import Statement

_FIELDS: Final = ("minute", "peer", "sender", "recipient", "code", "reply", "last", "count")
_KEY: Final = _FIELDS[:6]
_insert = insert(rejection).values({name: bindparam(name) for name in _FIELDS})
_ADD: Final = Statement(
    _insert.on_conflict_do_update(
        index_elements=[rejection.c[name] for name in _KEY],
        set_={
            "last": _insert.excluded.last,
            "count": rejection.c["count"] + _insert.excluded["count"],
        },
    )
)
_FOUND: Final = select(*(rejection.c[name] for name in _FIELDS)).order_by(
    rejection.c.last.desc(), rejection.c.id.desc()
)
_SWEEP: Final = Statement(
    delete(rejection).where(
        rejection.c.id.in_(
            select(rejection.c.id)
            .where(
                or_(
                    rejection.c.minute < bindparam("before", type_=Integer),
                    rejection.c.id
                    <= select(func.max(rejection.c.id)).scalar_subquery()
                    - bindparam("keep", type_=Integer),
                )
            )
            .limit(bindparam("limit"))
        )
    )
)


@implementer(IRejectionRows)
class RejectionRows:
    """Rows, one for each minute and kind."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, rejections: Sequence[Rejection]) -> None:
        """Add to the rows that are there, or make them."""
        rows = [{name: getattr(one, name) for name in _FIELDS} for one in rejections]
        if rows:
            self._db.run_many(_ADD, rows)

    def find(self, query: MailQuery) -> Sequence[Rejection]:
        """Give those that fit, newest first; folded ones fit every address."""
        wanted = _FOUND.limit(query.limit)
        for column, asked in (
            (rejection.c.sender, query.sender),
            (rejection.c.recipient, query.recipient),
        ):
            if asked is not None:
                wanted = wanted.where(or_(is_address(column, asked), column == ANY))
        if query.since is not None:
            wanted = wanted.where(rejection.c.last >= query.since)
        if query.until is not None:
            wanted = wanted.where(rejection.c.minute < query.until)
        return [Rejection(*row) for row in self._db.all(Statement(wanted))]

    def sweep(self, before: int, keep: int, limit: int) -> int:
        """Forget up to `limit` from before a time, or beyond the newest `keep`; gives how many."""
        return self._db.run(_SWEEP, before=before, keep=keep, limit=limit)
