"""Messages that no client sent: administrators, content filters, semaphore files, reminders.

They take the same way as all others: recorded, then delivered, and what became of them is
recorded too. A headline reaches whoever is there; since headlines are never stored
(RFC 6121 section 8.5.2.2.1), one for somebody who is away is kept as a chat message
instead of being lost, also if they leave while its leaf is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Final

from mailim.errors import Invalid, LimitExceeded, NotFound
from mailim.im.contents import message_type
from mailim.im.errors import StanzaError
from mailim.im.messages import Landed, Messages, Passage, Settled, own_shelf
from mailim.im.policy import Policy
from mailim.im.sessions import Sessions, canonical
from mailim.interfaces.accounts import Account
from mailim.interfaces.record import Leaf
from mailim.wire import ns
from mailim.wire.jid import JID, JIDError
from mailim.wire.xml import AFTER_AUTH, Element, XmlStreamError, escape, parse_document

# Of a text as XML: with all around it, the stanza must be readable again.
_MAX_OCTETS: Final = AFTER_AUTH.stanza_bytes - 32 * 1024
KINDS = ("headline", "chat", "normal")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that is on record; `became` is what its disposition says.

    waits: it was sent to clients that have yet to acknowledge it; `settled` is called when
    it is known what became of it.
    """

    leaf: Leaf
    became: str
    waits: bool = False


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
        self.max_characters = max_characters
        self._new_id = new_id

    async def inject(
        self,
        sender: str,
        recipient: str,
        body: str,
        kind: str = "headline",
        origin: str = "admin",
        details: Mapping[str, str] | None = None,
        landed: Landed | None = None,
        settled: Settled | None = None,
    ) -> Sent:
        """Send a text; returns once it is recorded and delivered or kept.

        sender: a JID; a domain alone will do. recipient: the address of a local account.
        origin: who sent it, for the record: admin, filter, semaphore, http, reminder.
        details: what else is recorded. landed, settled: see `mailim.im.messages`.
        Raises `Invalid`, `NotFound` (no such account), `LimitExceeded` (too long; or not
        delivered, and the attempt is on record), `RecordUnavailable` (nothing happened).
        """
        passage = await self._passage(sender, recipient, body, kind)
        passage.details.update({**(details or {}), "origin": origin})
        passage.landed, passage.settled = landed, settled
        leaf = await self._messages.write(passage)
        return await self._deliver(passage, leaf)

    async def inject_again(
        self, leaf: Leaf, landed: Landed | None = None, settled: Settled | None = None
    ) -> Sent:
        """Deliver what is on record, without a second leaf; the stanza keeps its id.

        For what may not have been delivered before a crash: its recipient may get it twice.
        Raises `NotFound` (no such account any more, or the content was erased),
        `LimitExceeded`.
        """
        message = _recorded_stanza(leaf)
        source, to = _jid(message.get("from"), "from"), _jid(message.get("to"), "to")
        account = await self._account(to)
        kind = message_type(message)
        passage = Passage(message, source, to, account, kind, landed=landed, settled=settled)
        passage.ours = True
        passage.shelves = own_shelf(passage)
        return await self._deliver(passage, leaf)

    def check(self, sender: str, body: str) -> None:
        """Raise what `inject` would about a sender or a text, as far as it can be known."""
        if not body.strip():
            raise Invalid("the message is empty", "body")
        if len(body) > self.max_characters or len(escape(body).encode()) > _MAX_OCTETS:
            raise LimitExceeded(f"a message has at most {self.max_characters} characters")
        _jid(sender, "sender")

    async def _deliver(self, passage: Passage, leaf: Leaf) -> Sent:
        self._messages.make_keepable(passage)
        try:
            became = await self._messages.deliver(passage, leaf)
        except StanzaError as error:
            raise LimitExceeded(error.text or "the message cannot be kept") from None
        return Sent(leaf, became, passage.waits)

    async def _passage(self, sender: str, recipient: str, body: str, kind: str) -> Passage:
        if kind not in KINDS:
            raise Invalid(f"the kind is one of {', '.join(KINDS)}", "kind")
        self.check(sender, body)
        source, to = _jid(sender, "sender"), _jid(recipient, "recipient").bare
        account = await self._account(to)
        attrs = {"type": kind, "id": self._new_id(), "from": str(source), "to": str(to)}
        message = Element("message", ns.CLIENT, attrs, Element("body", ns.CLIENT, None, body))
        passage = Passage(message, source, to, account, kind, ours=True)
        passage.shelves = own_shelf(passage)
        self._messages.make_keepable(passage)
        return passage

    async def _account(self, to: JID) -> Account:
        try:
            account = await self._policy.recipient(to)
        except StanzaError as error:
            raise NotFound(error.text) from None
        if account is None:
            raise NotFound("there is no such account")
        return account


def _recorded_stanza(leaf: Leaf) -> Element:
    if leaf.content is None:
        raise NotFound("the content was erased from the record")
    try:
        return parse_document(json.loads(leaf.content)["stanza"].encode(), AFTER_AUTH)
    except (ValueError, KeyError, XmlStreamError):
        raise NotFound("the record holds no message there") from None


def _jid(text: str | None, path: str) -> JID:
    try:
        return canonical(JID.parse(text or ""))
    except JIDError as error:
        raise Invalid(f"not an address: {error}", path) from None
