"""Fills the full-text index, behind everything else.

Bodies that wait for it are read in a reader thread and written in background units of
about 5 ms, one body at least. What it did not come to yet, a search reads by itself, so
being late costs time and no result.
"""

from __future__ import annotations

import time
from collections import deque
from functools import partial
from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mailim.background import spawn
from mailim.events import Events, ItemsChanged
from mailim.interfaces.store import IStore, ITransaction, Priority
from mailim.store.message_text import MessageText
from mailim.store.transaction import Transaction

UNIT_SECONDS: Final = 0.005
BATCH: Final = 50  # bodies read ahead, at most
PAUSE_SECONDS: Final = 0.2  # after an event, so that a burst of mail comes first
TROUBLE_SECONDS: Final = 60.0

Texts = deque[tuple[int, MessageText]]


class Indexing(Service):
    """Indexes what waits, at start and after each change of items."""

    _log = Logger()

    def __init__(self, reactor: IReactorTime, store: IStore, events: Events) -> None:
        self._clock = reactor
        self._store = store
        self._events = events
        self._timer: IDelayedCall | None = None
        self._work: Deferred[None] | None = None
        self._again = False
        self._unsubscribe = lambda: None

    def startService(self) -> None:
        """Begin with what waits."""
        super().startService()
        self._unsubscribe = self._events.subscribe(ItemsChanged, lambda _event: self._changed())
        self._sleep(0)

    def stopService(self) -> Deferred[None]:
        """Stop behind the unit under way."""
        super().stopService()
        self._unsubscribe()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        return self._work if self._work is not None else succeed(None)

    def _changed(self) -> None:
        if self._work is not None:
            self._again = True
        elif self._timer is None:
            self._sleep(PAUSE_SECONDS)

    def _sleep(self, seconds: float) -> None:
        self._timer = self._clock.callLater(seconds, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._again = False
        self._work = spawn(self._index_all(), "indexing").addCallback(self._over)

    def _over(self, done: bool | None) -> None:
        self._work = None
        if self.running and self._timer is None:
            if not done:
                self._sleep(TROUBLE_SECONDS)
            elif self._again:
                self._sleep(PAUSE_SECONDS)

    async def _index_all(self) -> bool:
        """Index until nothing waits; what fails is logged, then this is tried again later."""
        after = 0
        while self.running:
            texts = await self._store.read(partial(_read, after=after))
            if not texts:
                break
            after = texts[-1][0]
            while texts and self.running:
                await self._store.write(partial(_write, texts=texts), Priority.BACKGROUND)
        return True


def _read(tx: ITransaction, after: int) -> Texts:
    """Read bodies that wait for some milliseconds; a unit for a reader."""
    assert isinstance(tx, Transaction)  # noqa: S101 - our own
    until = time.monotonic() + UNIT_SECONDS
    texts: Texts = deque()
    for body_id in tx.search.waiting(after, BATCH):
        texts.append((body_id, tx.search.read(body_id)))
        if time.monotonic() >= until:
            break
    return texts


def _write(tx: ITransaction, texts: Texts) -> None:
    """Write some of the texts, and take those away once it is certain; a background unit."""
    assert isinstance(tx, Transaction)  # noqa: S101 - our own
    until = time.monotonic() + UNIT_SECONDS
    written = 0
    for body_id, text in texts:
        tx.search.add(body_id, text)
        written += 1
        if time.monotonic() >= until:
            break

    def forget() -> None:
        for _ in range(written):
            texts.popleft()

    tx.after_commit(forget)
