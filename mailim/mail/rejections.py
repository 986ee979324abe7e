"""Noting which mail was refused at the door, so that somebody can be told why it did not come.

What is alike within a minute is one row. A flood fills nothing: of a minute at most
`a_minute` kinds are told apart, a fifth of them for one client, and what goes beyond is
counted in one row for the client, or for all. Rows are written in one small unit every few
seconds, behind all other work; a crash loses those seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from twisted.application.internet import TimerService
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailim.accounts.limiter import network_of
from mailim.background import spawn
from mailim.errors import StoreUnavailable
from mailim.interfaces.rejections import ANY, Rejection
from mailim.interfaces.store import IStore, ITransaction, Priority

SECONDS: Final = 5.0  # between writes
SWEEP_SECONDS: Final = 300.0  # between looks for what is old, while nothing is refused
SWEPT: Final = 500  # rows forgotten in one unit
FOLDED: Final = "and more that is not told apart"
_ADDRESS_CHARS: Final = 320
_REPLY_CHARS: Final = 200
_MINUTE: Final = 60_000_000  # microseconds
_DAY: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class RejectionLimits:
    """a_minute: kinds told apart, 0 for none at all. kept: rows. days: for how long."""

    a_minute: int = 100
    kept: int = 100_000
    days: int = 30


class Rejections(TimerService):
    """Notes and writes them."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, store: IStore, limits: RejectionLimits) -> None:
        super().__init__(SECONDS, self._begin)
        self.clock = clock
        self._time = clock
        self._store = store
        self._limits = limits
        self._minute = 0
        self._kinds: set[Rejection] = set()  # of this minute, without counts
        self._clients: Counter[str] = Counter()
        self._waiting: dict[Rejection, Rejection] = {}
        self._sweep_at = 0.0

    def note(
        self, peer: str, sender: str, recipients: Iterable[str], code: int, reply: str
    ) -> None:
        """Note that a mail was refused, for each of its recipients. `sender` "" for <>."""
        if not self._limits.a_minute:
            return
        now = int(self._time.seconds() * 1_000_000)
        minute = now - now % _MINUTE
        if minute != self._minute:
            self._minute = minute
            self._kinds.clear()
            self._clients.clear()
        for recipient in recipients:
            one = Rejection(
                minute, peer[:64], _shown(sender, _ADDRESS_CHARS).lower(),
                _shown(recipient, _ADDRESS_CHARS).lower(), code, _shown(reply, _REPLY_CHARS), 0, 0,
            )  # fmt: skip
            kind = self._told_apart(one)
            known = self._waiting.get(kind, kind)
            self._waiting[kind] = replace(known, last=now, count=known.count + 1)

    def _told_apart(self, one: Rejection) -> Rejection:
        """Give the row this counts in."""
        client = network_of(one.peer)
        if one in self._kinds:
            return one
        share = max(1, self._limits.a_minute // 5)
        full = len(self._kinds) >= self._limits.a_minute
        if not full and self._clients[client] < share:
            self._clients[client] += 1
            self._kinds.add(one)
            return one
        # No more than five clients can have used up a share.
        peer = client if self._clients[client] >= share else ANY
        return Rejection(one.minute, peer, ANY, ANY, 0, FOLDED, 0, 0)

    async def write(self) -> None:
        """Write what was noted since, and forget what is old or too much."""
        if not self._waiting and self._time.seconds() < self._sweep_at:
            return
        self._sweep_at = self._time.seconds() + SWEEP_SECONDS
        rows, self._waiting = [*self._waiting.values()], {}
        before = int(self._time.seconds() * 1_000_000) - self._limits.days * _DAY

        def unit(tx: ITransaction) -> None:
            tx.rejections.add(rows)
            tx.rejections.sweep(before, self._limits.kept, SWEPT)

        try:
            await self._store.write(unit, Priority.BACKGROUND)
        except StoreUnavailable:
            self._log.warn("{rows} rows about refused mail are lost", rows=len(rows))

    def stopService(self) -> Deferred[Any]:
        """Twisted calls this: what was noted is written."""
        return gatherResults([maybeDeferred(super().stopService), self._begin()])

    def _begin(self) -> Deferred[Any]:
        return spawn(self.write(), "writing what was refused")


def _shown(text: str, limit: int) -> str:
    """Give a client's text in one line of printable characters."""
    return "".join(char if char.isprintable() else "?" for char in text[:limit])
