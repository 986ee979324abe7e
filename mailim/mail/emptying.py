"""Taking the items of deleted folders away, in small units behind all other work.

What is left of a deleted folder stands in the database, so a crash in between costs nothing:
the next start goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.application.internet import TimerService
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailim.background import spawn
from mailim.events import Events, FolderRemoved
from mailim.interfaces.store import IStore, Priority

SECONDS: Final = 300.0  # between looks, should one have failed
ITEMS: Final = 20  # of one unit: a few milliseconds of the writer


class Emptying(TimerService):
    """Empties the folders that were deleted, at the start and whenever one is."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, store: IStore, events: Events) -> None:
        super().__init__(SECONDS, self._begin)
        self.clock = clock
        self._store = store
        self._events = events
        self._unsubscribe: Callable[[], None] = lambda: None
        self._work: Deferred[int | None] = succeed(None)
        self._busy = False
        self._again = False

    def startService(self) -> None:
        """Twisted calls this."""
        self._unsubscribe = self._events.subscribe(FolderRemoved, self._removed)
        super().startService()

    def stopService(self) -> Deferred[Any]:
        """Twisted calls this: the unit under way is the last."""
        self._unsubscribe()
        return gatherResults([maybeDeferred(super().stopService), self._work])

    def _removed(self, _event: FolderRemoved) -> None:
        self._begin()

    def _begin(self) -> None:
        if self._busy:
            self._again = True
        else:
            self._work = spawn(self.empty(), "emptying deleted folders")

    async def empty(self) -> int:
        """Empty all there are; gives how many items went."""
        self._busy, gone = True, 0
        try:
            self._again = True
            while self._again and self.running:
                self._again = False
                for folder_id in await self._store.read(lambda tx: tx.folders.removed()):
                    gone += await self._empty(folder_id)
        finally:
            self._busy = False
        if gone:
            self._log.info("{items} items of deleted folders are gone", items=gone)
        return gone

    async def _empty(self, folder_id: int) -> int:
        gone = 0
        while self.running:
            went = await self._store.write(
                lambda tx: tx.items.empty(folder_id, ITEMS), Priority.BACKGROUND
            )
            gone += went
            if went < ITEMS:
                break
        return gone
