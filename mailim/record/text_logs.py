"""`InstantMessaging.log` and `XMPPServer-YYYY-MM-DD.log`, written from committed leaves.

Leaves come in with `add`, are gathered for a moment, and written by a thread. The record
stays the truth: a log that cannot be written holds up nothing, raises one alarm, and is
caught up from the record when it can be written again; so it is after a crash, on start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from mailim.background import spawn
from mailim.errors import StoreUnavailable
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import IStore
from mailim.record.log_files import LogFiles

T = TypeVar("T")
_AT_ONCE = 500  # leaves written in one go
_GATHERED = 10_000  # leaves held in memory; beyond, they are read from the record again


class TextLogs:
    """Keeps both logs up to date.

    reactor: a reactor with threads.
    directory: of the logs. state: the small file that says where they go on.
    delay: seconds for which lines are gathered. retry: seconds after a failure.
    max_bytes: size at which InstantMessaging.log is set aside.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        store: IStore,
        directory: Path,
        state: Path,
        *,
        delay: float = 0.1,
        retry: float = 10.0,
        max_bytes: int = 64 << 20,
    ) -> None:
        self._reactor = reactor
        self._store = store
        self._files = LogFiles(directory, state, max_bytes)
        self._delay, self._retry = delay, retry
        self._gathered: deque[Leaf] = deque()
        self._position = 0  # first leaf missing in a log
        self._size = 0  # leaves there are, as far as is known here
        self._running = False  # between start and stop
        self._failing = False
        self._timer: IDelayedCall | None = None
        self._draining: Deferred[None] | None = None

    async def start(self) -> None:
        """Find out where the logs go on; catching up then runs in the background."""
        self._size = max(self._size, await self._store.read(lambda tx: tx.record.size()))
        self._position = await self._in_thread(partial(self._files.open, self._size))
        self._running = True
        if self._position < self._size:
            self._log.info(
                "text logs lack {count} leaves of the record, which are written now",
                count=self._size - self._position,
            )
        self._schedule(0)

    async def stop(self) -> None:
        """Write what is still to be written, and close the files."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running:
            await self._drain()
        self._running = False
        await self._in_thread(self._files.close)

    async def flush(self) -> None:
        """Write all that was added so far; does not raise if it cannot be written."""
        await self._drain()

    def add(self, leaf: Leaf) -> None:
        """Take a committed leaf; they come in their order."""
        if len(self._gathered) >= _GATHERED:
            self._gathered.clear()
        self._gathered.append(leaf)
        self._size = max(self._size, leaf.seq + 1)
        if self._running and self._timer is None and self._draining is None:
            self._schedule(self._retry if self._failing else self._delay)

    def _schedule(self, seconds: float) -> None:
        self._timer = self._reactor.callLater(seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        spawn(self._drain(), "writing the text logs")

    async def _drain(self) -> None:
        """Write until nothing is missing; only one runs at a time."""
        while self._draining is not None:
            await self._after(self._draining)
        self._draining = Deferred()
        try:
            while self._position < self._size and await self._write_some():
                pass
        finally:
            done, self._draining = self._draining, None
            done.callback(None)
        if self._position < self._size and self._running and self._timer is None:
            self._schedule(self._retry if self._failing else self._delay)

    async def _write_some(self) -> bool:
        """Write one portion; False if it could not be written."""
        try:
            leaves = self._take()
            if not leaves:
                start = self._position
                leaves = list(await self._store.read(lambda tx: tx.record.leaves(start, _AT_ONCE)))
            if not leaves:
                self._size = self._position  # what was added is not there: nothing to write
                return False
            self._position = await self._in_thread(partial(self._files.write, leaves))
        except (OSError, StoreUnavailable) as error:
            if not self._failing:
                self._failing = True
                self._log.critical(
                    "the text logs cannot be written ({error}); the record itself is not affected,"
                    " and they are caught up when they can be",
                    error=str(error),
                )
            return False
        if self._failing:
            self._failing = False
            self._log.info("the text logs can be written again")
        return True

    def _take(self) -> list[Leaf]:
        """Take gathered leaves that follow what is written; none if there is a gap."""
        gathered = self._gathered
        while gathered and gathered[0].seq < self._position:
            gathered.popleft()
        taken: list[Leaf] = []
        while gathered and len(taken) < _AT_ONCE:
            if gathered[0].seq != self._position + len(taken):
                break
            taken.append(gathered.popleft())
        return taken

    async def _after(self, running: Deferred[None]) -> None:
        waiting: Deferred[None] = Deferred()
        running.addCallback(lambda _: waiting.callback(None))
        await waiting

    def _in_thread(self, work: Callable[[], T]) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)
