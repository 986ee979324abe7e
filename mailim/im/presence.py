"""Presence (RFC 6121 section 4): who is there, told to those who may know.

A change of status is recorded before anybody sees it; presence that repeats the last type,
show and status (a new avatar hash, for instance) is passed on without a leaf. Directed
presence can carry words to anybody, so it is always recorded.
"""

from __future__ import annotations

from typing import Final

from mailim.im.errors import StanzaError
from mailim.im.offline import Offline
from mailim.im.policy import Policy
from mailim.im.roster import Roster, Rosters
from mailim.im.sessions import Sessions
from mailim.im.states import KINDS
from mailim.im.subscriptions import Subscriptions
from mailim.im.turns import Turn
from mailim.im.visibility import Visibility, shown, unavailable
from mailim.interfaces.im import Session
from mailim.record.entries import Entry
from mailim.record.record import Record
from mailim.wire.jid import JID
from mailim.wire.xml import Copies, Element, serialise

_PRIORITY_CHARACTERS: Final = 5


class Presence:
    """Processes the presence stanzas of sessions, and their end.

    max_octets: largest presence stanza; it is kept for the session and copied to all.
    max_directed: entities one session may send directed presence to.
    """

    def __init__(
        self,
        sessions: Sessions,
        policy: Policy,
        rosters: Rosters,
        visibility: Visibility,
        subscriptions: Subscriptions,
        offline: Offline,
        record: Record,
        *,
        max_octets: int = 16 * 1024,
        max_directed: int = 1000,
    ) -> None:
        self._sessions = sessions
        self._policy = policy
        self._rosters = rosters
        self._visibility = visibility
        self._subscriptions = subscriptions
        self._offline = offline
        self._record = record
        self._max_octets = max_octets
        self._max_directed = max_directed

    async def handle(self, session: Session, stanza: Element, to: JID | None, turn: Turn) -> None:
        """Process a presence stanza; raises `StanzaError`, `RecordUnavailable`."""
        kind = stanza.get("type")
        if kind in KINDS and to is not None:
            await self._subscriptions.handle(session, stanza, to, turn)
        elif kind in (None, "unavailable"):
            if to is not None:
                await self._direct(session, stanza, to, turn)
            elif kind is None:
                await self._broadcast(session, stanza, turn)
            else:
                await self._withdraw(session, stanza, turn)
        elif kind == "probe":
            await turn.ready()
            if to is not None:
                await self._probe(session, stanza, to)
        elif kind == "error":
            await turn.ready()
            if to is not None and to.resource:
                stanza = stanza.with_attrs({"from": str(session.jid)})
                self._visibility.tell(Copies(stanza), to)
        else:  # section 4.7.1
            raise StanzaError.of("bad-request", "this type of presence is not known")

    async def leave(self, session: Session, farewell: Element | None = None) -> None:
        """Tell everybody who saw a session that it is unavailable (section 4.5.2)."""
        copies = Copies(farewell or unavailable(session.jid))
        was_available, session.presence, session.priority = session.available, None, 0
        directed, session.directed = session.directed, set()
        heir = self._sessions.get(session.jid)
        if heir is not None and heir is not session and heir.available:
            return  # the resource was taken over, and has shown itself already
        roster = await self._rosters.of(session.account)
        if was_available:
            self._spread(session, roster, copies)
            if heir is session:
                session.sink.send(copies.to(str(session.jid.bare)))
        for other in directed:
            if not was_available or not roster.sends_to(other.bare):
                self._visibility.tell(copies, other)

    # --- to everybody -------------------------------------------------------------------

    async def _broadcast(self, session: Session, stanza: Element, turn: Turn) -> None:
        """Initial presence and updates (sections 4.2.2 and 4.4.2)."""
        priority = _priority(stanza)
        stanza = stanza.with_attrs({"from": str(session.jid), "to": None})
        data = self._measured(stanza)
        last = session.presence
        if last is None or _status(last) != _status(stanza):
            await turn.durable(self._record.append(_entry(session, stanza, data, "")))
        else:
            await turn.ready()
        roster = await self._rosters.of(session.account)
        first, before = not session.available, session.priority
        session.presence, session.priority = stanza, priority
        self._spread(session, roster, shown(session))
        if first:
            await self._introduce(session, roster)
            await self._subscriptions.remind(session)
        if priority >= 0 and (first or before < 0):
            await self._offline.replay(session)

    def _spread(self, session: Session, roster: Roster, presence: Copies) -> None:
        """Deliver presence to subscribers and to the account's own available resources."""
        own = session.jid.bare
        for contact in roster.subscribers():
            others = self._sessions.available(contact)
            if not others:
                continue
            hidden = roster.is_colleague(contact) and self._rosters.hides(others[0].account.id, own)
            if not hidden:
                self._visibility.tell(presence, contact)
        self._visibility.tell(presence, own)

    async def _introduce(self, session: Session, roster: Roster) -> None:
        """Show a new available resource who is there (section 4.3.1), its siblings too."""
        own = session.jid.bare
        for contact in roster.subscriptions():
            others = self._sessions.available(contact)
            if not others:
                continue
            if not roster.is_colleague(contact):
                theirs = await self._rosters.of(others[0].account)
                if not theirs.sends_to(own):
                    continue
            _show(others, session, own)
        siblings = tuple(s for s in self._sessions.available(own) if s is not session)
        _show(siblings, session, own)

    async def _withdraw(self, session: Session, stanza: Element, turn: Turn) -> None:
        """Unavailable presence (section 4.5.2)."""
        stanza = stanza.with_attrs({"from": str(session.jid), "to": None})
        data = self._measured(stanza)
        if not session.available and not session.directed:
            await turn.ready()
            if not session.available and not session.directed:
                return
        await turn.durable(self._record.append(_entry(session, stanza, data, "")))
        await self.leave(session, stanza)

    # --- to one -------------------------------------------------------------------------

    async def _direct(self, session: Session, stanza: Element, to: JID, turn: Turn) -> None:
        """Directed presence (section 4.6.3)."""
        stanza = stanza.with_attrs({"from": str(session.jid), "to": str(to)})
        data = self._measured(stanza)
        leaving = stanza.get("type") == "unavailable"
        if not leaving and to not in session.directed:
            if len(session.directed) >= self._max_directed:
                raise StanzaError.of("resource-constraint", "too many see this client already")
        refusal: StanzaError | None = None
        exists = False
        try:
            exists = await self._policy.recipient(to) is not None
        except StanzaError as error:
            refusal = error
        entry = _entry(session, stanza, data, str(to.bare))
        leaf = await turn.durable(self._record.append(entry))
        if refusal is not None:
            self._record.disposition(leaf, f"refused: {refusal.condition}")
            raise refusal
        if leaving:
            session.directed.discard(to)
        elif exists:
            session.directed.add(to)
        self._visibility.tell(Copies(stanza), to)

    async def _probe(self, session: Session, stanza: Element, to: JID) -> None:
        """Answer a probe a client sent (sections 4.3.2 and 4.6.6)."""
        own, contact = session.jid.bare, to.bare
        account = await self._policy.recipient(to)
        allowed = contact == own
        if account is not None and not allowed:
            allowed = (await self._rosters.of(account)).sends_to(own)
        present = self._sessions.available(contact)
        if allowed and to.is_bare:
            _show(present, session, own)
        else:
            present = tuple(
                s
                for s in self._sessions.of(contact)
                if (to.is_bare or s.jid == to)
                and ((allowed and s.available) or session.jid in s.directed or own in s.directed)
            )
            for other in present:  # only that it is there, nothing more
                attrs = {"from": str(other.jid), "to": str(own)}
                session.sink.send(Element("presence", stanza.ns, attrs))
        if not present:
            attrs = {"from": str(contact), "to": str(own)}
            attrs["type"] = "unavailable" if allowed else "unsubscribed"
            if "id" in stanza.attrs:
                attrs["id"] = stanza.attrs["id"]
            session.sink.send(Element("presence", stanza.ns, attrs))

    def _measured(self, stanza: Element) -> bytes:
        data = serialise(stanza, "")
        if len(data) > self._max_octets:
            raise StanzaError.of("policy-violation", "the presence stanza is too large")
        return data


def _show(of: tuple[Session, ...], to: Session, own: JID) -> None:
    for other in of:
        to.sink.send(shown(other).to(str(own)))


def _priority(stanza: Element) -> int:
    """Give the priority (section 4.7.2.3); raises `StanzaError` for what is none."""
    element = stanza.find("priority")
    if element is None:
        return 0
    text = element.text.strip()
    try:
        priority = int(text) if len(text) <= _PRIORITY_CHARACTERS else 1000
    except ValueError:
        priority = 1000
    if not -128 <= priority <= 127:
        raise StanzaError.of("bad-request", "a priority is a number from -128 to 127")
    return priority


def _status(presence: Element) -> tuple[str | None, str, tuple[str, ...]]:
    """Give what people would call the status: type, show, status texts."""
    show = presence.find("show")
    texts = tuple(status.text for status in presence.elements("status", presence.ns))
    return presence.get("type"), show.text if show is not None else "", texts


def _entry(session: Session, stanza: Element, data: bytes, recipient: str) -> Entry:
    kind, show, texts = _status(stanza)
    return Entry(
        kind="presence",
        sender=str(session.jid.bare),
        recipient=recipient,
        body="\n".join(texts),
        stanza=data,
        details={"from": str(session.jid), "type": kind or "available", "show": show},
    )
