"""Forgetting what waited too long: messages for accounts that stay away, and old claims.

A message that is kept goes after `[im] offline_days`, and its disposition on the record says
so, in one transaction: what was handed over meanwhile does not expire. Readers of archives
(XEP-0313) still find it.
"""

from __future__ import annotations

from typing import Final

from twisted.application.internet import TimerService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailim.background import spawn
from mailim.errors import NotFound
from mailim.interfaces.im import OfflineStanza
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import IStore, ITransaction, Priority
from mailim.record.entries import Entry
from mailim.record.record import Record

SECONDS: Final = 600.0  # between looks
ROWS: Final = 100  # read, and claims forgotten, at once
CLAIM_DAYS: Final = 30  # what programs handed in is known again for so long
_DAY: Final = 86_400_000_000  # microseconds


class Expiry(TimerService):
    """Looks for what waited longer than `days`, behind all other work."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, store: IStore, record: Record, days: int) -> None:
        super().__init__(SECONDS, self._begin)
        self.clock = clock
        self._time = clock
        self._store = store
        self._record = record
        self._days = days

    def _begin(self) -> Deferred[None]:
        return spawn(self.expire(), "forgetting messages nobody came for")

    async def expire(self) -> None:
        """Forget all that is old enough."""
        now = int(self._time.seconds() * 1_000_000)
        gone = 0
        while self.running:
            old = await self._store.read(
                lambda tx: tx.im.offline_before(now - self._days * _DAY, ROWS)
            )
            for account_id, stanza in old:
                if not self.running:
                    return
                gone += await self._expire(account_id, stanza)
            if len(old) < ROWS:
                break
        if gone:
            self._log.info("{count} messages nobody came for are no longer kept", count=gone)
        while self.running:
            claims = await self._store.write(
                lambda tx: tx.notices.forget(now - CLAIM_DAYS * _DAY, ROWS), Priority.BACKGROUND
            )
            if claims < ROWS:
                break

    async def _expire(self, account_id: int, stanza: OfflineStanza) -> int:
        leaf = await self._store.read(lambda tx: tx.record.get(stanza.seq))
        recipient = "" if leaf is None else leaf.recipient

        def forget(tx: ITransaction, _leaf: Leaf) -> None:
            if not tx.im.remove_offline(account_id, [stanza.id]):
                raise NotFound("it was handed over meanwhile")

        text = f"expired: nobody came for it within {self._days} days"
        try:
            await self._record.append(
                Entry("disposition", "", recipient, text, refers=stanza.seq), forget
            )
        except NotFound:
            return 0
        return 1
