"""Rosters with versions (RFC 6121 2.6), and subscription requests that wait.

An account's roster version counts its changes; each item carries the version of its last
one. A removed item stays as a tombstone so that `roster_since` can tell of it; the oldest
tombstones beyond `TOMBSTONES` go, and who asks from before that gets the whole roster.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Integer, Text, bindparam, delete, func, select, update

from mailim.events import Event, RosterChanged
from mailim.interfaces.im import RosterItem
from mailim.store.connection import Connection, Row
from mailim.store.schema.im import roster_item, roster_request, roster_state
from mailim.store.statements import Statement, insert_into

TOMBSTONES: Final = 500

_ACCOUNT: Final = bindparam("account_id", type_=Integer)
_JID: Final = bindparam("jid", type_=Text)
_OF_ACCOUNT: Final = roster_item.c.account_id == _ACCOUNT
_COLUMNS: Final = (
    roster_item.c.jid,
    roster_item.c.name,
    roster_item.c.subscription,
    roster_item.c.ask,
    roster_item.c.approved,
    roster_item.c.groups,
    roster_item.c.version,
    roster_item.c.removed,
)
_ITEM: Final = select(*_COLUMNS).where(_OF_ACCOUNT)

_LIVING = Statement(_ITEM.where(roster_item.c.removed.is_(False)).order_by(roster_item.c.jid))
_SINCE = Statement(
    _ITEM.where(roster_item.c.version > bindparam("version", type_=Integer)).order_by(
        roster_item.c.version
    )
)
_ONE = Statement(_ITEM.where(roster_item.c.jid == _JID))
_COUNT = Statement(
    select(func.count())
    .select_from(roster_item)
    .where(_OF_ACCOUNT, roster_item.c.removed.is_(False))
)
_ADD = Statement(insert_into(roster_item))
_CHANGE = Statement(
    update(roster_item)
    .where(_OF_ACCOUNT, roster_item.c.jid == _JID)
    .values({column.name: bindparam(column.name) for column in _COLUMNS[1:]})
)
_OLD_TOMBSTONE = Statement(
    select(roster_item.c.version)
    .where(_OF_ACCOUNT, roster_item.c.removed.is_(True))
    .order_by(roster_item.c.version.desc())
    .limit(1)
    .offset(TOMBSTONES)
)
_FORGET = Statement(
    delete(roster_item).where(
        _OF_ACCOUNT,
        roster_item.c.removed.is_(True),
        roster_item.c.version <= bindparam("version", type_=Integer),
    )
)

_STATE = Statement(
    select(roster_state.c.version, roster_state.c.forgotten).where(
        roster_state.c.account_id == _ACCOUNT
    )
)
_ADD_STATE = Statement(insert_into(roster_state))
_SET_STATE = Statement(
    update(roster_state)
    .where(roster_state.c.account_id == _ACCOUNT)
    .values(version=bindparam("version"), forgotten=bindparam("forgotten"))
)

_ADD_REQUEST = Statement(insert_into(roster_request))
_CHANGE_REQUEST = Statement(
    update(roster_request)
    .where(roster_request.c.account_id == _ACCOUNT, roster_request.c.jid == _JID)
    .values(stanza=bindparam("stanza"))
)
_REQUESTS = Statement(
    select(roster_request.c.jid, roster_request.c.stanza)
    .where(roster_request.c.account_id == _ACCOUNT)
    .order_by(roster_request.c.jid)
)
_REMOVE_REQUEST = Statement(
    delete(roster_request).where(
        roster_request.c.account_id == _ACCOUNT, roster_request.c.jid == _JID
    )
)


def _item(row: Row) -> RosterItem:
    jid, name, subscription, ask, approved, groups, version, removed = row
    return RosterItem(
        jid=jid,
        name=name,
        subscription=subscription,
        ask=bool(ask),
        approved=bool(approved),
        groups=tuple(json.loads(groups)),
        version=version,
        removed=bool(removed),
    )


class RosterRows:
    """The part of `IImRows` that is about rosters and requests."""

    def __init__(self, connection: Connection, publish: Callable[[Event], None]) -> None:
        self._db = connection
        self._publish = publish

    def roster(self, account_id: int) -> Sequence[RosterItem]:
        """Give the living items."""
        return [_item(row) for row in self._db.all(_LIVING, account_id=account_id)]

    def roster_item(self, account_id: int, jid: str) -> RosterItem | None:
        """Give one living item."""
        row = self._db.one(_ONE, account_id=account_id, jid=jid)
        item = None if row is None else _item(row)
        return None if item is None or item.removed else item

    def roster_size(self, account_id: int) -> int:
        """Give the number of living items."""
        count: int = self._db.value(_COUNT, account_id=account_id)
        return count

    def roster_version(self, account_id: int) -> int:
        """Give the version, RFC 6121 2.6."""
        return self._state(account_id)[0]

    def roster_since(self, account_id: int, version: int) -> Sequence[RosterItem] | None:
        """Give items changed since (removed ones marked); None: send the whole roster."""
        current, forgotten = self._state(account_id)
        if not forgotten <= version <= current:
            return None
        rows = self._db.all(_SINCE, account_id=account_id, version=version)
        return [_item(row) for row in rows]

    def set_roster_item(self, account_id: int, item: RosterItem) -> RosterItem:
        """Insert or replace; gives it with its new version; publishes `RosterChanged`."""
        return self._put(account_id, replace(item, removed=False))

    def remove_roster_item(self, account_id: int, jid: str) -> RosterItem | None:
        """Remove, leaving a tombstone; publishes `RosterChanged`."""
        if self.roster_item(account_id, jid) is None:
            return None
        return self._put(account_id, RosterItem(jid, removed=True))

    def add_request(self, account_id: int, jid: str, stanza: bytes) -> None:
        """Keep a subscription request until it is answered (RFC 6121 3.1.3)."""
        if not self._db.run(_CHANGE_REQUEST, account_id=account_id, jid=jid, stanza=stanza):
            self._db.run(_ADD_REQUEST, account_id=account_id, jid=jid, stanza=stanza)

    def requests(self, account_id: int) -> Mapping[str, bytes]:
        """Give waiting requests by bare JID."""
        return dict(self._db.all(_REQUESTS, account_id=account_id))

    def remove_request(self, account_id: int, jid: str) -> None:
        """Forget an answered request."""
        self._db.run(_REMOVE_REQUEST, account_id=account_id, jid=jid)

    def _state(self, account_id: int) -> tuple[int, int]:
        row = self._db.one(_STATE, account_id=account_id)
        return (0, 0) if row is None else (row[0], row[1])

    def _put(self, account_id: int, item: RosterItem) -> RosterItem:
        version, forgotten = self._state(account_id)
        if version == 0:
            self._db.run(_ADD_STATE, account_id=account_id, version=0, forgotten=0)
        item = replace(item, version=version + 1)
        values = {
            "account_id": account_id,
            "jid": item.jid,
            "name": item.name,
            "subscription": item.subscription,
            "ask": item.ask,
            "approved": item.approved,
            "groups": json.dumps(item.groups),
            "version": item.version,
            "removed": item.removed,
        }
        if not self._db.run(_CHANGE, **values):
            self._db.run(_ADD, **values)
        if item.removed:
            forgotten = self._forget_old(account_id) or forgotten
        self._db.run(_SET_STATE, account_id=account_id, version=item.version, forgotten=forgotten)
        self._publish(RosterChanged(account_id))
        return item

    def _forget_old(self, account_id: int) -> int | None:
        """Drop the tombstones beyond `TOMBSTONES`; gives the version of the newest of them."""
        version: int | None = self._db.value(_OLD_TOMBSTONE, account_id=account_id)
        if version is not None:
            self._db.run(_FORGET, account_id=account_id, version=version)
        return version
