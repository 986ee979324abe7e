"""The counters of an account's mail: its modseq, what was forgotten, its UIDVALIDITYs.

Every change of a folder, an item or a thread takes the next modseq for itself alone, so
that a list of changes can be cut anywhere (RFC 8620 5.2 hasMoreChanges) and continued.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Integer, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from mailim.errors import StateMismatch
from mailim.events import Event, ItemsChanged, ObjectsChanged
from mailim.store.connection import Connection
from mailim.store.schema.mail import mail_state
from mailim.store.statements import Statement

_ACCOUNT = bindparam("account_id", type_=Integer)
_ADVANCE = Statement(
    insert(mail_state)
    .values(account_id=_ACCOUNT, modseq=bindparam("count"), forgotten=0, uidvalidity=0)
    .on_conflict_do_update(
        index_elements=[mail_state.c.account_id],
        set_={"modseq": mail_state.c.modseq + bindparam("count", type_=Integer)},
    )
    .returning(mail_state.c.modseq)
)
_GET = Statement(
    select(mail_state.c.modseq, mail_state.c.forgotten).where(mail_state.c.account_id == _ACCOUNT)
)
_UIDVALIDITY = Statement(
    select(mail_state.c.uidvalidity).where(mail_state.c.account_id == _ACCOUNT)
)
_SET_UIDVALIDITY = Statement(
    mail_state.update()
    .where(mail_state.c.account_id == _ACCOUNT)
    .values(uidvalidity=bindparam("uidvalidity"))
)
_FORGET = Statement(
    mail_state.update()
    .where(mail_state.c.account_id == _ACCOUNT, mail_state.c.forgotten < bindparam("modseq"))
    .values(forgotten=bindparam("modseq"))
)


class MailState:
    """The counters; `publish` hears of every step."""

    def __init__(
        self,
        connection: Connection,
        publish: Callable[[Event], None],
        seconds: Callable[[], float] = time.time,
    ) -> None:
        self._db = connection
        self._publish = publish
        self._seconds = seconds

    def advance(self, account_id: int, count: int = 1) -> int:
        """Take `count` modseqs; gives the last of them and publishes it."""
        modseq: int = self._db.value(_ADVANCE, account_id=account_id, count=count)
        self._publish(ItemsChanged(account_id, modseq))
        return modseq

    def advance_for(self, account_id: int, type: str) -> int:
        """Take a modseq for a change of objects of another JMAP type; publishes that."""
        modseq: int = self._db.value(_ADVANCE, account_id=account_id, count=1)
        self._publish(ObjectsChanged(account_id, type, modseq))
        return modseq

    def newest(self, account_id: int) -> int:
        """Give the newest modseq; 0 if nothing ever happened."""
        row = self._db.one(_GET, account_id=account_id)
        return 0 if row is None else row[0]

    def since(self, account_id: int, since: int) -> int:
        """Give the newest modseq for a list of changes since; raises `StateMismatch`."""
        modseq, forgotten = self._db.one(_GET, account_id=account_id) or (0, 0)
        if not forgotten <= since <= modseq:
            raise StateMismatch("What happened since that state is not known any more.")
        return int(modseq)

    def forget(self, account_id: int, modseq: int) -> None:
        """Remember that tombstones up to `modseq` are gone."""
        self._db.run(_FORGET, account_id=account_id, modseq=modseq)

    def next_uidvalidity(self, account_id: int) -> int:
        """Give a UIDVALIDITY no folder of the account ever had (RFC 3501 2.3.1.1).

        It follows the clock, so that a database restored from an old backup does not give
        the same ones again. Call `advance` first.
        """
        last: int = self._db.value(_UIDVALIDITY, account_id=account_id) or 0
        found = max(last + 1, int(self._seconds()) & 0xFFFFFFFF)
        self._db.run(_SET_UIDVALIDITY, account_id=account_id, uidvalidity=found)
        return found
