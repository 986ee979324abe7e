"""Operations on instant messaging: who is connected, ending connections, sending."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any

from mailim.admin.operations import Act
from mailim.errors import Invalid, NotFound, Unavailable
from mailim.im.notice_parts import Outcome
from mailim.im.notices import Notices
from mailim.im.sessions import Sessions
from mailim.interfaces.im import Session
from mailim.interfaces.notices import NewNotice
from mailim.times import iso
from mailim.wire import ns
from mailim.wire.jid import JID, JIDError


class ImActs:
    """Binds `im`; `domain` is whom messages come from when nobody is named; `now` in µs."""

    def __init__(
        self, sessions: Sessions, notices: Notices, domain: str, now: Callable[[], int]
    ) -> None:
        self._sessions = sessions
        self._notices = notices
        self._domain = domain
        self._now = now

    def acts(self) -> Mapping[str, Act]:
        """Give the acts by the names of their operations."""
        return {"im.connections": self.connections, "im.kick": self.kick, "im.send": self.send}

    async def connections(self, _values: dict[str, Any], _actor: str) -> Any:
        """List who is connected, by name."""
        sessions = sorted(self._sessions.all(), key=lambda one: str(one.jid))
        return [_shown(session) for session in sessions]

    async def kick(self, values: dict[str, Any], actor: str) -> Any:
        """End connections; the clients may come back."""
        try:
            jid = JID.parse(values["jid"])
        except JIDError:
            raise Invalid("this is no address", "jid") from None
        one = self._sessions.get(jid) if jid.resource else None
        ended = [one] if one is not None else []
        if not jid.resource:
            ended = [*self._sessions.of(jid)]
        if not ended:
            raise NotFound("nobody is connected under this name")
        for session in ended:
            session.sink.close("policy-violation", "an administrator ended this connection")
        return {"ended": len(ended)}

    async def send(self, values: dict[str, Any], actor: str) -> Any:
        """Send a message, as programs do; gives its number on the record and what became of it."""
        sender, claim = values.get("from", self._domain), f"admin:{token_hex(16)}"
        new = NewNotice(claim, sender, values["to"], values["body"], "admin", self._now())
        outcomes = await self._notices.send(new)
        if not outcomes:
            raise Unavailable("it is written down, and will be sent when that is possible")
        if len(outcomes) > 1:
            return [{"to": one.recipient, **_became(one)} for one in outcomes]
        (outcome,) = outcomes
        if outcome.error is not None:
            raise outcome.error
        return _became(outcome)


def _became(outcome: Outcome) -> dict[str, Any]:
    number = None if outcome.leaf is None else str(outcome.leaf)
    return {"id": number, "became": outcome.text}


def _shown(session: Session) -> dict[str, Any]:
    presence = session.presence
    show = status = None
    if presence is not None:
        found, said = presence.find("show", ns.CLIENT), presence.find("status", ns.CLIENT)
        show = found.text if found is not None else "available"
        status = said.text if said is not None else None
    waits = session.waits_since
    return {
        "jid": str(session.jid),
        "state": "waiting to be resumed" if waits else "connected",
        "waiting_since": iso(waits) if waits else None,
        "address": session.info.peer,
        "since": iso(session.info.since),
        "protocol": session.info.protocol,
        "show": show,
        "status": status,
        "priority": session.priority,
        "tls": session.info.tls,
    }
