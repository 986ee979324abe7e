"""Presence subscriptions (RFC 6121 section 3): recorded, kept, then told to clients.

Leaf and both rosters change in one transaction (`mailim.im.ties`). Requests wait until they
are answered and are shown again to every client that becomes available.
"""

from __future__ import annotations

from collections.abc import Callable

from mailim.im.errors import StanzaError
from mailim.im.policy import Policy
from mailim.im.roster import Rosters
from mailim.im.sessions import Sessions
from mailim.im.ties import Bounds, Effect, Hide, Outcome, Party, Push, Show, Tell, Ties
from mailim.im.turns import Turn
from mailim.im.visibility import Visibility
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import Session
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import IStore, ITransaction
from mailim.record.entries import Entry
from mailim.record.record import Record
from mailim.wire import ns
from mailim.wire.jid import JID
from mailim.wire.xml import AFTER_AUTH, Element, XmlStreamError, parse_document, serialise

Act = Callable[[Ties, ITransaction], None]


class Subscriptions:
    """Handles subscribe, subscribed, unsubscribe, unsubscribed and the removal of contacts."""

    def __init__(
        self,
        store: IStore,
        record: Record,
        sessions: Sessions,
        policy: Policy,
        rosters: Rosters,
        visibility: Visibility,
        *,
        bounds: Bounds | None = None,
    ) -> None:
        self._store = store
        self._record = record
        self._sessions = sessions
        self._policy = policy
        self._rosters = rosters
        self._visibility = visibility
        self.bounds = bounds or Bounds()

    async def handle(self, session: Session, stanza: Element, to: JID, turn: Turn) -> None:
        """Process a subscription stanza; both addresses are made bare (section 3.1.2)."""
        kind = stanza.attrs["type"]
        own = session.jid.bare
        contact = Party(to.bare, None)
        stanza = stanza.with_attrs({"from": str(own), "to": str(contact.jid)})
        if contact.jid == own:
            raise StanzaError.of("not-allowed", "an account always sees itself")
        error: StanzaError | None = None
        try:
            account = await self._policy.recipient(to)
            if account is not None:
                contact = Party(contact.jid, account.id)
            elif kind == "subscribe":
                error = StanzaError.of("item-not-found", "there is no such account")
        except StanzaError as refusal:
            account, error = None, refusal
        roster = await self._rosters.of(session.account)
        if account is not None and roster.is_colleague(contact.jid):
            await self._recorded(session, stanza, turn, None)
            self._among_colleagues(session, stanza, contact.jid)
            return
        act: Act | None = None
        if error is None:
            me = Party(own, session.account.id)
            act = lambda ties, _tx: ties.send(me, contact, stanza)  # noqa: E731
        outcome, leaf = await self._recorded(session, stanza, turn, act)
        error = error or outcome.error
        if error is not None:
            self._record.disposition(leaf, f"refused: {error.condition}")
            raise error
        await self._perform(outcome.effects, session.account, account)

    async def remove(self, session: Session, contact: JID) -> None:
        """Take a contact off the roster of a session's account (section 2.5).

        Raises `StanzaError` item-not-found if it is not on it.
        """
        roster = await self._rosters.of(session.account)
        if roster.item(contact) is None:
            raise StanzaError.of("item-not-found", "there is no such contact")
        account = None
        try:
            account = await self._policy.recipient(contact)
        except StanzaError:
            pass  # out of reach: only our side is left to change
        me = Party(session.jid.bare, session.account.id)
        other = Party(contact, account.id if account is not None else None)
        hide = roster.is_colleague(contact)
        outcome = Outcome()

        def unit(tx: ITransaction, _leaf: Leaf) -> None:
            ties = Ties(tx, self.bounds)
            ties.remove(me, other, hide)
            outcome.effects = ties.effects

        entry = Entry(
            kind="subscription",
            sender=str(me.jid),
            recipient=str(contact),
            details={"type": "remove", "from": str(session.jid)},
        )
        await self._record.append(entry, unit)
        await self._perform(outcome.effects, session.account, account)

    async def remind(self, session: Session) -> None:
        """Send the requests that wait for an answer to a new available resource (3.1.3)."""
        account_id = session.account.id
        waiting = await self._store.read(lambda tx: dict(tx.im.requests(account_id)))
        for data in waiting.values():
            try:
                session.sink.send(parse_document(data, AFTER_AUTH))
            except XmlStreamError:  # written under higher limits than today's
                continue

    async def _recorded(
        self, session: Session, stanza: Element, turn: Turn, act: Act | None
    ) -> tuple[Outcome, Leaf]:
        """Write the leaf and, in its transaction, what `act` does."""
        outcome = Outcome()

        def unit(tx: ITransaction, _leaf: Leaf) -> None:
            ties = Ties(tx, self.bounds)
            try:
                act(ties, tx)  # type: ignore[misc]
            except StanzaError as error:  # the attempt stays on record
                outcome.error = error
            else:
                outcome.effects = ties.effects

        entry = Entry(
            kind="subscription",
            sender=stanza.attrs["from"],
            recipient=stanza.attrs["to"],
            stanza=serialise(stanza, ""),
            details={"type": stanza.attrs["type"], "from": str(session.jid)},
        )
        leaf = await turn.durable(self._record.append(entry, unit if act else None))
        return outcome, leaf

    def _among_colleagues(self, session: Session, stanza: Element, contact: JID) -> None:
        """Colleagues have a mutual subscription nobody can end; a request is granted."""
        if stanza.get("type") == "subscribe":
            attrs = {"type": "subscribed", "from": str(contact), "to": str(session.jid.bare)}
            session.sink.send(Element("presence", ns.CLIENT, attrs))
            self._visibility.show(contact, session.jid.bare)

    async def _perform(self, effects: list[Effect], *accounts: Account | None) -> None:
        """Let clients see what was committed, in order."""
        by_id = {account.id: account for account in accounts if account is not None}
        for effect in effects:
            if isinstance(effect, Push):
                await self._rosters.push(by_id[effect.owner.account_id], effect.item)  # type: ignore[index]
            elif isinstance(effect, Tell):
                self._tell(effect)
            elif isinstance(effect, Show):
                self._visibility.show(effect.of, effect.to)
            elif isinstance(effect, Hide):
                self._visibility.hide(effect.of, effect.to)

    def _tell(self, effect: Tell) -> None:
        request = effect.stanza.get("type") == "subscribe"
        for session in self._sessions.of(effect.owner.jid):
            if session.available if request else session.interested:
                session.sink.send(effect.stanza)
