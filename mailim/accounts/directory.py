"""The directory: who and what the local addresses are, cached for all protocols at once.

Everything is read from the store when first asked for, and forgotten at the first
`AccountsChanged`: a change takes effect for every protocol with its commit. Addresses are
normalised here, so what a user typed may be asked for as it is.

An address that is no account, alias or group means, in this order:
`user+tag@domain` what `user@domain` means (subaddressing as in RFC 5233);
`postmaster@domain` the domain's first administrator, or the server's (RFC 5321 4.5.1).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from twisted.logger import Logger

from mailim.accounts.recent import Recent
from mailim.address import Address, normal_domain, parse_address
from mailim.errors import Invalid, LimitExceeded
from mailim.events import AccountsChanged, Events
from mailim.interfaces.accounts import Account
from mailim.interfaces.store import IStore, ITransaction

MAX_DEPTH = 10  # aliases and groups followed one behind the other
_LOAD_AT_ONCE = 500  # addresses read in one unit


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one local address is."""

    account: Account | None = None
    targets: tuple[str, ...] | None = None  # of an alias or group


class Directory:
    """The one cache of accounts, domains, aliases and groups.

    max_entries: addresses and accounts kept.
    max_unknown: local addresses kept that are known to be nothing.
    max_recipients: addresses one address may stand for.
    """

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        events: Events,
        *,
        max_entries: int = 10_000,
        max_unknown: int = 2_000,
        max_recipients: int = 10_000,
    ) -> None:
        self._store = store
        self._max_recipients = max_recipients
        self.generation = 0
        """Counts changes: what was derived from the directory at another number is stale."""
        self._entries: Recent[str, _Entry] = Recent(max_entries)
        self._unknown: Recent[str, _Entry] = Recent(max_unknown)
        self._by_id: Recent[int, Account] = Recent(max_entries)
        self._domains: frozenset[str] | None = None
        self._colleagues: dict[str, tuple[Account, ...]] = {}
        self._postmasters: dict[str, tuple[str, ...]] = {}
        events.subscribe(AccountsChanged, self._changed)

    async def find(self, address: str) -> Account | None:
        """Find an account by its address; aliases are not followed."""
        known = self._entries.get(address)
        if known is not None:
            return known.account
        try:
            parsed = parse_address(address)
        except Invalid:
            return None
        if parsed.domain not in await self.domains():
            return None
        name = str(parsed)
        return (await self._look_up([name]))[name].account

    async def get(self, account_id: int) -> Account | None:
        """Find an account by its id."""
        known = self._by_id.get(account_id)
        if known is not None:
            return known
        generation = self.generation
        account = await self._store.read(lambda tx: tx.accounts.get(account_id))
        if account is not None and generation == self.generation:
            self._by_id.put(account_id, account)
        return account

    async def domains(self) -> frozenset[str]:
        """Give the names of the hosted domains."""
        if self._domains is not None:
            return self._domains
        generation = self.generation
        rows = await self._store.read(lambda tx: tx.accounts.domains())
        domains = frozenset(row.name for row in rows)
        if generation == self.generation:
            self._domains = domains
        return domains

    async def is_local(self, domain: str) -> bool:
        """Tell whether a domain is hosted here."""
        domains = await self.domains()
        if domain in domains:
            return True
        try:
            return normal_domain(domain) in domains
        except Invalid:
            return False

    async def colleagues(self, domain: str) -> tuple[Account, ...]:
        """Give the enabled and published accounts of a domain, by address."""
        known = self._colleagues.get(domain)
        if known is not None:
            return known
        generation = self.generation
        rows = await self._store.read(lambda tx: tx.accounts.list(domain))
        found = tuple(row for row in rows if row.enabled and row.published)
        if generation == self.generation and domain in await self.domains():
            self._colleagues[domain] = found  # bounded by the number of domains
        return found

    async def resolve(self, address: str) -> tuple[str, ...] | None:
        """Give the account addresses and outside addresses an address stands for.

        None: a local address that is nothing (or a malformed one). An empty group gives an
        empty tuple. Members that are nothing are left out, loops are cut. Raises
        `LimitExceeded` if it would be too many.
        """
        try:
            waiting = [str(parse_address(address))]
        except Invalid:
            return None
        found: dict[str, None] = {}
        seen: set[str] = set()
        anything = False
        for _ in range(MAX_DEPTH + 1):
            step = [name for name in dict.fromkeys(waiting) if name not in seen]
            seen.update(step)
            waiting = []
            for name, targets in await self._meanings(step):
                if targets is None:
                    found[name] = None
                else:
                    waiting += targets
                    anything = anything or not targets
            if len(found) + len(waiting) > self._max_recipients:
                raise LimitExceeded("the address stands for too many recipients")
            if not waiting:
                break
        else:
            self._log.warn("{address} leads too far; the rest is cut", address=address)
        return tuple(found) if found or anything else None

    async def _meanings(self, names: list[str]) -> list[tuple[str, tuple[str, ...] | None]]:
        """Give what each of these is: (address, None) to keep, or (address, what it leads to).

        Local addresses that are nothing are left out.
        """
        domains = await self.domains()
        entries = await self._look_up([n for n in names if n.rpartition("@")[2] in domains])
        meanings: list[tuple[str, tuple[str, ...] | None]] = []
        for name in names:
            entry = entries.get(name)
            if entry is None or entry.account is not None:  # outside, or an account
                meanings.append((name, None))
            elif entry.targets is not None:
                meanings.append((name, entry.targets))
            else:
                implied = await self._implied(name)
                if implied:
                    meanings.append((name, implied))
        return meanings

    async def _implied(self, name: str) -> tuple[str, ...]:
        """Give what an address that is no account, alias or group leads to."""
        local, _, domain = name.rpartition("@")
        user, plus, _ = local.partition("+")
        if user and plus:
            return (str(Address(user, domain)),)
        if local != "postmaster":
            return ()
        known = self._postmasters.get(domain)
        if known is None:
            generation = self.generation
            known = await self._store.read(lambda tx: _postmaster(tx, domain))
            if generation == self.generation:
                self._postmasters[domain] = known  # only local domains come here
        return known

    async def _look_up(self, names: list[str]) -> dict[str, _Entry]:
        """Give what these local addresses, in normal form, are; reads what is not cached."""
        result: dict[str, _Entry] = {}
        missing: list[str] = []
        for name in names:
            entry = self._entries.get(name) or self._unknown.get(name)
            if entry is None:
                missing.append(name)
            else:
                result[name] = entry
        for start in range(0, len(missing), _LOAD_AT_ONCE):
            part = missing[start : start + _LOAD_AT_ONCE]
            generation = self.generation
            loaded = await self._store.read(partial(_entries, names=part))
            result |= loaded
            if generation == self.generation:  # else it may be from before the change
                for name, entry in loaded.items():
                    nothing = entry.account is None and entry.targets is None
                    (self._unknown if nothing else self._entries).put(name, entry)
        return result

    def _changed(self, _event: AccountsChanged) -> None:
        self.generation += 1
        self._entries.clear()
        self._unknown.clear()
        self._by_id.clear()
        self._colleagues.clear()
        self._postmasters.clear()
        self._domains = None


def _entries(tx: ITransaction, names: Collection[str]) -> dict[str, _Entry]:
    """Read what addresses are."""
    return {name: _entry(tx, name) for name in names}


def _entry(tx: ITransaction, name: str) -> _Entry:
    account = tx.accounts.by_address(name)
    if account is not None:
        return _Entry(account=account)
    alias = tx.accounts.alias(name)
    if alias is not None:
        return _Entry(targets=(alias.target,))
    group = tx.accounts.group(name)
    return _Entry(targets=None if group is None else group.members)


def _postmaster(tx: ITransaction, domain: str) -> tuple[str, ...]:
    """Read who gets a domain's mail to postmaster: its first administrator, or any domain's."""
    for accounts in (tx.accounts.list(domain), tx.accounts.list()):
        for account in accounts:
            if account.admin and account.enabled:
                return (account.address,)
    return ()
