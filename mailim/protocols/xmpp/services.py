"""What client streams share: who they ask, which of them are open, and what they began."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailim.accounts.directory import Directory
from mailim.accounts.passwords import Passwords
from mailim.background import spawn
from mailim.im.router import Router
from mailim.im.sessions import Sessions
from mailim.interfaces.im import IFeature, IStanzaSink
from mailim.protocols.xmpp.settings import StreamSettings


class StreamServices:
    """What every client stream needs.

    settings: gives the limits in force for a new stream.
    """

    def __init__(
        self,
        clock: IReactorTime,
        directory: Directory,
        passwords: Passwords,
        sessions: Sessions,
        router: Router,
        features: Sequence[IFeature],
        settings: Callable[[], StreamSettings],
    ) -> None:
        self.clock = clock
        self.directory = directory
        self.passwords = passwords
        self.sessions = sessions
        self.router = router
        self.features = features
        self.settings = settings
        self.open: set[IStanzaSink] = set()
        """Streams that have not ended, signed in or not."""
        self._under_way: set[Deferred[None]] = set()
        self._idle: list[Deferred[None]] = []

    def begin(self, work: Coroutine[Any, Any, None], what: str) -> None:
        """Start work that outlives the stream that asked for it."""
        begun = spawn(work, what)
        if not begun.called:
            self._under_way.add(begun)
            begun.addBoth(self._over, begun)

    def _over(self, _result: Any, begun: Deferred[None]) -> None:
        self._under_way.discard(begun)
        if not self._under_way:
            waiting, self._idle = self._idle, []
            for one in waiting:
                one.callback(None)

    def idle(self, seconds: float) -> Deferred[None]:
        """Fires when nothing that streams began is under way, or after so many seconds.

        What is under way then goes on.
        """
        if not self._under_way:
            return succeed(None)
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        giving_up: IDelayedCall = self.clock.callLater(seconds, self._give_up, idle)

        def tidy(result: None) -> None:
            if giving_up.active():
                giving_up.cancel()

        return idle.addCallback(tidy)

    def _give_up(self, idle: Deferred[None]) -> None:
        self._idle.remove(idle)
        idle.callback(None)
