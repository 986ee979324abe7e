"""Messages for accounts that are away (XEP-0160).

A message is kept in the transaction of its leaf, so it cannot get lost between the two. It
is handed over when a resource of priority 0 or more becomes available, marked with the time
it was sent (XEP-0203), and forgotten only afterwards: a crash in between hands it over
twice rather than never, with the same stanza-id.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from mailim.background import spawn
from mailim.errors import LimitExceeded
from mailim.im.archive import with_stanza_id
from mailim.im.contents import may_be_archived
from mailim.im.sessions import Sessions
from mailim.interfaces.im import OfflineStanza, Session
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import IStore, ITransaction, Priority
from mailim.record.entries import Entry
from mailim.record.record import Record
from mailim.wire import ns
from mailim.wire.xml import AFTER_AUTH, Element, XmlStreamError, parse_document


class Offline:
    """Keeps messages and hands them over.

    max_count: messages kept for one account. batch: messages read and forgotten at once.
    """

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        record: Record,
        sessions: Sessions,
        *,
        max_count: int = 1000,
        batch: int = 100,
    ) -> None:
        self._store = store
        self._record = record
        self._sessions = sessions
        self.max_count = max_count
        self._batch = batch
        self._locks: dict[int, DeferredLock] = {}

    def keep(self, tx: ITransaction, account_id: int, leaf: Leaf, stanza: bytes) -> bool:
        """Keep a message within the transaction of its leaf; False if there is no room."""
        try:
            tx.im.add_offline(account_id, leaf.seq, leaf.time, stanza, self.max_count)
        except LimitExceeded:
            return False
        return True

    async def keep_late(
        self,
        account_id: int,
        leaf: Leaf,
        stanza: bytes,
        also: Callable[[ITransaction], None] = lambda tx: None,
    ) -> bool:
        """Keep a message whose recipient went away while its leaf was written.

        also: what belongs into the same transaction if there is room.
        """

        def unit(tx: ITransaction) -> bool:
            kept = self.keep(tx, account_id, leaf, stanza)
            if kept:
                also(tx)
            return kept

        return await self._store.write(unit, Priority.IM)

    async def replay_to(self, sessions: Sequence[Session]) -> None:
        """Hand what waits to the first of these that is willing, if there is one."""
        for session in sessions:
            if _willing(session):
                await self.replay(session)
                return

    async def replay(self, session: Session) -> None:
        """Hand everything that waits for its account to a session, oldest first."""
        account_id = session.account.id
        lock = self._locks.setdefault(account_id, DeferredLock())
        await lock.acquire()
        try:
            while self._sessions.holds(session) and _willing(session):
                waiting = await self._store.read(lambda tx: tx.im.offline(account_id, self._batch))
                if not waiting or not await self._hand_over(session, waiting):
                    return
        finally:
            lock.release()
            if not lock.locked and not lock.waiting:
                self._locks.pop(account_id, None)

    async def _hand_over(self, session: Session, waiting: Sequence[OfflineStanza]) -> bool:
        """Send a batch, then forget it; False if the session went away meanwhile."""
        if not self._sessions.holds(session):
            return False
        for row in waiting:
            message = self._unpacked(row, session)
            if message is not None:
                session.sink.send(message)
        if not self._sessions.holds(session):
            return False
        ids = [row.id for row in waiting]
        account_id = session.account.id
        await self._store.write(lambda tx: tx.im.remove_offline(account_id, ids), Priority.IM)
        for row in waiting:
            spawn(self._dispose(session, row), "recording a delivery")
        return True

    async def _dispose(self, session: Session, row: OfflineStanza) -> None:
        entry = Entry(
            kind="disposition",
            sender="",
            recipient=str(session.jid.bare),
            body=f"delivered to {session.jid}",
            refers=row.seq,
        )
        await self._record.append(entry)

    def _unpacked(self, row: OfflineStanza, session: Session) -> Element | None:
        try:
            message = parse_document(row.stanza, AFTER_AUTH)
        except XmlStreamError as error:
            self._log.error(
                "kept message {seq} of {account} cannot be read: {error}",
                seq=row.seq,
                account=session.account.address,
                error=str(error),
            )
            return None
        bare = session.jid.bare
        if may_be_archived(message):
            message = with_stanza_id(message, bare, row.seq)
        else:
            message = message.with_attrs()
        message.add(delay(bare.domain, row.time))
        return message


def delay(sender: str, time: int) -> Element:
    """Give the mark of a delayed stanza (XEP-0203, XEP-0082); `time` in µs."""
    return Element("delay", ns.DELAY, {"from": sender, "stamp": stamp(time)})


def stamp(time: int) -> str:
    """Give a time in µs as XEP-0082 writes it."""
    moment = datetime.datetime.fromtimestamp(time // 1_000_000, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time // 1000 % 1000:03d}Z"


def _willing(session: Session) -> bool:
    return session.available and session.priority >= 0
