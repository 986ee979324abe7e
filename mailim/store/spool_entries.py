"""The spool's entries as they are read: what is in it, and what of it is due when.

What changes them is in `spool`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, select

from mailim.interfaces.dsn import NOTHING_SAID
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.store.connection import Connection, Row
from mailim.store.dsn import DsnRows
from mailim.store.schema.bodies import body
from mailim.store.schema.mail import no, spool, spool_recipient
from mailim.store.statements import Statement, id_list, one_of_ids

OPEN: Final = no(spool_recipient.c.done)
WAITS: Final = no(spool_recipient.c.held) & OPEN  # the words of ix_spool_recipient_due

_ROW: Final = select(
    spool.c.id,
    spool.c.body_id,
    body.c.sha256,
    spool.c.size,
    spool.c.prefix,
    spool.c.sender,
    spool.c.origin,
    spool.c.source,
    spool.c.received,
    spool.c.account_id,
).join(body, body.c.id == spool.c.body_id)
_SOME: Final = Statement(_ROW.where(one_of_ids(spool.c.id, "ids")))
_LIST: Final = Statement(
    _ROW.where(spool.c.id > bindparam("after")).order_by(spool.c.id).limit(bindparam("limit"))
)
_RECIPIENTS: Final = Statement(
    select(
        spool_recipient.c.spool_id,
        spool_recipient.c.id,
        spool_recipient.c.address,
        spool_recipient.c.attempts,
        spool_recipient.c.next_attempt,
        spool_recipient.c.held,
        spool_recipient.c.last_error,
        spool_recipient.c.verdict,
        spool_recipient.c.sent_to,
    )
    .where(one_of_ids(spool_recipient.c.spool_id, "ids"), OPEN)
    .order_by(spool_recipient.c.spool_id, spool_recipient.c.id)
)
_DUE: Final = Statement(
    select(spool_recipient.c.spool_id)
    .where(WAITS, spool_recipient.c.next_attempt <= bindparam("now"))
    .order_by(spool_recipient.c.next_attempt, spool_recipient.c.spool_id)
)
_NEXT_DUE: Final = Statement(
    select(spool_recipient.c.next_attempt)
    .where(WAITS, spool_recipient.c.next_attempt > bindparam("after"))
    .order_by(spool_recipient.c.next_attempt)
    .limit(1)
)


class SpoolEntryRows:
    """Reads entries with their open recipients, inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._dsn = DsnRows(connection)

    def get(self, spool_id: int) -> SpoolEntry | None:
        """Find one with its open recipients."""
        return next(iter(self._entries((spool_id,))), None)

    def due(
        self, now: int, limit: int, skip: Collection[int] = frozenset()
    ) -> Sequence[SpoolEntry]:
        """Give entries with a recipient that is due and not held, oldest first.

        Those in `skip` are left out.
        """
        found: dict[int, None] = {}
        cursor = self._db.cursor(_DUE, {"now": now})
        for (spool_id,) in cursor:
            if len(found) >= limit:
                break
            if spool_id not in skip:
                found[spool_id] = None
        cursor.close()
        return self._entries(list(found))

    def next_due(self, after: int = -1) -> int | None:
        """Say when the next recipient is due later than `after`."""
        found: int | None = self._db.value(_NEXT_DUE, after=after)
        return found

    def list(self, limit: int, after: int = 0) -> Sequence[SpoolEntry]:
        """Give entries by id."""
        return self._with_recipients(self._db.all(_LIST, after=after, limit=limit))

    def _entries(self, spool_ids: Sequence[int]) -> Sequence[SpoolEntry]:
        """Give entries in the order asked for."""
        if not spool_ids:
            return []
        found = self._with_recipients(self._db.all(_SOME, ids=id_list(spool_ids)))
        by_id = {entry.id: entry for entry in found}
        return [by_id[spool_id] for spool_id in spool_ids if spool_id in by_id]

    def _with_recipients(self, rows: Sequence[Row]) -> Sequence[SpoolEntry]:
        recipients: dict[int, list[SpoolRecipient]] = {}
        ids = id_list(row[0] for row in rows)
        for spool_id, id_, address, attempts, due, held, *rest in self._db.all(
            _RECIPIENTS, ids=ids
        ):
            recipients.setdefault(spool_id, []).append(
                SpoolRecipient(id_, address, attempts, due, bool(held), *rest)
            )
        said = self._dsn.of([row[0] for row in rows])
        entries: list[Sequence[Any]] = [
            (*row, tuple(recipients.get(row[0], ())), said.get(row[0], NOTHING_SAID))
            for row in rows
        ]
        return [SpoolEntry(*each) for each in entries]
