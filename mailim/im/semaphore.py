"""Semaphore files become notices: looked for twice a second, each handed in exactly once.

The way of a file (`mailim.im.semaphore_folder` has the folder's side):

1. renamed into `.claimed/` under a claim, and that made durable;
2. read, its recipients looked up;
3. notices written, one for each address, claims `semaphore:CLAIM ADDRESS`;
4. removed, or set aside in `bad/` with the reason if it, or an address in it, is refused.

After a crash the files in `.claimed/` go through 2 to 4 again; what step 3 wrote before is
known by its claim. If the store cannot be written the claimed files wait, and so do the
others, which stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mailim.background import spawn
from mailim.errors import MailimError
from mailim.im.notices import Notices
from mailim.im.semaphore_folder import AT_ONCE, Claimed, SemaphoreFolder
from mailim.interfaces.notices import NewNotice

SECONDS: Final = 0.5  # between looks: two of them see that a file is whole
TROUBLE_SECONDS: Final = 5.0  # between looks at a folder, or into a store, that fails
NOTICES_AT_ONCE: Final = 500  # written in one unit, but all of one file

Threads = Callable[[Callable[[], Any]], Deferred[Any]]


class Semaphores(Service):
    """Looks into the folder; `threads` runs what blocks."""

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, notices: Notices, folder: SemaphoreFolder, threads: Threads
    ) -> None:
        self._clock = clock
        self._notices = notices
        self._folder = folder
        self._threads = threads
        self._waiting: list[Claimed] = []
        self._prepared = False
        self._in_trouble = False
        self._timer: IDelayedCall | None = None
        self._looking = False
        self._stopped: Deferred[None] | None = None

    def startService(self) -> None:
        """Twisted calls this."""
        super().startService()
        self._begin()

    def stopService(self) -> Deferred[None]:
        """Twisted calls this; fires when nothing is under way any more."""
        super().stopService()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._looking:
            return succeed(None)
        self._stopped = Deferred()
        return self._stopped

    def _begin(self) -> None:
        self._timer = None
        self._looking = True
        spawn(self._look(), "looking for semaphore files")

    async def _look(self) -> None:
        wait = TROUBLE_SECONDS
        try:
            wait = await self._work()
            if self._in_trouble:
                self._in_trouble = False
                self._log.info("semaphore files are taken again")
        except (MailimError, OSError) as error:
            if not self._in_trouble:
                self._in_trouble = True
                text = error.text if isinstance(error, MailimError) else error.strerror
                self._log.error("semaphore files have to wait: {error}", error=text)
            self._prepared = self._prepared and not isinstance(error, OSError)
        except Exception:
            self._log.failure("looking for semaphore files failed")
        finally:
            self._looking = False
            if self.running:
                self._timer = self._clock.callLater(wait, self._begin)
            stopped, self._stopped = self._stopped, None
            if stopped is not None:
                stopped.callback(None)

    async def _work(self) -> float:
        """Take what is ready; gives the seconds until the next look."""
        if not self._prepared:
            await self._threads(self._folder.prepare)
            self._waiting = await self._threads(self._folder.recover)
            self._prepared = True
        if not self._waiting:
            self._waiting = await self._threads(self._folder.scan)
            for name in self._folder.left:
                self._log.error("semaphore file {name} cannot be moved; it is left", name=name)
        full = len(self._waiting) >= AT_ONCE
        while self._waiting and self.running:
            some = _some(self._waiting)
            await self._take(some)
            self._waiting = self._waiting[len(some) :]
        return 0.0 if full else SECONDS

    async def _take(self, claimed: Sequence[Claimed]) -> None:
        """Hand in what these say; raises, with nothing lost, if that is not possible now."""
        news: list[NewNotice] = []
        reasons: dict[Claimed, str] = {}
        for one in claimed:
            good, reason = await self._notices_of(one)
            news += good
            if reason:
                reasons[one] = reason
        if news:
            await self._notices.hand_in(news)
        done = [one for one in claimed if one not in reasons]
        if done:
            await self._threads(partial(self._folder.finish, done))
            self._log.info("{count} semaphore files were taken", count=len(done),
                           names=[one.name for one in done[:20]])  # fmt: skip
        for one, reason in reasons.items():
            await self._threads(partial(self._folder.set_aside, one, reason))
            self._log.warn("semaphore file {name} is set aside in bad/: {reason}",
                           name=one.name, reason=reason)  # fmt: skip

    async def _notices_of(self, one: Claimed) -> tuple[list[NewNotice], str]:
        """Give its notices, and why it, or a part of it, is refused."""
        message = one.message
        if message is None:
            return [], one.reason
        now = int(self._clock.seconds() * 1_000_000)
        news: list[NewNotice] = []
        refused: list[str] = []
        for address in message.recipients:
            try:
                await self._notices.check(message.sender, address, message.text)
            except MailimError as error:
                if error.temporary:
                    raise
                refused.append(f"{address}: {error.text}")
                continue
            claim = f"semaphore:{one.claim} {address}"
            news.append(NewNotice(claim, message.sender, address, message.text, "semaphore", now))
        if not refused:
            return news, ""
        sent = f"it was sent to the other {len(news)}" if news else "nothing was sent"
        return news, f"{sent}; {'; '.join(refused)}"


def _some(waiting: Sequence[Claimed]) -> Sequence[Claimed]:
    """Give the first ones, as many as fit into a unit."""
    count = 0
    for number, one in enumerate(waiting):
        count += len(one.message.recipients) if one.message is not None else 0
        if number and count > NOTICES_AT_ONCE:
            return waiting[:number]
    return waiting
