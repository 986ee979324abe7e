"""Notices and tokens inside a transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Integer, bindparam, delete, false, func, select, true, update
from sqlalchemy.dialects.sqlite import insert
from zope.interface import implementer

from mailim.errors import AlreadyExists, Invalid, NotFound
from mailim.events import Event, NoticesChanged
from mailim.interfaces.notices import (
    CLAIM_CHARS,
    ApiToken,
    INoticeRows,
    ITokenRows,
    NewNotice,
    Notice,
    NoticeState,
)
from mailim.store.connection import Connection
from mailim.store.schema.notices import api_token, notice
from mailim.store.statements import Statement

_ID: Final = notice.c.id == bindparam("notice_id", type_=Integer)
_LIMIT: Final = bindparam("most", type_=Integer)
_NEW: Final = ("claim", "sender", "recipient", "body", "origin", "created")
_GIVEN: Final = (*_NEW, "digest")

_ADD: Final = Statement(
    insert(notice)
    .values({name: bindparam(name) for name in _GIVEN} | {"over": false(), "outcome": ""})
    .on_conflict_do_nothing(index_elements=[notice.c.claim])
)
_FIND: Final = Statement(
    select(notice.c.id, notice.c.leaf, notice.c.over, notice.c.outcome, notice.c.digest).where(
        notice.c.claim == bindparam("claim")
    )
)
_WAITING: Final = Statement(
    select(notice.c.id, *(notice.c[name] for name in _NEW), notice.c.leaf)
    .where(notice.c.over == false(), notice.c.id > bindparam("after", type_=Integer))
    .order_by(notice.c.id)
    .limit(_LIMIT)
)
_COUNT: Final = Statement(
    select(func.count()).select_from(
        select(notice.c.id).where(notice.c.over == false()).limit(_LIMIT).subquery()
    )
)
_RECORDED: Final = Statement(
    update(notice).where(_ID, notice.c.over == false()).values(leaf=bindparam("leaf"))
)
_OVER: Final = Statement(
    update(notice)
    .where(_ID, notice.c.over == false())
    .values(over=true(), body="", outcome=bindparam("outcome"))
)
_FORGET: Final = Statement(
    delete(notice).where(
        notice.c.id.in_(
            select(notice.c.id)
            .where(notice.c.over == true(), notice.c.created < bindparam("before", type_=Integer))
            .limit(_LIMIT)
        )
    )
)


@implementer(INoticeRows)
class NoticeRows:
    """Notices inside a transaction."""

    def __init__(self, connection: Connection, publish: Callable[[Event], None]) -> None:
        self._db = connection
        self._publish = publish

    def add(self, notice: NewNotice) -> bool:
        """Write one down; False, and nothing changed, if its claim was handed in before."""
        if not 0 < len(notice.claim) <= CLAIM_CHARS:
            raise Invalid(f"A claim has 1 to {CLAIM_CHARS} characters.", "claim")
        values = {name: getattr(notice, name) for name in _NEW}
        if not self._db.run(_ADD, digest=_digest(notice), **values):
            return False
        self._publish(NoticesChanged())
        return True

    def find(self, notice: NewNotice) -> NoticeState | None:
        """Look a claim up, and whether it stood for the same sender, recipient and body."""
        row = self._db.one(_FIND, claim=notice.claim)
        if row is None:
            return None
        notice_id, leaf, over, outcome, digest = row
        return NoticeState(notice_id, leaf, bool(over), outcome, digest == _digest(notice))

    def waiting(self, limit: int, after: int = 0) -> Sequence[Notice]:
        """Give those that are not over, by id."""
        rows = self._db.all(_WAITING, most=limit, after=after)
        return [Notice(row[0], NewNotice(*row[1:-1]), row[-1]) for row in rows]

    def count_waiting(self, limit: int) -> int:
        """Count those that are not over, up to a limit."""
        count: int = self._db.value(_COUNT, most=limit)
        return count

    def recorded(self, notice_id: int, leaf: int) -> None:
        """Note the leaf, in the leaf's own transaction; raises `NotFound`."""
        if not self._db.run(_RECORDED, notice_id=notice_id, leaf=leaf):
            raise NotFound("There is no such notice, or it is over.")

    def over(self, notice_id: int, outcome: str = "") -> None:
        """End one; its claim is remembered, its text is not. Ending it again does nothing."""
        self._db.run(_OVER, notice_id=notice_id, outcome=outcome)

    def forget(self, before: int, limit: int) -> int:
        """Forget claims of ended ones made before a time; gives how many."""
        return self._db.run(_FORGET, before=before, most=limit)


def _digest(notice: NewNotice) -> bytes:
    """Give what tells two messages apart; NUL cannot stand in an address."""
    told = "\0".join((notice.sender, notice.recipient, notice.body))
    return hashlib.sha256(told.encode(errors="surrogatepass")).digest()


_TOKEN: Final = select(api_token.c.id, api_token.c.name, api_token.c.sender, api_token.c.created)
_ADD_TOKEN: Final = Statement(
    insert(api_token)
    .values({name: bindparam(name) for name in ("name", "digest", "sender", "created")})
    .on_conflict_do_nothing()
)
_TOKENS: Final = Statement(_TOKEN.order_by(api_token.c.name))
_BY_DIGEST: Final = Statement(_TOKEN.where(api_token.c.digest == bindparam("digest")))
_REMOVE_TOKEN: Final = Statement(delete(api_token).where(api_token.c.name == bindparam("name")))


@implementer(ITokenRows)
class TokenRows:
    """Tokens of programs inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, name: str, digest: bytes, sender: str, created: int) -> ApiToken:
        """Keep one by its SHA-256; raises `AlreadyExists` for a name in use."""
        if not self._db.run(_ADD_TOKEN, name=name, digest=digest, sender=sender, created=created):
            raise AlreadyExists("There is a token of this name.")
        found = self.by_digest(digest)
        assert found is not None  # noqa: S101
        return found

    def list(self) -> Sequence[ApiToken]:
        """Give all, by name."""
        return [ApiToken(*row) for row in self._db.all(_TOKENS)]

    def by_digest(self, digest: bytes) -> ApiToken | None:
        """Find the one that was shown."""
        row = self._db.one(_BY_DIGEST, digest=digest)
        return None if row is None else ApiToken(*row)

    def remove(self, name: str) -> bool:
        """Let it in no more; False if there is none of this name."""
        return self._db.run(_REMOVE_TOKEN, name=name) > 0
