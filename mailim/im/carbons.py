"""Message carbons (XEP-0280): copies for a user's other clients.

A client switches them on with an IQ, answered by `protocols.xmpp.features`; the switch is
`Session.carbons`.
"""

from __future__ import annotations

from collections.abc import Collection

from mailim.im.contents import may_be_copied
from mailim.im.deliveries import Delivery
from mailim.im.sessions import Sessions
from mailim.interfaces.im import Session
from mailim.wire import ns
from mailim.wire.jid import JID
from mailim.wire.xml import Element


class Carbons:
    """Finds who wants copies, and sends them."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def watchers(self, account: JID, others: Collection[Session]) -> list[Session]:
        """Give an account's clients that want copies, except those that have the original.

        Most people have one client, so this is asked before anything is made.
        """
        return [s for s in self._sessions.of(account) if s.carbons and s not in others]

    def copy(
        self,
        direction: str,
        message: Element,
        account: JID,
        to: list[Session],
        delivery: Delivery | None = None,
    ) -> None:
        """Send copies (sections 6 and 7), if this message may be copied.

        direction: "sent" or "received". delivery: told which of them arrived.
        """
        if not may_be_copied(message):
            return
        forwarded = Element("forwarded", ns.FORWARD, None, message)
        carbon = Element(direction, ns.CARBONS, None, forwarded)
        attrs = {"from": str(account), "type": message.get("type", "normal") or "normal"}
        for session in to:
            copy = Element("message", ns.CLIENT, {**attrs, "to": str(session.jid)}, carbon)
            session.sink.send(copy, delivery.copy_to(session) if delivery is not None else None)
