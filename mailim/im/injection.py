"""Messages that no client sent: administrators, content filters, semaphore files, reminders.

They take the same way as all others: recorded, then delivered, and what became of them is
recorded too. A headline reaches whoever is there; since headlines are never stored
(RFC 6121 section 8.5.2.2.1), one for somebody who is away is kept as a chat message
instead of being lost.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex

from mailim.errors import Invalid, LimitExceeded, NotFound
from mailim.im.archive import Shelf
from mailim.im.contents import may_be_archived
from mailim.im.destination import Fate, destination
from mailim.im.errors import StanzaError
from mailim.im.messages import Messages, Passage
from mailim.im.policy import Policy
from mailim.im.sessions import Sessions, canonical
from mailim.interfaces.record import Leaf
from mailim.wire import ns
from mailim.wire.jid import JID, JIDError
from mailim.wire.xml import Element

KINDS = ("headline", "chat", "normal")


class Injection:
    """The second entrance to the router. max_characters: of one text."""

    def __init__(
        self,
        sessions: Sessions,
        policy: Policy,
        messages: Messages,
        *,
        max_characters: int = 64 * 1024,
        new_id: Callable[[], str] = lambda: token_hex(8),
    ) -> None:
        self._sessions = sessions
        self._policy = policy
        self._messages = messages
        self._max = max_characters
        self._new_id = new_id

    async def inject(
        self, sender: str, recipient: str, body: str, kind: str = "headline", origin: str = "admin"
    ) -> Leaf:
        """Send a text; returns once it is recorded and delivered or kept.

        sender: a JID; a domain alone will do. recipient: the address of a local account.
        origin: who sent it, for the record: admin, filter, semaphore, reminder.
        Raises `Invalid`, `NotFound` (no such account), `LimitExceeded` (nothing was
        delivered; the attempt is on record), `RecordUnavailable` (nothing happened at all).
        """
        passage = await self._passage(sender, recipient, body, kind)
        passage.details["origin"] = origin
        leaf = await self._messages.write(passage)
        try:
            await self._messages.deliver(passage, leaf)
        except StanzaError as error:
            raise LimitExceeded(error.text or "the message cannot be kept") from None
        return leaf

    async def _passage(self, sender: str, recipient: str, body: str, kind: str) -> Passage:
        if kind not in KINDS:
            raise Invalid(f"the kind is one of {', '.join(KINDS)}", "kind")
        if not body.strip():
            raise Invalid("the message is empty", "body")
        if len(body) > self._max:
            raise LimitExceeded(f"a message has at most {self._max} characters")
        source, to = _jid(sender, "sender"), _jid(recipient, "recipient").bare
        try:
            account = await self._policy.recipient(to)
        except StanzaError as error:
            raise NotFound(error.text) from None
        if account is None:
            raise NotFound("there is no such account")
        if kind == "headline":
            where = destination(kind, "", self._sessions.of(to))
            if where.fate is not Fate.DELIVER:
                kind = "chat"
        attrs = {"type": kind, "id": self._new_id(), "from": str(source), "to": str(to)}
        message = Element("message", ns.CLIENT, attrs, Element("body", ns.CLIENT, None, body))
        shelves = (Shelf(account.id, str(source)),) if may_be_archived(message) else ()
        return Passage(message, source, to, account, kind, shelves=shelves)


def _jid(text: str, path: str) -> JID:
    try:
        return canonical(JID.parse(text))
    except JIDError as error:
        raise Invalid(f"not an address: {error}", path) from None
