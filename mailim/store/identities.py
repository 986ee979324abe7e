"""Identities inside a transaction (RFC 8621 section 6)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Integer, bindparam, delete, func, select, update
from zope.interface import implementer

from mailim.errors import AlreadyExists, LimitExceeded, NotFound, NotPermitted
from mailim.interfaces.items import Changes
from mailim.interfaces.submissions import Identity, IIdentityRows
from mailim.limits import IDENTITIES_PER_ACCOUNT
from mailim.store.connection import Connection, Row
from mailim.store.mail_state import MailState
from mailim.store.object_changes import ChangeStatements, ObjectChanges
from mailim.store.schema.submissions import identity, identity_tombstone
from mailim.store.statements import Statement, insert_into

TYPE: Final = "Identity"

_ID: Final = bindparam("id", type_=Integer)
_ACCOUNT: Final = bindparam("account_id", type_=Integer)
_MINE: Final = identity.c.account_id == _ACCOUNT
_ROW: Final = select(
    identity.c.id,
    identity.c.account_id,
    identity.c.name,
    identity.c.email,
    identity.c.reply_to,
    identity.c.bcc,
    identity.c.text_signature,
    identity.c.html_signature,
    identity.c.own,
)
_ADD: Final = Statement(insert_into(identity, "id").returning(identity.c.id))
_GET: Final = Statement(_ROW.where(identity.c.id == _ID, _MINE))
_LIST: Final = Statement(_ROW.where(_MINE).order_by(identity.c.own.desc(), identity.c.id))
_COUNT: Final = Statement(
    select(func.count(), func.coalesce(func.sum(identity.c.own), 0)).where(_MINE)
)
_UPDATE: Final = Statement(
    update(identity)
    .where(identity.c.id == _ID, _MINE)
    .values(
        {
            name: bindparam(name)
            for name in ("name", "reply_to", "bcc", "text_signature", "html_signature", "modseq")
        }
    )
)
_MADE: Final = Statement(
    select(identity.c.created_modseq, identity.c.own).where(identity.c.id == _ID, _MINE)
)
_REMOVE: Final = Statement(delete(identity).where(identity.c.id == _ID))
_CHANGES: Final = ChangeStatements(identity, identity_tombstone, "identity_id")


@implementer(IIdentityRows)
class IdentityRows:
    """Identities inside a transaction."""

    def __init__(self, connection: Connection, state: MailState) -> None:
        self._db = connection
        self._state = state
        self._changes = ObjectChanges(connection, state, _CHANGES)

    def add(self, identity: Identity) -> Identity:
        """Make one (its id is not looked at); raises `LimitExceeded`, `AlreadyExists` (own)."""
        account_id = identity.account_id
        count, own = self._db.one(_COUNT, account_id=account_id) or (0, 0)
        if identity.own and own:
            raise AlreadyExists("The account has its own identity already.")
        if count >= IDENTITIES_PER_ACCOUNT:
            raise LimitExceeded(f"An account may have {IDENTITIES_PER_ACCOUNT} identities.")
        modseq = self._state.advance_for(account_id, TYPE)
        new: int = self._db.value(
            _ADD,
            account_id=account_id,
            email=identity.email,
            own=identity.own,
            modseq=modseq,
            created_modseq=modseq,
            **_changeable(identity),
        )
        return replace(identity, id=new)

    def get(self, account_id: int, identity_id: int) -> Identity | None:
        """Find one of an account."""
        row = self._db.one(_GET, account_id=account_id, id=identity_id)
        return None if row is None else _identity(row)

    def list(self, account_id: int) -> Sequence[Identity]:
        """Give all of an account, its own first, then as they were made."""
        return [_identity(row) for row in self._db.all(_LIST, account_id=account_id)]

    def update(self, identity: Identity) -> None:
        """Replace name, reply_to, bcc and the signatures; raises `NotFound`."""
        if self.get(identity.account_id, identity.id) is None:
            raise NotFound("There is no such identity.")
        self._db.run(
            _UPDATE,
            id=identity.id,
            account_id=identity.account_id,
            modseq=self._state.advance_for(identity.account_id, TYPE),
            **_changeable(identity),
        )

    def remove(self, account_id: int, identity_id: int) -> None:
        """Raises `NotFound`; `NotPermitted` for the account's own."""
        row = self._db.one(_MADE, account_id=account_id, id=identity_id)
        if row is None:
            raise NotFound("There is no such identity.")
        created_modseq, own = row
        if own:
            raise NotPermitted("The identity of the account itself stays.")
        modseq = self._state.advance_for(account_id, TYPE)
        self._db.run(_REMOVE, id=identity_id)
        self._changes.bury(account_id, identity_id, created_modseq, modseq)

    def changes(self, account_id: int, since: int, limit: int) -> Changes:
        """What happened to identities since; raises `StateMismatch`."""
        return self._changes.since(account_id, since, limit)


def _changeable(identity: Identity) -> dict[str, Any]:
    return {
        "name": identity.name,
        "reply_to": json.dumps(identity.reply_to),
        "bcc": json.dumps(identity.bcc),
        "text_signature": identity.text_signature,
        "html_signature": identity.html_signature,
    }


def _identity(row: Row) -> Identity:
    id_, account_id, name, email, reply_to, bcc, text, html, own = row
    return Identity(
        id_, account_id, name, email, json.loads(reply_to), json.loads(bcc), text, html, bool(own)
    )
