"""Giving a user the contact list back as the server makes it.

What the user changed about colleagues is forgotten: names, groups, and that somebody was taken
off the list. Contacts the user added and subscriptions between people stay. Clients that are
connected get a roster push for each row, and see the presence of who came back.
"""

from __future__ import annotations

from dataclasses import replace

from mailim.accounts.directory import Directory
from mailim.events import Events
from mailim.im.colleagues import Colleagues
from mailim.im.roster import HIDDEN, Rosters
from mailim.im.sessions import Sessions, account_jid
from mailim.im.visibility import Visibility
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import RosterItem
from mailim.interfaces.store import IStore, ITransaction, Priority
from mailim.wire.jid import JID


class Restoring:
    """Restores contact lists."""

    def __init__(
        self, store: IStore, colleagues: Colleagues, rosters: Rosters, visibility: Visibility
    ) -> None:
        self._store = store
        self._colleagues = colleagues
        self._rosters = rosters
        self._visibility = visibility

    async def restore(self, account: Account) -> int:
        """Restore an account's list; gives how many changes were forgotten.

        Raises `StoreUnavailable`, and has done nothing then.
        """
        circle = await self._colleagues.circle_of(account)
        own = account_jid(account)
        jids = frozenset(str(jid) for jid in circle.members if jid != own)

        def unit(tx: ITransaction) -> tuple[list[RosterItem], list[str]]:
            return _restore(tx, account.id, jids)

        changed, shown_again = await self._store.write(unit, Priority.IM)
        for item in changed:
            await self._rosters.push(account, item)
        for contact in shown_again:
            self._visibility.show(JID.parse(contact), own)
        return len(changed)


def restoring_of_nobody_connected(
    store: IStore, events: Events, directory: Directory, limit: int
) -> Restoring:
    """Give what restores lists while no server runs; `limit` is that of colleagues."""
    sessions, colleagues = Sessions(), Colleagues(directory, limit=limit)
    rosters = Rosters(store, events, sessions, colleagues)
    return Restoring(store, colleagues, rosters, Visibility(sessions))


def _restore(
    tx: ITransaction, account_id: int, jids: frozenset[str]
) -> tuple[list[RosterItem], list[str]]:
    """Forget the changes; gives the changed rows, and which colleagues were hidden."""
    changed: list[RosterItem] = []
    shown_again: list[str] = []
    for item in tx.im.roster(account_id):
        # Only colleagues are ever hidden; one may be disabled today and come back tomorrow.
        if item.jid not in jids and item.subscription != HIDDEN:
            continue
        if item.subscription in (HIDDEN, "none") and not item.ask and not item.approved:
            gone = tx.im.remove_roster_item(account_id, item.jid)
            if gone is not None:
                changed.append(gone)
                if item.subscription == HIDDEN and item.jid in jids:
                    shown_again.append(item.jid)
        elif item.name or item.groups:
            changed.append(tx.im.set_roster_item(account_id, replace(item, name="", groups=())))
    return changed, shown_again
