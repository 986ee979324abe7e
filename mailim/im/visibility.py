"""Presence on its way to clients: who sees whom, once it is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailim.im.sessions import Sessions
from mailim.interfaces.im import Session
from mailim.wire import ns
from mailim.wire.jid import JID
from mailim.wire.xml import Copies, Element

_SHOWN: Final = "mailim.im.visibility"


@dataclass(frozen=True, slots=True)
class _Shown:
    presence: Element
    copies: Copies


class Visibility:
    """Delivers presence to available resources (RFC 6121 sections 4.2.3 to 4.5.3)."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def tell(self, presence: Copies, to: JID) -> int:
        """Deliver presence to a bare or full JID; gives to how many sessions.

        Bare: all available resources (section 8.5.2.1.2). Full: that resource, available or
        only connected (section 8.5.3.1).
        """
        sessions = self._audience(to)
        if sessions:
            addressed = presence.to(str(to))
            leaving = addressed.get("type") == "unavailable"
            for session in sessions:
                session.sink.send(addressed)
                if leaving:
                    self._forget(session, addressed)
        return len(sessions)

    def show(self, of: JID, to: JID) -> None:
        """Send what every available resource of `of` shows to all of `to` (bare JIDs)."""
        for session in self._sessions.available(of):
            self.tell(shown(session), to)

    def hide(self, of: JID, to: JID) -> None:
        """Tell all of `to` that every resource of `of` is unavailable (bare JIDs)."""
        for session in self._sessions.available(of):
            self.tell(Copies(unavailable(session.jid)), to)

    def _audience(self, to: JID) -> tuple[Session, ...]:
        if to.is_bare:
            return self._sessions.available(to)
        session = self._sessions.get(to)
        return (session,) if session is not None else ()

    @staticmethod
    def _forget(session: Session, presence: Element) -> None:
        """Who went away needs no farewell any more (RFC 6121 section 4.6.1)."""
        if session.directed:
            sender = JID.parse(presence.attrs["from"])
            session.directed.discard(sender)


def shown(session: Session) -> Copies:
    """Give what an available session shows, written once however many see it."""
    known = session.marks.get(_SHOWN)
    if isinstance(known, _Shown) and known.presence is session.presence:
        return known.copies
    assert session.presence is not None  # noqa: S101
    made = _Shown(session.presence, Copies(session.presence))
    session.marks[_SHOWN] = made
    return made.copies


def unavailable(jid: JID) -> Element:
    """Give the presence that says a resource went away."""
    return Element("presence", ns.CLIENT, {"type": "unavailable", "from": str(jid)})
