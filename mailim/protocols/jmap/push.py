"""Who is to be told of new states: the open event sources (RFC 8620 section 7).

A change of an account wakes its streams; what happens while one is not looking is put
together into one state change. States are numbers that only grow, so the newest is enough.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailim.errors import RateLimited
from mailim.events import AccountsChanged, Events, ItemsChanged, MailDelivered, ObjectsChanged
from mailim.interfaces.accounts import Account
from mailim.protocols.jmap.limits import JmapLimits
from mailim.wire.jmap_ids import ACCOUNT, write_id

TYPES: Final = (
    "Mailbox", "Email", "Thread", "EmailDelivery", "Identity", "EmailSubmission",
    "VacationResponse",
)  # fmt: skip
_RETRY_SECONDS: Final = 30.0


class Stream:
    """One listener: what it wants to hear of, and what it has not heard yet."""

    def __init__(self, clock: IReactorTime, account: Account, types: Collection[str]) -> None:
        self.account = account
        self.ended = False
        self._clock = clock
        self._types = tuple(name for name in TYPES if name in types)
        self._newest = 0
        self._pending: set[str] = set()
        self._waiter: Deferred[None] | None = None
        self._call: IDelayedCall | None = None

    def changed(self, modseq: int, names: Collection[str] = TYPES[:3]) -> None:
        """Take a new state of an account, and wake the listener if it wants to know."""
        self._newest = max(self._newest, modseq)
        self._pending.update(name for name in names if name in self._types)
        if self._pending:
            self.wake()

    def delivered(self) -> None:
        """Take the news that a mail came; its state was told before."""
        if self._newest:
            self.changed(self._newest, ("EmailDelivery",))

    def end(self) -> None:
        """Say that the stream is over."""
        self.ended = True
        self.wake()

    def take(self) -> tuple[int, dict[str, Any]] | None:
        """Give the newest state and the StateChange object, None if nothing changed."""
        if not self._pending:
            return None
        states = {name: str(self._newest) for name in self._types if name in self._pending}
        self._pending.clear()
        account_id = write_id(ACCOUNT, self.account.id)
        return self._newest, {"@type": "StateChange", "changed": {account_id: states}}

    async def wait(self, seconds: float) -> None:
        """Wait until something changes, at most so long."""
        if self._pending or self.ended:
            return
        waiter = self._waiter = Deferred()
        self._call = self._clock.callLater(seconds, self.wake)
        try:
            await waiter
        finally:
            self._stop_clock()
            self._waiter = None

    async def pause(self, seconds: float) -> None:
        """Wait so long, whatever changes."""
        waiter: Deferred[None] = Deferred()
        call = self._clock.callLater(seconds, waiter.callback, None)
        try:
            await waiter
        finally:
            if call.active():
                call.cancel()

    def wake(self) -> None:
        """Let the listener look."""
        self._stop_clock()
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.called:
            waiter.callback(None)

    def _stop_clock(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None


class Push:
    """All open streams."""

    def __init__(self, clock: IReactorTime, events: Events, limits: JmapLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._streams: dict[int, set[Stream]] = {}
        self._count = 0
        events.subscribe(ItemsChanged, self._items_changed)
        events.subscribe(ObjectsChanged, self._objects_changed)
        events.subscribe(MailDelivered, self._delivered)
        events.subscribe(AccountsChanged, self._accounts_changed)

    def open(self, account: Account, types: Collection[str]) -> Stream:
        """Begin a stream; raises `RateLimited` beyond the limits."""
        streams = self._streams.setdefault(account.id, set())
        full = len(streams) >= self._limits.streams or self._count >= self._limits.streams_in_all
        if full:
            if not streams:
                del self._streams[account.id]
            raise RateLimited("too many event sources are open", _RETRY_SECONDS)
        stream = Stream(self._clock, account, types)
        streams.add(stream)
        self._count += 1
        return stream

    def close(self, stream: Stream) -> None:
        """End a stream."""
        streams = self._streams.get(stream.account.id, set())
        if stream in streams:
            streams.discard(stream)
            self._count -= 1
            if not streams:
                del self._streams[stream.account.id]

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count

    def end_all(self) -> None:
        """End all streams; for the end of the server."""
        for stream in [each for streams in self._streams.values() for each in streams]:
            stream.end()

    def _items_changed(self, event: ItemsChanged) -> None:
        for stream in tuple(self._streams.get(event.account_id, ())):
            stream.changed(event.modseq)

    def _objects_changed(self, event: ObjectsChanged) -> None:
        for stream in tuple(self._streams.get(event.account_id, ())):
            stream.changed(event.modseq, (event.type,))

    def _delivered(self, event: MailDelivered) -> None:
        for stream in tuple(self._streams.get(event.account_id, ())):
            stream.delivered()

    def _accounts_changed(self, event: AccountsChanged) -> None:
        """End the streams of an account that changed: who connects again is asked anew."""
        for streams in tuple(self._streams.values()):
            for stream in tuple(streams):
                if event.address in ("", stream.account.address):
                    stream.end()
