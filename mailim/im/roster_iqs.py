"""Roster get and set (RFC 6121 sections 2.1 to 2.6), for an account's own clients.

The version a client gets is that of the rows and a fingerprint of the colleagues; while the
colleagues are the same, only what changed since is pushed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from zope.interface import implementer

from mailim.im.errors import StanzaError, result
from mailim.im.roster import HIDDEN, Rosters, item_element
from mailim.im.sessions import canonical
from mailim.im.subscriptions import Subscriptions
from mailim.im.ties import check_size
from mailim.im.visibility import Visibility
from mailim.interfaces.im import IFeature, IqAnswer, IqRoute, RosterItem, Session
from mailim.interfaces.store import IStore, ITransaction, Priority
from mailim.wire import ns
from mailim.wire.jid import JID, JIDError
from mailim.wire.xml import Element

_VERSION: Final = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class RosterLimits:
    """name and group: characters. groups: of one contact."""

    name: int = 1023
    group: int = 1023
    groups: int = 50


@implementer(IFeature)
class RosterIqs:
    """Answers roster IQs; advertises versioning and pre-approval."""

    server_features: tuple[str, ...] = ()
    account_features: tuple[str, ...] = ()
    stream_features = (
        Element("ver", ns.ROSTER_VERSIONING),
        Element("sub", ns.PRE_APPROVAL),
    )

    def __init__(
        self,
        store: IStore,
        rosters: Rosters,
        subscriptions: Subscriptions,
        visibility: Visibility,
        *,
        limits: RosterLimits | None = None,
    ) -> None:
        self._store = store
        self._rosters = rosters
        self._subscriptions = subscriptions
        self._visibility = visibility
        self._limits = limits or RosterLimits()

    def routes(self) -> Mapping[IqRoute, IqAnswer]:
        """Give the IQs it answers."""
        return {
            IqRoute("get", "account", "query", ns.ROSTER): self._get,
            IqRoute("set", "account", "query", ns.ROSTER): self._set,
        }

    async def _get(self, session: Session, iq: Element) -> Sequence[Element] | None:
        query = _query(iq)
        if next(query.elements(), None) is not None:
            raise StanzaError.of("bad-request", "a roster get is empty")
        session.interested = True  # before reading: no change may slip between
        ver = query.get("ver")
        changed = await self._changed_since(session, ver) if ver else None
        roster = await self._rosters.of(session.account)
        if changed is not None:
            session.sink.send(result(iq))
            for item in changed:  # interim pushes, section 2.6.3
                self._rosters.push_to(session, roster, JID.parse(item.jid), item.version)
            return None
        items = (item_element(item) for item in roster.listed())
        return (Element("query", ns.ROSTER, {"ver": roster.ver(roster.version)}, *items),)

    async def _changed_since(self, session: Session, ver: str) -> list[RosterItem] | None:
        """Give what changed since a version a client has; None if that is unknown."""
        version, _, fingerprint = ver.partition("-")
        roster = await self._rosters.of(session.account)
        if fingerprint != roster.circle.fingerprint or not _VERSION.fullmatch(version):
            return None
        return await self._rosters.changed_since(session.account, int(version))

    async def _set(self, session: Session, iq: Element) -> Sequence[Element]:
        items = tuple(_query(iq).elements())
        if len(items) != 1 or items[0].name != "item" or items[0].ns != ns.ROSTER:
            raise StanzaError.of("bad-request", "a roster set holds one item")
        contact = _contact(items[0])
        if items[0].get("subscription") == "remove":
            await self._subscriptions.remove(session, contact)
            return ()
        if contact == session.jid.bare:
            raise StanzaError.of("not-allowed", "an account is not its own contact")
        name, groups = self._checked(items[0])
        roster = await self._rosters.of(session.account)
        if roster.is_colleague(contact):  # the automatic group is not the user's
            automatic = roster.circle.members[contact].groups
            groups = tuple(group for group in groups if group not in automatic)
        account_id, limit = session.account.id, self._subscriptions.bounds.items

        def unit(tx: ITransaction) -> tuple[RosterItem, bool]:
            known = tx.im.roster_item(account_id, str(contact))
            hidden = known is not None and known.subscription == HIDDEN
            if known is None:
                check_size(tx, account_id, limit)
                known = RosterItem(jid=str(contact))
            elif hidden:
                known = replace(known, subscription="none")
            known = replace(known, name=name, groups=groups)
            return tx.im.set_roster_item(account_id, known), hidden

        item, was_hidden = await self._store.write(unit, Priority.IM)
        await self._rosters.push(session.account, item)
        if was_hidden and roster.is_colleague(contact):
            self._visibility.show(contact, session.jid.bare)
        return ()

    def _checked(self, item: Element) -> tuple[str, tuple[str, ...]]:
        """Give name and groups of a set (section 2.3.3)."""
        limits = self._limits
        name = item.get("name") or ""
        groups = [group.text for group in item.elements("group", ns.ROSTER)]
        if len(name) > limits.name:
            raise StanzaError.of("not-acceptable", "the name is too long")
        if any(not group or len(group) > limits.group for group in groups):
            raise StanzaError.of("not-acceptable", "a group's name is empty or too long")
        if len(groups) > limits.groups:
            raise StanzaError.of("not-acceptable", "the contact is in too many groups")
        if len(set(groups)) != len(groups):
            raise StanzaError.of("bad-request", "a group is named twice")
        return name, tuple(groups)


def _query(iq: Element) -> Element:
    query = iq.find("query", ns.ROSTER)
    assert query is not None  # noqa: S101  the route says so
    return query


def _contact(item: Element) -> JID:
    try:
        jid = canonical(JID.parse(item.get("jid") or ""))
    except JIDError as error:
        raise StanzaError.of("jid-malformed", f"{error}") from None
    return jid.bare
