"""Browsers that signed in, by the SHA-256 of their cookie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import LargeBinary, bindparam, delete, select, update

from mailim.events import Event, WebSessionsEnded
from mailim.interfaces.accounts import WebSession
from mailim.store.connection import Connection
from mailim.store.schema.accounts import web_session
from mailim.store.statements import Statement, insert_into

_TOKEN_HASH: Final = bindparam("token_hash", type_=LargeBinary)
_BY_TOKEN: Final = web_session.c.token_hash == _TOKEN_HASH

_ADD = Statement(insert_into(web_session))
_FIND = Statement(
    select(
        web_session.c.token_hash,
        web_session.c.account_id,
        web_session.c.created,
        web_session.c.last_seen,
        web_session.c.expires,
        web_session.c.peer,
        web_session.c.agent,
    ).where(_BY_TOKEN)
)
_TOUCH = Statement(
    update(web_session)
    .where(_BY_TOKEN)
    .values(last_seen=bindparam("last_seen"), expires=bindparam("expires"))
)
_HASH: Final = web_session.c.token_hash
_REMOVE = Statement(delete(web_session).where(_BY_TOKEN).returning(_HASH))
_REMOVE_OF = Statement(
    delete(web_session).where(web_session.c.account_id == bindparam("account_id")).returning(_HASH)
)
_REMOVE_EXPIRED = Statement(
    delete(web_session).where(web_session.c.expires <= bindparam("time")).returning(_HASH)
)


class WebSessionRows:
    """The part of `IAccountRows` that is about browsers; ends are published."""

    _db: Connection
    _publish: Callable[[Event], None]

    def add_web_session(self, session: WebSession) -> None:
        """Store a browser session."""
        self._db.run(
            _ADD,
            token_hash=session.token_hash,
            account_id=session.account_id,
            created=session.created,
            last_seen=session.last_seen,
            expires=session.expires,
            peer=session.peer,
            agent=session.agent,
        )

    def web_session(self, token_hash: bytes) -> WebSession | None:
        """Find a browser session."""
        row = self._db.one(_FIND, token_hash=token_hash)
        return None if row is None else WebSession(*row)

    def touch_web_session(self, token_hash: bytes, last_seen: int, expires: int) -> None:
        """Move its idle limit."""
        self._db.run(_TOUCH, token_hash=token_hash, last_seen=last_seen, expires=expires)

    def remove_web_sessions(
        self,
        token_hash: bytes | None = None,
        account_id: int | None = None,
        expired_at: int | None = None,
    ) -> int:
        """Remove one, all of an account, or all expired; gives how many."""
        removed: list[bytes] = []
        if token_hash is not None:
            removed += [row[0] for row in self._db.all(_REMOVE, token_hash=token_hash)]
        if account_id is not None:
            removed += [row[0] for row in self._db.all(_REMOVE_OF, account_id=account_id)]
        if expired_at is not None:
            removed += [row[0] for row in self._db.all(_REMOVE_EXPIRED, time=expired_at)]
        if removed:
            self._publish(WebSessionsEnded(tuple(removed)))
        return len(removed)
