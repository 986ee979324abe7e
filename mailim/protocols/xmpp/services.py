"""What client streams share: who they ask, which of them are open, and what they began."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailim.accounts.directory import Directory
from mailim.accounts.passwords import Passwords
from mailim.background import spawn
from mailim.events import PasswordChanged, WebSessionsEnded
from mailim.im.router import Router
from mailim.im.sessions import Sessions
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import IFeature
from mailim.protocols.xmpp.features.stream_management import StreamManagement
from mailim.protocols.xmpp.managed import ManagedSession
from mailim.protocols.xmpp.managed_sessions import ManagedSessions
from mailim.protocols.xmpp.settings import StreamSettings


class OpenStream(Protocol):
    """A stream that has not ended.

    web_session: the browser session whose token opened it; empty if there is none.
    """

    web_session: bytes

    @property
    def account(self) -> Account | None:
        """Who it is, once that is proven."""

    def close(self, condition: str, text: str) -> None:
        """End it with a stream error."""


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
        self.open: set[OpenStream] = set()
        """Streams that have not ended, signed in or not; sessions that wait to be resumed."""
        self.managed = ManagedSessions(clock, sessions, router, settings, self.begin, self._waits)
        self.management: StreamManagement | None = None
        self._under_way: set[Deferred[None]] = set()
        self._idle: list[Deferred[None]] = []

    def manage_streams(self) -> StreamManagement:
        """Offer stream management; gives the feature."""
        self.management = StreamManagement(self.managed, self.router)
        self.features = [*self.features, self.management]
        return self.management

    def _waits(self, session: ManagedSession, waits: bool) -> None:
        if waits:
            self.open.add(session)
        else:
            self.open.discard(session)

    def password_changed(self, event: PasswordChanged) -> None:
        """End the streams that the old password opened, signed in to a resource or not."""
        for stream in tuple(self.open):
            if stream.account is not None and stream.account.id == event.account_id:
                stream.close("reset", "The password was changed.")  # RFC 6120 4.9.3.16

    def web_sessions_ended(self, event: WebSessionsEnded) -> None:
        """End the streams that pages of these browser sessions opened."""
        for stream in tuple(self.open):
            if stream.web_session in event.token_hashes:
                stream.close("reset", "The browser signed out.")

    def end_all(self) -> None:
        """End all streams; for the end of the server."""
        for stream in tuple(self.open):
            stream.close("system-shutdown", "The server is being stopped.")

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
