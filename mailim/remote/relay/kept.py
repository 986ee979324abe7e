"""Connections kept for the next mail to the same destination (RFC 5321 3.3).

    kept = sessions.take(destination, way)      # None: open a new one
    ...a transaction, on it or on a new one...
    sessions.keep(kept, most_mails, idle_seconds)

A connection carries so many mails, waits so long for the next one, and ends after
`LONGEST_SECONDS` whatever comes: other servers' slots are not ours to sit on. Only who goes
the same way (host, port, protection, login) to the same destination gets it. It takes no slot
of its destination while it waits: who has the next slot takes it. Nothing here lasts.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailim.remote.relay.session import Door, Session

LONGEST_SECONDS: Final = 300.0  # from its opening, that a connection gets new mails
MOST_IDLE: Final = 200  # connections that wait at once, to all destinations


@dataclass(slots=True)
class Kept:
    """A connection on its way through several mails."""

    destination: str
    way: Hashable = field(repr=False)  # holds the password
    session: Session
    opened: float
    mails: int = 0  # transactions it carried
    expiry: IDelayedCall | None = None  # while it waits


class KeptSessions:
    """Those that wait for a mail."""

    def __init__(self, clock: IReactorTime, door: Door) -> None:
        self._clock = clock
        self._door = door
        self._idle: dict[int, Kept] = {}  # by identity, the longest idle first
        self._closed = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._idle)

    def new(self, destination: str, way: Hashable, session: Session) -> Kept:
        """Begin with a connection just opened."""
        return Kept(destination, way, session, self._clock.seconds())

    def take(self, destination: str, way: Hashable) -> Kept | None:
        """Give a connection that waits, the one used last; None if there is none."""
        for kept in reversed(tuple(self._idle.values())):
            if (kept.destination, kept.way) == (destination, way):
                self._forget(kept)
                if kept.session.connection.fit:
                    return kept
                self._door.leave(kept.session)
        return None

    def keep(self, kept: Kept, most_mails: int, idle_seconds: float) -> None:
        """Let a connection wait for a mail, or end it if it had its share."""
        age = self._clock.seconds() - kept.opened
        fit = kept.session.connection.fit and kept.mails < most_mails and age < LONGEST_SECONDS
        if not fit or self._closed:
            self._door.leave(kept.session)
            return
        if len(self._idle) >= MOST_IDLE:
            self._end(next(iter(self._idle.values())))
        self._idle[id(kept)] = kept
        kept.expiry = self._clock.callLater(idle_seconds, self._end, kept)

    async def close(self) -> None:
        """End all that wait, as one should; from now on none does."""
        self._closed = True
        leaving = []
        for kept in tuple(self._idle.values()):
            self._forget(kept)
            leaving.append(self._door.leave(kept.session))
        await gatherResults(leaving)

    def _end(self, kept: Kept) -> None:
        self._forget(kept)
        self._door.leave(kept.session)

    def _forget(self, kept: Kept) -> None:
        del self._idle[id(kept)]
        if kept.expiry is not None and kept.expiry.active():
            kept.expiry.cancel()
        kept.expiry = None
