"""Uploaded bodies of JMAP, held until they are used or their time is over (RFC 8620 6.1)."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from mailim.store.bodies import BodyRows
from mailim.store.connection import Connection
from mailim.store.schema.bodies import body
from mailim.store.schema.mail import upload
from mailim.store.statements import Statement

_ACCOUNT = bindparam("account_id", type_=Integer)
_BODY = bindparam("body_id", type_=Integer)

_GET = Statement(
    select(upload.c.expires).where(upload.c.account_id == _ACCOUNT, upload.c.body_id == _BODY)
)
_SET = Statement(
    insert(upload)
    .values({each.name: bindparam(each.name) for each in upload.c})
    .on_conflict_do_update(
        index_elements=[upload.c.account_id, upload.c.body_id],
        set_={"expires": bindparam("expires")},
    )
)
_OCTETS = Statement(
    select(func.coalesce(func.sum(body.c.size), 0))
    .join(upload, upload.c.body_id == body.c.id)
    .where(upload.c.account_id == _ACCOUNT)
)
_EXPIRED = Statement(
    select(upload.c.account_id, upload.c.body_id)
    .where(upload.c.expires <= bindparam("now"))
    .limit(bindparam("limit"))
)
_REMOVE = Statement(
    delete(upload).where(upload.c.account_id == _ACCOUNT, upload.c.body_id == _BODY)
)


class UploadRows:
    """Uploads of accounts; each holds its body once, however often it is uploaded."""

    def __init__(self, connection: Connection, bodies: BodyRows) -> None:
        self._db = connection
        self._bodies = bodies

    def add(self, account_id: int, body_id: int, expires: int) -> None:
        """Hold a body until `expires`, or longer if it was to be held longer already."""
        until = self._db.value(_GET, account_id=account_id, body_id=body_id)
        if until is None:
            self._bodies.hold(body_id)
        self._db.run(_SET, account_id=account_id, body_id=body_id, expires=max(expires, until or 0))

    def octets(self, account_id: int) -> int:
        """Give the octets an account has waiting."""
        found: int = self._db.value(_OCTETS, account_id=account_id)
        return found

    def expire(self, now: int, limit: int) -> int:
        """Let go of up to `limit` whose time is over; gives how many."""
        rows = self._db.all(_EXPIRED, now=now, limit=limit)
        for account_id, body_id in rows:
            self._db.run(_REMOVE, account_id=account_id, body_id=body_id)
            self._bodies.release(body_id)
        return len(rows)
