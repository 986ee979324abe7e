"""What a subscription stanza does to both rosters, in the transaction of its leaf.

RFC 6121 section 3 describes two servers, each keeping one side. When both people are ours,
both sides are kept in one unit, so they cannot come apart. The unit runs in the store's
thread and touches nothing but the transaction; it gives a list of effects, which
`mailim.im.subscriptions` has on clients once all is durable.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mailim.im.errors import StanzaError
from mailim.im.roster import HIDDEN
from mailim.im.states import State, received, sent
from mailim.interfaces.im import RosterItem
from mailim.interfaces.store import ITransaction
from mailim.wire import ns
from mailim.wire.jid import JID
from mailim.wire.xml import Element, serialise


@dataclass(frozen=True, slots=True)
class Party:
    """One side; `account_id` is None for somebody who is not ours (or not any more)."""

    jid: JID
    account_id: int | None


@dataclass(frozen=True, slots=True)
class Push:
    """A roster item changed: to the owner's interested resources."""

    owner: Party
    item: RosterItem


@dataclass(frozen=True, slots=True)
class Tell:
    """A subscription stanza came for the owner.

    Requests go to available resources, the rest to interested ones (RFC 6121 3.1.3, 3.1.6).
    """

    owner: Party
    stanza: Element


@dataclass(frozen=True, slots=True)
class Show:
    """`to` may see `of` from now on."""

    of: JID
    to: JID


@dataclass(frozen=True, slots=True)
class Hide:
    """`to` may not see `of` any more."""

    of: JID
    to: JID


Effect = Push | Tell | Show | Hide


@dataclass(frozen=True, slots=True)
class Bounds:
    """items: contacts of one account. requests: unanswered ones waiting for one account."""

    items: int = 1000
    requests: int = 1000


class Ties:
    """Both sides of one relation, within one transaction."""

    def __init__(self, tx: ITransaction, bounds: Bounds) -> None:
        self._tx = tx
        self._bounds = bounds
        self.effects: list[Effect] = []

    def send(self, sender: Party, contact: Party, stanza: Element) -> None:
        """Do what a subscription stanza of `sender`, from and to bare JIDs, does.

        Raises `StanzaError` beyond a limit; nothing was changed then.
        """
        kind = stanza.attrs["type"]
        before = self._state(sender, contact.jid)
        after, route = sent(kind, before)
        self._check(kind, sender, contact, after)
        if before.from_ and not after.from_:
            self.effects.append(Hide(sender.jid, contact.jid))  # section 3.2.2: before the rest
        self._save(sender, contact.jid, before, after)
        if route:
            self._receive(contact, sender, stanza)
        if after.from_ and not before.from_:
            self.effects.append(Show(sender.jid, contact.jid))  # section 3.1.5

    def remove(self, owner: Party, contact: Party, hide: bool) -> None:
        """Take a contact off the roster, ending what ties there are (section 2.5.2).

        hide: the contact is a colleague and must not come back by itself.
        """
        assert owner.account_id is not None  # noqa: S101
        before = self._state(owner, contact.jid)
        if before.from_:
            self.effects.append(Hide(owner.jid, contact.jid))
        gone = self._tx.im.remove_roster_item(owner.account_id, str(contact.jid))
        if hide:
            item = RosterItem(jid=str(contact.jid), subscription=HIDDEN)
            gone = self._tx.im.set_roster_item(owner.account_id, item)
        if gone is not None:
            self.effects.append(Push(owner, gone))
        if hide:
            self.effects.append(Hide(contact.jid, owner.jid))
        if before.to or before.asked:
            self._receive(contact, owner, _presence("unsubscribe", owner, contact))
        if before.from_:
            self._receive(contact, owner, _presence("unsubscribed", owner, contact))

    def _receive(self, owner: Party, sender: Party, stanza: Element) -> None:
        if owner.account_id is None:
            return
        kind = stanza.attrs["type"]
        before = self._state(owner, sender.jid)
        after, deliver, reply = received(kind, before)
        if deliver:
            self.effects.append(Tell(owner, stanza))
        self._save(owner, sender.jid, before, after, stanza)
        if before.from_ and not after.from_:
            self.effects.append(Hide(owner.jid, sender.jid))  # section 3.3.3
        if reply:
            self._receive(sender, owner, _presence(reply, owner, sender))
        if reply == "subscribed":
            self.effects.append(Show(owner.jid, sender.jid))

    def _state(self, owner: Party, other: JID) -> State:
        if owner.account_id is None:
            return State()
        item = self._tx.im.roster_item(owner.account_id, str(other))
        requested = str(other) in self._tx.im.requests(owner.account_id)
        if item is None:
            return State(requested=requested)
        return State.of(item.subscription, item.ask, requested, item.approved)

    def _check(self, kind: str, sender: Party, contact: Party, after: State) -> None:
        """Refuse what would go beyond a limit."""
        assert sender.account_id is not None  # noqa: S101
        grows = after.subscription != "none" or after.asked or after.approved
        if grows and self._tx.im.roster_item(sender.account_id, str(contact.jid)) is None:
            check_size(self._tx, sender.account_id, self._bounds.items)
        if kind == "subscribe" and contact.account_id is not None:
            waiting = self._tx.im.requests(contact.account_id)
            if len(waiting) >= self._bounds.requests and str(sender.jid) not in waiting:
                raise StanzaError.of("resource-constraint", "too many requests are waiting there")

    def _save(
        self, owner: Party, other: JID, before: State, after: State, stanza: Element | None = None
    ) -> None:
        if owner.account_id is None or before == after:
            return
        if before.requested and not after.requested:
            self._tx.im.remove_request(owner.account_id, str(other))
        elif after.requested and not before.requested and stanza is not None:
            self._tx.im.add_request(owner.account_id, str(other), serialise(stanza, ""))
        if replace(before, requested=False) == replace(after, requested=False):
            return
        known = self._tx.im.roster_item(owner.account_id, str(other))
        item = replace(
            known or RosterItem(jid=str(other)),
            subscription=after.subscription,
            ask=after.asked,
            approved=after.approved,
        )
        self.effects.append(Push(owner, self._tx.im.set_roster_item(owner.account_id, item)))


@dataclass(slots=True)
class Outcome:
    """What a unit left behind for the reactor's thread."""

    effects: list[Effect] = field(default_factory=list)
    error: StanzaError | None = None


def check_size(tx: ITransaction, account_id: int, limit: int) -> None:
    """Refuse one more contact than the limit."""
    if tx.im.roster_size(account_id) >= limit:
        raise StanzaError.of("policy-violation", f"a roster holds at most {limit} contacts")


def _presence(kind: str, sender: Party, recipient: Party) -> Element:
    attrs = {"type": kind, "from": str(sender.jid), "to": str(recipient.jid)}
    return Element("presence", ns.CLIENT, attrs)
