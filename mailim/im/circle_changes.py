"""Colleagues come and go while people are connected: pushes and presence for it.

`AccountsChanged` is a hint that something may be different. A moment later, so that a
hundred imported accounts are one change, each domain's circle is compared with the one its
people were told of.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mailim.background import spawn
from mailim.events import AccountsChanged, Events
from mailim.im.colleagues import NOBODY, Circle, Colleagues
from mailim.im.roster import Roster, Rosters
from mailim.im.sessions import Sessions
from mailim.im.visibility import Visibility, unavailable
from mailim.interfaces.im import Session
from mailim.wire.jid import JID
from mailim.wire.xml import Copies


class CircleChanges:
    """Tells connected people of new, renamed and gone colleagues.

    delay: seconds from a change until people are told.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        events: Events,
        sessions: Sessions,
        colleagues: Colleagues,
        rosters: Rosters,
        visibility: Visibility,
        *,
        delay: float = 0.2,
    ) -> None:
        self._clock = clock
        self._sessions = sessions
        self._colleagues = colleagues
        self._rosters = rosters
        self._visibility = visibility
        self._delay = delay
        self._told: dict[str, Circle] = {}
        self._soon: IDelayedCall | None = None
        self._stopped = False
        self.comparing: Deferred[None] = succeed(None)
        """Fires when what is under way has been told."""
        events.subscribe(AccountsChanged, self._changed)

    async def arrived(self, session: Session) -> None:
        """Remember what the first person of a domain is told."""
        domain = session.account.domain
        if domain not in self._told:
            self._told[domain] = await self._colleagues.circle(domain)

    async def compare(self) -> None:
        """Tell people what has changed since they were told last."""
        by_domain: dict[str, dict[JID, list[Session]]] = {}
        for session in self._sessions.all():
            of_domain = by_domain.setdefault(session.account.domain, {})
            of_domain.setdefault(session.jid.bare, []).append(session)
        for domain in set(self._told) - set(by_domain):
            del self._told[domain]  # nobody is there to be told
        for domain, people in by_domain.items():
            now = await self._colleagues.circle(domain)
            before = self._told.get(domain, now)
            self._told[domain] = now
            if before is not now:
                for person, sessions in people.items():
                    await self._tell(person, sessions, before, now)

    async def _tell(
        self, person: JID, sessions: list[Session], before: Circle, now: Circle
    ) -> None:
        was = before.members if person in before.members else NOBODY.members
        is_ = now.members if person in now.members else NOBODY.members
        changed = [
            contact
            for contact in dict.fromkeys((*was, *is_))
            if contact != person and was.get(contact) != is_.get(contact)
        ]
        roster = await self._rosters.of(sessions[0].account)
        for session in sessions:
            if session.interested:
                self._push(session, roster, changed)
        for contact in changed:
            if contact not in was and roster.receives_from(contact):
                self._visibility.show(contact, person)
            elif contact not in is_ and not roster.receives_from(contact):
                # From the bare JID: all resources (RFC 6121 section 4.5.4), gone ones too.
                self._visibility.tell(Copies(unavailable(contact)), person)

    def _push(self, session: Session, roster: Roster, changed: list[JID]) -> None:
        visible = [c for c in changed if c not in roster.rows or roster.item(c) is not None]
        for place, contact in enumerate(visible, 1):
            more = place < len(visible)
            self._rosters.push_to(session, roster, contact, roster.version, more)

    def stop(self) -> Deferred[None]:
        """Tell nobody any more; fires when what is under way has been told."""
        self._stopped = True
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        return self.comparing

    def _changed(self, _event: AccountsChanged) -> None:
        if not len(self._sessions):
            self._told.clear()  # nobody is there to be told
        elif self._soon is None and not self._stopped:
            self._soon = self._clock.callLater(self._delay, self._compare)

    def _compare(self) -> None:
        self._soon = None
        self.comparing = spawn(self.compare(), "telling of changed colleagues")
