"""All sessions with stream management: which wait for their clients, how many may, for how long.

A session that ends with something its client never acknowledged gives that back: messages
go where they would have gone without the session, requests are answered with an error.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from secrets import token_urlsafe
from typing import Any, Final

from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailim.background import spawn
from mailim.im.router import Router
from mailim.im.sessions import Sessions, account_jid
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import Session
from mailim.protocols.xmpp.managed import ManagedSession, Sent
from mailim.protocols.xmpp.settings import StreamSettings

_REMEMBERED: Final = 5000  # ended sessions whose counts are told (XEP-0198 section 5)
_AT_ONCE: Final = 50  # stanzas given back side by side
_ID_OCTETS: Final = 24

Begin = Callable[[Coroutine[Any, Any, None], str], None]


class ManagedSessions:
    """Makes, finds and ends them.

    begin: starts work that the end of the server waits for. kept: told of a session that
    waits without a stream (True), and that it no longer does (False).
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        sessions: Sessions,
        router: Router,
        settings: Callable[[], StreamSettings],
        begin: Begin,
        kept: Callable[[ManagedSession, bool], None],
    ) -> None:
        self._clock = clock
        self._sessions = sessions
        self._router = router
        self._settings = settings
        self.begin = begin
        self._kept = kept
        self._all: set[ManagedSession] = set()
        self._known: dict[str, ManagedSession] = {}
        self._asleep: OrderedDict[ManagedSession, None] = OrderedDict()  # the longest first
        self._ended: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self.octets = 0
        """What waits to be acknowledged, of all."""

    def __len__(self) -> int:
        """Give the number of those that wait without a stream."""
        return len(self._asleep)

    # --- for the feature --------------------------------------------------------------------

    def manage(self, session: Session, resume: bool, seconds: float) -> ManagedSession:
        """Give a session its queue. seconds: how long its client would like it to wait."""
        settings = self._settings()
        seconds = min(seconds or settings.resumption_seconds, settings.resumption_seconds)
        id = token_urlsafe(_ID_OCTETS) if resume and seconds > 0 else ""
        managed = ManagedSession(session, self._clock, settings, self, id, seconds)
        self._all.add(managed)
        if id:
            self._known[id] = managed
        session.sink = managed
        return managed

    def find(self, id: str, account: Account) -> ManagedSession | None:
        """Give the session a client may resume."""
        managed = self._known.get(id)
        if managed is None or managed.session.account.id != account.id:
            return None
        return managed

    def count_of(self, id: str, account: Account) -> int | None:
        """Give what was handled of an ended session, if that is still known."""
        account_id, h = self._ended.get(id, (0, 0))
        return h if account_id == account.id else None

    def make_room(self, account: Account) -> None:
        """End what waits longest, if the account may have no more resources."""
        while self._sessions.full(account_jid(account)) and self._end_oldest_of(account):
            pass

    def _end_oldest_of(self, account: Account) -> bool:
        for managed in self._asleep:
            if managed.session.account.id == account.id:
                managed.end("connection lost, and the place was needed")
                return True
        return False

    # --- Books ------------------------------------------------------------------------------

    def weigh(self, octets: int) -> None:
        """So many octets more, or fewer, are not acknowledged."""
        self.octets += octets
        while octets > 0 and self.octets > self._settings().unacknowledged_octets_in_all:
            if not self._relieve():
                return

    def _relieve(self) -> bool:
        """End the session that waits longest, or else that for which most waits."""
        for managed in self._asleep:
            if managed.outgoing.octets:
                managed.end("connection lost, and too much waits to be acknowledged")
                return True
        greatest = max(self._all, key=lambda one: one.outgoing.octets, default=None)
        if greatest is None or not greatest.outgoing.octets:
            return False
        greatest.close("resource-constraint", "Too much waits to be acknowledged.")
        greatest.end("too much waits to be acknowledged")  # if it has not ended by that
        return True

    def asleep(self, managed: ManagedSession) -> None:
        """It has no stream any more."""
        account = managed.session.account
        self._asleep[managed] = None
        self._kept(managed, True)
        self._log.info("{jid} may resume", jid=str(managed.session.jid),
            session=managed.session.id, seconds=managed.seconds)  # fmt: skip
        mine = [one for one in self._asleep if one.session.account.id == account.id]
        if len(mine) > self._settings().resumable_per_account:
            mine[0].end("connection lost, and later ones may resume instead")

    def awake(self, managed: ManagedSession) -> None:
        """It has a stream again."""
        self._asleep.pop(managed, None)
        self._kept(managed, False)

    def over(self, managed: ManagedSession, reason: str) -> None:
        """Unbind it, then let what it never got go elsewhere."""
        self.awake(managed)
        self._all.discard(managed)
        self.begin(self._finish(managed, reason), "ending a session")

    async def _finish(self, managed: ManagedSession, reason: str) -> None:
        # It is unbound at once; what its client sent before may take longer.
        unbound = spawn(self._router.unbound(managed.session, reason), "unbinding a session")
        left = managed.outgoing.clear()
        if left:
            self._log.info("{jid} has not acknowledged {count} stanzas",
                jid=str(managed.session.jid), count=len(left),
                session=managed.session.id)  # fmt: skip
        for start in range(0, len(left), _AT_ONCE):
            some = left[start : start + _AT_ONCE]
            await gatherResults([spawn(self._give_back(one), "giving back") for one in some])
        await unbound
        await managed.handled()  # the last stanza is counted a moment after its effects
        if managed.id:
            del self._known[managed.id]
            self._ended[managed.id] = (managed.session.account.id, managed.incoming.h)
            if len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)

    async def _give_back(self, sent: Sent) -> None:
        if sent.receipt is not None:
            await sent.receipt.failed()
        elif sent.stanza.name == "iq":
            self._router.undelivered(sent.stanza)
