"""The automatic contact list: everybody of a domain sees everybody, in the group Colleagues.

Members are the enabled and published accounts of a domain, the oldest first, up to a limit;
who is beyond it is in no list and has none. So a new account never pushes out an old one.
Nothing of this is stored: it is computed from the directory and laid over what the user's
own roster says (see `mailim.im.roster`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.logger import Logger

from mailim.accounts.directory import Directory
from mailim.im.sessions import account_jid
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import RosterItem
from mailim.wire.jid import JID, JIDError


@dataclass(frozen=True)
class Circle:
    """The colleagues of a domain; `fingerprint` changes with anything in it."""

    members: Mapping[JID, RosterItem] = field(default_factory=dict)
    fingerprint: str = ""


NOBODY = Circle()


class Colleagues:
    """Computes the circle of each domain, once per change of the directory.

    limit: members of a circle; 0 turns colleagues off. group: the roster group's name.
    """

    _log = Logger()

    def __init__(
        self, directory: Directory, *, limit: int = 300, group: str = "Colleagues"
    ) -> None:
        self._directory = directory
        self.limit = limit
        self.group = group
        self._circles: dict[str, tuple[int, tuple[Account, ...], Circle]] = {}
        self._exceeded: dict[str, int] = {}

    def latest(self, domain: str) -> Circle:
        """Give the circle that was computed last, without looking for changes."""
        known = self._circles.get(domain)
        return known[2] if known else NOBODY

    async def circle(self, domain: str) -> Circle:
        """Give the circle of a domain."""
        if not self.limit:
            return NOBODY
        generation = self._directory.generation
        known = self._circles.get(domain)
        if known is not None and known[0] == generation:
            return known[2]
        accounts = await self._directory.colleagues(domain)
        if known is not None and known[1] == accounts:
            circle = known[2]
        else:
            circle = self._compute(domain, accounts)
        if await self._directory.is_local(domain):  # bounded by the number of domains
            self._circles[domain] = (generation, accounts, circle)
        return circle

    async def circle_of(self, account: Account) -> Circle:
        """Give the circle an account is in; an empty one if it is in none."""
        circle = await self.circle(account.domain)
        return circle if account_jid(account) in circle.members else NOBODY

    def _compute(self, domain: str, accounts: tuple[Account, ...]) -> Circle:
        oldest = sorted(accounts, key=lambda account: account.id)[: self.limit]
        self._warn(domain, len(accounts))
        members: dict[JID, RosterItem] = {}
        digest = hashlib.sha256(self.group.encode())
        for account in sorted(oldest, key=lambda account: account.address):
            try:
                jid = account_jid(account)
            except JIDError:
                self._log.warn("{address} cannot be a JID", address=account.address)
                continue
            name = account.name or account.local
            members[jid] = RosterItem(
                jid=str(jid), name=name, subscription="both", groups=(self.group,)
            )
            digest.update(f"\0{jid}\0{name}".encode())
        return Circle(members, digest.hexdigest()[:12]) if members else NOBODY

    def _warn(self, domain: str, count: int) -> None:
        """Say once that accounts are beyond the limit, and again only if the number changes."""
        if count <= self.limit:
            self._exceeded.pop(domain, None)
        elif self._exceeded.get(domain) != count:
            self._exceeded[domain] = count
            self._log.warn(
                "{domain} has {count} accounts to be colleagues, {beyond} more than the limit "
                "of {limit}: those are in no list",
                domain=domain,
                count=count,
                beyond=count - self.limit,
                limit=self.limit,
            )
