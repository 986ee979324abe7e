"""Forgetting what happened to mails after `[mail] trace_days`."""

from __future__ import annotations

from typing import Final

from twisted.application.internet import TimerService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailim.background import spawn
from mailim.interfaces.store import IStore, Priority

SECONDS: Final = 300.0  # between looks
ROWS: Final = 500  # of one unit: nobody waits long for it
_DAY: Final = 86_400_000_000  # microseconds


class Forgetting(TimerService):
    """Looks for what is older than `days`, in small units behind all other work."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, store: IStore, days: int) -> None:
        super().__init__(SECONDS, self._begin)
        self.clock = clock
        self._time = clock
        self._store = store
        self._days = days

    def _begin(self) -> Deferred[int | None]:
        return spawn(self.forget(), "forgetting what happened to mails")

    async def forget(self) -> int:
        """Forget all that is old enough; gives how many rows went."""
        before = int(self._time.seconds() * 1_000_000) - self._days * _DAY
        gone = 0
        while self.running:
            went = await self._store.write(
                lambda tx: tx.mail_events.sweep(before, ROWS), Priority.BACKGROUND
            )
            gone += went
            if went < ROWS:
                break
        if gone:
            self._log.info("{rows} rows about mails are forgotten", rows=gone)
        return gone
