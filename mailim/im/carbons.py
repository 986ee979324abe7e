"""Message carbons (XEP-0280): copies for a user's other clients.

A client switches them on with an IQ, answered by `protocols.xmpp.features`; the switch is
`Session.carbons`.
"""

from __future__ import annotations

from collections.abc import Collection

from mailim.im.sessions import Sessions
from mailim.interfaces.im import Session
from mailim.wire import ns
from mailim.wire.jid import JID
from mailim.wire.xml import Element


class Carbons:
    """Sends the copies; whether a message may be copied is `contents.may_be_copied`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def sent(self, message: Element, sender: Session, others: Collection[Session] = ()) -> None:
        """Show what a client sent to its siblings, except `others` (section 7)."""
        self._copy("sent", message, sender.jid.bare, (sender, *others))

    def received(self, message: Element, account: JID, others: Collection[Session]) -> None:
        """Show what an account received to its clients, except those that got it (section 6)."""
        self._copy("received", message, account, others)

    def _copy(self, name: str, message: Element, account: JID, others: Collection[Session]) -> None:
        copies = [s for s in self._sessions.of(account) if s.carbons and s not in others]
        if not copies:
            return
        forwarded = Element("forwarded", ns.FORWARD, None, message)
        carbon = Element(name, ns.CARBONS, None, forwarded)
        attrs = {"from": str(account), "type": message.get("type", "normal") or "normal"}
        for session in copies:
            session.sink.send(
                Element("message", ns.CLIENT, {**attrs, "to": str(session.jid)}, carbon)
            )
