"""Rosters as they are seen: the rows a user made, laid over the colleagues.

What the store keeps of a colleague is only what the user changed: its name, its groups, a
subscription of its own, or that it was taken off the list (subscription "hidden", a value
no client ever sees). `mailim.im.restoring` forgets these changes.

Rosters are cached for whoever was active lately; `RosterChanged`, published with each commit,
drops an entry. A roster push always tells what holds now, so pushes caused by different
people may overtake each other without harm.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mailim.events import Events, RosterChanged
from mailim.im.colleagues import Circle, Colleagues
from mailim.im.sessions import Sessions, account_jid
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import RosterItem, Session
from mailim.interfaces.store import IStore, ITransaction
from mailim.wire import ns
from mailim.wire.jid import JID, JIDError
from mailim.wire.xml import Element

HIDDEN: Final = "hidden"


@dataclass(frozen=True)
class Roster:
    """One user's roster at one moment; contacts are bare JIDs."""

    owner: JID
    version: int
    rows: Mapping[JID, RosterItem]
    circle: Circle

    def item(self, contact: JID) -> RosterItem | None:
        """Give an item as the user's clients see it; None if it is not listed."""
        row = self.rows.get(contact)
        colleague = None if contact == self.owner else self.circle.members.get(contact)
        if colleague is None:
            return None if row is None or row.subscription == HIDDEN else row
        if row is None:
            return colleague
        if row.subscription == HIDDEN:
            return None
        return replace(
            row,
            name=row.name or colleague.name,
            subscription="both",
            ask=False,
            groups=tuple(dict.fromkeys((*row.groups, *colleague.groups))),
        )

    def listed(self) -> Iterator[RosterItem]:
        """Give all items as the user's clients see them, own contacts first."""
        for contact in (*self.rows, *(c for c in self.circle.members if c not in self.rows)):
            item = self.item(contact) if contact != self.owner else None
            if item is not None:
                yield item

    def is_colleague(self, contact: JID) -> bool:
        """Tell whether somebody else is in the same circle."""
        return contact != self.owner and contact in self.circle.members

    def sends_to(self, contact: JID) -> bool:
        """Tell whether a contact may see the user's presence (from or both)."""
        row = self.rows.get(contact)
        if row is not None and row.subscription in ("from", "both"):
            return True
        return self.is_colleague(contact)

    def receives_from(self, contact: JID) -> bool:
        """Tell whether the user wants a contact's presence (to or both)."""
        row = self.rows.get(contact)
        if row is not None and row.subscription in ("to", "both"):
            return True
        return self.is_colleague(contact) and (row is None or row.subscription != HIDDEN)

    def subscribers(self) -> Iterator[JID]:
        """Give who sees the user's presence."""
        yield from (c for c in self._contacts() if self.sends_to(c))

    def subscriptions(self) -> Iterator[JID]:
        """Give whose presence the user sees."""
        yield from (c for c in self._contacts() if self.receives_from(c))

    def ver(self, version: int) -> str:
        """Give the opaque version of RFC 6121 section 2.6 for a version of the rows."""
        return f"{version}-{self.circle.fingerprint}"

    def _contacts(self) -> Iterator[JID]:
        yield from self.rows
        yield from (c for c in self.circle.members if c not in self.rows and c != self.owner)


@dataclass(eq=False, slots=True)
class _Reading:
    """A roster on its way from the store."""

    account_id: int
    stale: bool = True


class Rosters:
    """Gives rosters and pushes their changes.

    max_cached: rosters kept in memory.
    """

    def __init__(
        self,
        store: IStore,
        events: Events,
        sessions: Sessions,
        colleagues: Colleagues,
        *,
        max_cached: int = 2000,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._colleagues = colleagues
        self._max = max_cached
        self._cached: OrderedDict[int, tuple[int, Mapping[JID, RosterItem]]] = OrderedDict()
        self._readings: set[_Reading] = set()
        self._pushes = 0
        events.subscribe(RosterChanged, self._changed)

    async def of(self, account: Account) -> Roster:
        """Give an account's roster as it is now; raises `StoreUnavailable`."""
        circle = await self._colleagues.circle_of(account)
        version, rows = await self._rows(account.id)
        return Roster(account_jid(account), version, rows, circle)

    def hides(self, account_id: int, contact: JID) -> bool:
        """Tell whether somebody who was active lately took a colleague off the list."""
        known = self._cached.get(account_id)
        row = known[1].get(contact) if known is not None else None
        return row is not None and row.subscription == HIDDEN

    async def changed_since(self, account: Account, version: int) -> list[RosterItem] | None:
        """Give items changed since a version, in order; None if that is not known any more."""
        items = await self._store.read(lambda tx: tx.im.roster_since(account.id, version))
        return None if items is None else sorted(items, key=lambda item: item.version)

    async def push(self, account: Account, change: RosterItem) -> None:
        """Push a changed item to the account's interested resources (RFC 6121 2.1.6).

        What is pushed is what holds now; nothing if a later change will be pushed itself.
        """
        sessions = [s for s in self._sessions.of(account_jid(account)) if s.interested]
        if not sessions:
            return
        roster = await self.of(account)
        contact = JID.parse(change.jid)
        row = roster.rows.get(contact)
        if row is not None and row.version > change.version:
            return
        for session in sessions:
            self.push_to(session, roster, contact, change.version)

    async def _rows(self, account_id: int) -> tuple[int, Mapping[JID, RosterItem]]:
        known = self._cached.get(account_id)
        if known is not None:
            self._cached.move_to_end(account_id)
            return known
        reading = _Reading(account_id)
        self._readings.add(reading)
        try:
            while reading.stale:  # what is read may be from before a change
                reading.stale = False
                rows = await self._store.read(lambda tx: _read(tx, account_id))
        finally:
            self._readings.discard(reading)
        self._cached[account_id] = rows
        if len(self._cached) > self._max:
            self._cached.popitem(last=False)
        return rows

    def _changed(self, event: RosterChanged) -> None:
        self._cached.pop(event.account_id, None)
        for reading in self._readings:
            if reading.account_id == event.account_id:
                reading.stale = True

    def push_to(
        self, session: Session, roster: Roster, contact: JID, version: int, more: bool = False
    ) -> None:
        """Push to one client what its roster says of one contact.

        more: another push has to follow before the client's copy has this version.
        """
        self._pushes += 1
        item = roster.item(contact)
        if item is None:
            below = Element("item", ns.ROSTER, {"jid": str(contact), "subscription": "remove"})
        else:
            below = item_element(item)
        ver = roster.ver(version) + "+" * more
        query = Element("query", ns.ROSTER, {"ver": ver}, below)
        attrs = {"type": "set", "id": f"push{self._pushes}", "to": str(session.jid)}
        session.sink.send(Element("iq", ns.CLIENT, attrs, query))


def item_element(item: RosterItem) -> Element:
    """Give a roster item as RFC 6121 section 2.1.2 writes it."""
    attrs = {"jid": item.jid, "subscription": item.subscription}
    if item.name:
        attrs["name"] = item.name
    if item.ask:
        attrs["ask"] = "subscribe"
    if item.approved:
        attrs["approved"] = "true"
    groups = [Element("group", ns.ROSTER, None, group) for group in item.groups]
    return Element("item", ns.ROSTER, attrs, *groups)


def _read(tx: ITransaction, account_id: int) -> tuple[int, Mapping[JID, RosterItem]]:
    rows: dict[JID, RosterItem] = {}
    for item in tx.im.roster(account_id):
        try:
            rows[JID.parse(item.jid)] = item
        except JIDError:  # written by an older stringprep; it cannot be addressed any more
            continue
    return tx.im.roster_version(account_id), rows
