"""Offline stanzas and users' archives; with rosters, all of `IImRows`.

An archive is a list of pointers into the record: the stanza stands in the leaf's content,
once, however many archives point there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    bindparam,
    delete,
    func,
    select,
)
from zope.interface import implementer

from mailim.errors import LimitExceeded, NotFound
from mailim.interfaces.im import (
    ArchivedStanza,
    ArchivePage,
    ArchiveQuery,
    IImRows,
    OfflineStanza,
)
from mailim.store.roster import RosterRows
from mailim.store.schema.im import archive_entry, offline_stanza
from mailim.store.schema.record import leaf
from mailim.store.statements import Statement, id_list, insert_into, one_of_ids

_ACCOUNT: Final = bindparam("account_id", type_=Integer)

_ADD_OFFLINE = Statement(insert_into(offline_stanza, "id"))
_COUNT_OFFLINE = Statement(
    select(func.count()).select_from(offline_stanza).where(offline_stanza.c.account_id == _ACCOUNT)
)
_OFFLINE = Statement(
    select(
        offline_stanza.c.id,
        offline_stanza.c.seq,
        offline_stanza.c.time,
        offline_stanza.c.stanza,
    )
    .where(offline_stanza.c.account_id == _ACCOUNT)
    .order_by(offline_stanza.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_OFFLINE_BEFORE = Statement(
    select(
        offline_stanza.c.account_id,
        offline_stanza.c.id,
        offline_stanza.c.seq,
        offline_stanza.c.time,
        offline_stanza.c.stanza,
    )
    .where(offline_stanza.c.time < bindparam("time", type_=Integer))
    .order_by(offline_stanza.c.time)
    .limit(bindparam("limit", type_=Integer))
)
_REMOVE_OFFLINE = Statement(
    delete(offline_stanza).where(
        offline_stanza.c.account_id == _ACCOUNT, one_of_ids(offline_stanza.c.id, "ids")
    )
)

_ADD_ENTRY = Statement(insert_into(archive_entry))
_HAS_ENTRY = Statement(
    select(archive_entry.c.seq).where(
        archive_entry.c.account_id == _ACCOUNT,
        archive_entry.c.seq == bindparam("seq", type_=Integer),
    )
)


def _matching(query: ArchiveQuery) -> list[ColumnElement[bool]]:
    """Give the tests of the result set, without paging (XEP-0313 4.1)."""
    tests = [archive_entry.c.account_id == query.account_id]
    if query.peer is not None:
        bare, _, resource = query.peer.partition("/")
        tests.append(archive_entry.c.bare_peer == bare)
        if resource:
            tests.append(archive_entry.c.peer == query.peer)
    if query.start is not None:
        tests.append(archive_entry.c.time >= query.start)
    if query.end is not None:
        tests.append(archive_entry.c.time <= query.end)
    return tests


def page_clause(query: ArchiveQuery) -> Any:
    """Give the SELECT of a page and one entry more, in the direction of paging."""
    tests = _matching(query)
    if query.after is not None:
        tests.append(archive_entry.c.seq > query.after)
    if query.before is not None:
        tests.append(archive_entry.c.seq < query.before)
    seq = archive_entry.c.seq
    return (
        select(seq, archive_entry.c.time, leaf.c.content)
        .outerjoin(leaf, leaf.c.seq == seq)
        .where(*tests)
        .order_by(seq.desc() if query.backwards else seq)
        .limit(max(0, query.limit) + 1)
    )


def _stanza(content: bytes | None) -> bytes:
    if content is None:
        return b""
    stanza: str = json.loads(content).get("stanza", "")
    return stanza.encode()


@implementer(IImRows)
class ImRows(RosterRows):
    """Rosters, waiting requests, offline stanzas and archives."""

    def add_offline(
        self, account_id: int, seq: int, time: int, stanza: bytes, max_count: int
    ) -> None:
        """Keep a stanza; raises `LimitExceeded` at `max_count`."""
        if self._db.value(_COUNT_OFFLINE, account_id=account_id) >= max_count:
            raise LimitExceeded("There is no room for more messages while the account is away.")
        self._db.run(_ADD_OFFLINE, account_id=account_id, seq=seq, time=time, stanza=stanza)

    def offline(self, account_id: int, limit: int) -> Sequence[OfflineStanza]:
        """Give waiting stanzas, oldest first."""
        rows = self._db.all(_OFFLINE, account_id=account_id, limit=limit)
        return [OfflineStanza(*row) for row in rows]

    def offline_before(self, time: int, limit: int) -> Sequence[tuple[int, OfflineStanza]]:
        """Give stanzas of all accounts that wait since before a time, with the account's id."""
        rows = self._db.all(_OFFLINE_BEFORE, time=time, limit=limit)
        return [(row[0], OfflineStanza(*row[1:])) for row in rows]

    def remove_offline(self, account_id: int, ids: Sequence[int]) -> int:
        """Forget delivered ones; gives how many there were."""
        return self._db.run(_REMOVE_OFFLINE, account_id=account_id, ids=id_list(ids))

    def archive(self, account_id: int, peer: str, seq: int, time: int) -> None:
        """Point a user's archive at a leaf; `peer` is the other side's full JID."""
        if self._db.value(_HAS_ENTRY, account_id=account_id, seq=seq) is not None:
            return  # a message to oneself stands in the archive once
        self._db.run(
            _ADD_ENTRY,
            account_id=account_id,
            seq=seq,
            time=time,
            peer=peer,
            bare_peer=peer.partition("/")[0],
        )

    def archived(self, query: ArchiveQuery) -> ArchivePage:
        """Look into a user's archive; raises `NotFound` for an unknown after/before id."""
        for seq in (query.after, query.before):
            if seq is not None:
                found = self._db.value(_HAS_ENTRY, account_id=query.account_id, seq=seq)
                if found is None:
                    raise NotFound("There is no such entry in the archive.")
        rows = self._db.all(Statement(page_clause(query)))
        complete = len(rows) <= query.limit
        rows = rows[: max(0, query.limit)]
        if query.backwards:
            rows.reverse()
        entries = tuple(ArchivedStanza(seq, time, _stanza(content)) for seq, time, content in rows)
        matching = _matching(query)
        count = self._count(matching)
        first_index = 0
        if entries:
            first_index = self._count([*matching, archive_entry.c.seq < entries[0].seq])
        return ArchivePage(entries, count, first_index, complete)

    def _count(self, tests: Sequence[ColumnElement[bool]]) -> int:
        count: int = self._db.value(
            Statement(select(func.count()).select_from(archive_entry).where(*tests))
        )
        return count
