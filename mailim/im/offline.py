"""Messages for accounts that are away (XEP-0160).

A message is kept in the transaction of its leaf, so it cannot get lost between the two. It
is handed over when a resource of priority 0 or more becomes available, marked with the time
it was sent (XEP-0203), and forgotten only afterwards: a crash in between hands it over
twice rather than never, with the same stanza-id. To a client that acknowledges (XEP-0198)
one batch is handed over at a time, and forgotten when it has said that it has it; who goes
without saying so leaves it to the next.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger
from zope.interface import implementer

from mailim.background import spawn
from mailim.errors import LimitExceeded
from mailim.im.archive import with_stanza_id
from mailim.im.contents import may_be_archived
from mailim.im.sessions import Sessions
from mailim.interfaces.im import IReceipt, OfflineStanza, Session
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import IStore, ITransaction, Priority
from mailim.record.entries import Entry
from mailim.record.record import Record
from mailim.wire import ns
from mailim.wire.xml import AFTER_AUTH, Element, XmlStreamError, parse_document

_Work = Coroutine[Any, Any, None]
_BATCH_OCTETS: Final = 256 * 1024  # after which no more is handed over at once


class _Batch:
    """What was handed to a session at once. over: called when nothing of it is open."""

    def __init__(
        self, session: Session, over: Callable[[_Batch], Coroutine[Any, Any, None]]
    ) -> None:
        self.session = session
        self.arrived: list[OfflineStanza] = []
        self._open = 0
        self._begun = False
        self._over = over

    def receipt(self, row: OfflineStanza) -> IReceipt:
        """Give the receipt of one message."""
        self._open += 1
        return _Receipt(self, row)

    def begun(self) -> bool:
        """All is sent; tell whether something has to be acknowledged."""
        self._begun = self._open > 0
        return self._begun

    def done(self) -> _Work | None:
        """One more is acknowledged or given up; give what is to be done if it was the last."""
        self._open -= 1
        return self._over(self) if self._begun and not self._open else None


@implementer(IReceipt)
class _Receipt:
    __slots__ = ("_batch", "_row")

    def __init__(self, batch: _Batch, row: OfflineStanza) -> None:
        self._batch = batch
        self._row = row

    def arrived(self) -> None:
        """The client has it."""
        self._batch.arrived.append(self._row)
        rest = self._batch.done()
        if rest is not None:
            spawn(rest, "handing over kept messages")

    async def failed(self) -> None:
        """The session is over: the message is kept, and for the next."""
        rest = self._batch.done()
        if rest is not None:
            await spawn(rest, "handing over kept messages")


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
        self._in_flight: dict[int, _Batch] = {}

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
            if self._sessions.holds(session) and _willing(session):
                await self.replay(session)
                return

    async def replay(self, session: Session) -> None:
        """Hand everything that waits for its account to a session, oldest first."""
        account_id = session.account.id
        lock = self._locks.setdefault(account_id, DeferredLock())
        await lock.acquire()
        try:
            while self._sessions.holds(session) and _willing(session):
                if account_id in self._in_flight:
                    return  # it goes on when that has been acknowledged
                waiting = await self._store.read(lambda tx: tx.im.offline(account_id, self._batch))
                if not waiting or not await self._hand_over(session, waiting):
                    return
        finally:
            lock.release()
            if not lock.locked and not lock.waiting:
                self._locks.pop(account_id, None)

    async def _hand_over(self, session: Session, waiting: Sequence[OfflineStanza]) -> bool:
        """Send a batch; False if it has to be acknowledged, or the session went away."""
        if not self._sessions.holds(session):
            return False
        batch = _Batch(session, self._handed_over)
        self._in_flight[session.account.id] = batch
        octets = 0
        for row in waiting:
            message = self._unpacked(row, session)
            if message is None:
                batch.arrived.append(row)
                continue
            session.sink.send(message, batch.receipt(row))
            octets += len(row.stanza)
            if octets > _BATCH_OCTETS:
                break
        if batch.begun():
            return False
        del self._in_flight[session.account.id]
        if not self._sessions.holds(session):
            return False
        await self._forget(session, batch.arrived)
        return True

    async def _handed_over(self, batch: _Batch) -> None:
        """All of a batch is acknowledged or given up: forget the one, hand over the other."""
        session = batch.session
        try:
            await self._forget(session, batch.arrived)
        finally:
            del self._in_flight[session.account.id]
        await self.replay_to((session, *self._sessions.available(session.jid.bare)))

    async def _forget(self, session: Session, rows: Sequence[OfflineStanza]) -> None:
        if not rows:
            return
        ids = [row.id for row in rows]
        account_id = session.account.id
        await self._store.write(lambda tx: tx.im.remove_offline(account_id, ids), Priority.IM)
        for row in rows:
            spawn(self._dispose(session, row), "recording a delivery")

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
