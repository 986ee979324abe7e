"""Order within a session: stanzas enter one after the other and leave in the same order.

RFC 6120 section 10.1 wants the stanzas of a stream processed in order; the record wants
many of them in one commit. So a stanza has two phases. In the first, alone, it is checked
and its leaf is handed to the record. Then the next one may enter, while this one waits
for its leaf to be durable and for its turn; the second phase, delivery, is alone again.
"""

from __future__ import annotations

from collections import deque
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed

T = TypeVar("T")


class Gate:
    """Lets one in at a time, in the order of asking.

    Unlike a DeferredLock it lets the next one in from a loop, not from inside the one that
    leaves: hundreds of stanzas may wait, and none may stand on the stack of the one before.
    """

    __slots__ = ("_free", "_opening", "_waiting")

    def __init__(self) -> None:
        self._free = True
        self._opening = False
        self._waiting: deque[Deferred[None]] = deque()

    def acquire(self) -> Deferred[None]:
        """Fires when it is the caller's turn."""
        if self._free and not self._waiting:
            self._free = False
            return succeed(None)
        turn: Deferred[None] = Deferred()
        self._waiting.append(turn)
        return turn

    def release(self) -> None:
        """Let the next one in."""
        self._free = True
        if self._opening:
            return
        self._opening = True
        try:
            while self._free and self._waiting:
                self._free = False
                self._waiting.popleft().callback(None)
        finally:
            self._opening = False


class Lane:
    """The stanzas of one session that are under way."""

    def __init__(self) -> None:
        self._entrance = Gate()
        self._exit = Gate()

    async def enter(self) -> Turn:
        """Wait until the stanza before has ended its first phase; the caller must `leave`."""
        await self._entrance.acquire()
        return Turn(self._entrance, self._exit)


class Turn:
    """One stanza's way through its lane."""

    __slots__ = ("_entrance", "_exit", "_inside")

    def __init__(self, entrance: Gate, exit_: Gate) -> None:
        self._entrance = entrance
        self._exit = exit_
        self._inside = entrance

    async def durable(self, work: Deferred[T]) -> T:
        """End the first phase; give what `work` gives, once all before this are delivered.

        If `work` fails its error is raised, at this stanza's turn too.
        """
        turn = self._exit.acquire()
        self._inside = self._exit
        self._entrance.release()
        try:
            return await work
        finally:
            await turn

    async def ready(self) -> None:
        """End the first phase of a stanza that is not recorded; wait for its turn."""
        if self._inside is self._exit:
            return
        turn = self._exit.acquire()
        self._inside = self._exit
        self._entrance.release()
        await turn

    def leave(self) -> None:
        """Let the next one go on; called once, whatever happened."""
        self._inside.release()
