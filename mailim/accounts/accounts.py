"""What an administrator does with domains, accounts, aliases and groups.

Each act is one unit: done whole and durable when its coroutine returns, or not at all. All
texts of its errors are for the administrator. A change takes effect for every protocol at
once, because the directory forgets what it knew with the commit.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from mailim.accounts.directory import MAX_DEPTH, Directory
from mailim.accounts.passwords import Passwords
from mailim.address import normal_domain, parse_account_address, parse_address
from mailim.errors import Invalid, NotFound
from mailim.interfaces.accounts import Account, Alias, Domain, Group
from mailim.interfaces.store import IStore, ITransaction

STANDARD_FOLDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "inbox": "Inbox",
        "drafts": "Drafts",
        "sent": "Sent",
        "archive": "Archive",
        "junk": "Junk",
        "trash": "Trash",
    }
)
"""RFC 8621 roles and names of the mail folders every account has, in their order."""
MAX_NAME: Final = 200
"""Characters of a display name."""


class Accounts:
    """The acts. `clock` is an IReactorTime."""

    def __init__(
        self, store: IStore, directory: Directory, passwords: Passwords, clock: IReactorTime
    ) -> None:
        self._store = store
        self._directory = directory
        self._passwords = passwords
        self._clock = clock

    # --- accounts ---------------------------------------------------------------------

    async def add(
        self, address: str, password: str, name: str = "", admin: bool = False
    ) -> Account:
        """Add an account with its standard folders.

        Raises `Invalid`, `NotFound` (no such domain), `AlreadyExists`, `RateLimited`.
        """
        own = str(parse_account_address(address))
        shown = _display_name(name)
        credentials = await self._passwords.credentials(password)
        now = self._now()

        def unit(tx: ITransaction) -> Account:
            account = tx.accounts.add(own, shown, admin, now)
            tx.accounts.set_credentials(account.id, credentials)
            for order, (role, folder) in enumerate(STANDARD_FOLDERS.items(), 1):
                tx.folders.create(account.id, folder, "mail", role, None, order)
            return account

        return await self._store.write(unit)

    async def show(self, address: str) -> Account:
        """Give an account; raises `Invalid`, `NotFound`."""
        own = str(parse_address(address))
        return await self._store.read(lambda tx: _required(tx, own))

    async def accounts(self, domain: str | None = None) -> Sequence[Account]:
        """Give all accounts, or those of a domain, by address; raises `Invalid`."""
        name = None if domain is None else normal_domain(domain)
        return await self._store.read(lambda tx: tx.accounts.list(name))

    async def passwd(self, address: str, password: str) -> None:
        """Set a password, which ends the account's browser sessions.

        Raises `Invalid`, `NotFound`, `RateLimited`.
        """
        account = await self.show(address)
        await self._passwords.set_password(account.id, password)

    async def set(
        self,
        address: str,
        *,
        name: str | None = None,
        admin: bool | None = None,
        published: bool | None = None,
    ) -> Account:
        """Change what is not None; raises `Invalid`, `NotFound`."""
        given = {
            "name": None if name is None else _display_name(name),
            "admin": admin,
            "published": published,
        }
        return await self._update(address, {k: v for k, v in given.items() if v is not None})

    async def enable(self, address: str) -> Account:
        """Let a disabled account in again; raises `Invalid`, `NotFound`."""
        return await self._update(address, {"enabled": True})

    async def disable(self, address: str) -> Account:
        """Shut an account out and end its browser sessions; its mail still arrives.

        Raises `Invalid`, `NotFound`.
        """
        return await self._update(address, {"enabled": False})

    async def delete(self, address: str) -> None:
        """Delete an account with all it has; its record stays. Raises `Invalid`, `NotFound`."""
        own = str(parse_address(address))
        await self._store.write(lambda tx: tx.accounts.delete(_required(tx, own).id))

    async def _update(self, address: str, changes: Mapping[str, Any]) -> Account:
        own = str(parse_address(address))

        def unit(tx: ITransaction) -> Account:
            account = _required(tx, own)
            if not changes:
                return account
            if changes.get("enabled") is False:
                tx.accounts.remove_web_sessions(account_id=account.id)
            return tx.accounts.update(account.id, **changes)

        return await self._store.write(unit)

    # --- domains ----------------------------------------------------------------------

    async def add_domain(self, name: str) -> Domain:
        """Host a domain; raises `Invalid`, `AlreadyExists`."""
        domain, now = normal_domain(name), self._now()
        return await self._store.write(lambda tx: tx.accounts.add_domain(domain, now))

    async def domains(self) -> Sequence[Domain]:
        """Give the hosted domains, by name."""
        return await self._store.read(lambda tx: tx.accounts.domains())

    async def remove_domain(self, name: str) -> None:
        """Stop hosting a domain; raises `Invalid` (malformed, or not empty), `NotFound`."""
        domain = normal_domain(name)
        await self._store.write(lambda tx: tx.accounts.remove_domain(domain))

    # --- aliases ----------------------------------------------------------------------

    async def add_alias(self, address: str, target: str) -> Alias:
        """Give an address another name.

        Raises `Invalid` (malformed, or a loop), `NotFound` (no such domain, or a local target
        that is nothing), `AlreadyExists`.
        """
        own, leads_to = str(parse_address(address)), str(parse_address(target))

        def unit(tx: ITransaction) -> Alias:
            added = tx.accounts.add_alias(own, leads_to)
            step = leads_to
            for _ in range(MAX_DEPTH):
                if step == own:
                    raise Invalid(f"{own} would lead to itself", "target")
                further = tx.accounts.alias(step)
                if further is None:
                    return added
                step = further.target
            raise Invalid(f"{own} would lead through too many aliases", "target")

        if own != leads_to:
            await self._known(leads_to)
        return await self._store.write(unit)

    async def aliases(self) -> Sequence[Alias]:
        """Give all aliases, by address."""
        return await self._store.read(lambda tx: tx.accounts.aliases())

    async def remove_alias(self, address: str) -> None:
        """Remove an alias; raises `Invalid`, `NotFound`."""
        own = str(parse_address(address))
        await self._store.write(lambda tx: tx.accounts.remove_alias(own))

    # --- groups -----------------------------------------------------------------------

    async def add_group(self, address: str, name: str = "") -> Group:
        """Add an empty group; raises `Invalid`, `NotFound` (no such domain), `AlreadyExists`."""
        own, shown = str(parse_address(address)), _display_name(name)
        return await self._store.write(lambda tx: tx.accounts.add_group(own, shown))

    async def groups(self) -> Sequence[Group]:
        """Give all groups with their members, by address."""
        return await self._store.read(lambda tx: tx.accounts.groups())

    async def remove_group(self, address: str) -> None:
        """Remove a group; raises `Invalid`, `NotFound`."""
        own = str(parse_address(address))
        await self._store.write(lambda tx: tx.accounts.remove_group(own))

    async def add_member(self, group: str, member: str) -> None:
        """Add an address, of here or elsewhere, to a group.

        Raises `Invalid`, `NotFound` (the group, or a local member that is nothing),
        `AlreadyExists`.
        """
        own, joins = str(parse_address(group)), str(parse_address(member))
        if own == joins:
            raise Invalid("a group cannot be its own member", "member")
        await self._known(joins)
        await self._store.write(lambda tx: tx.accounts.add_member(own, joins))

    async def remove_member(self, group: str, member: str) -> None:
        """Take an address out of a group; raises `Invalid`, `NotFound`."""
        own, leaves = str(parse_address(group)), str(parse_address(member))
        await self._store.write(lambda tx: tx.accounts.remove_member(own, leaves))

    async def _known(self, address: str) -> None:
        if await self._directory.resolve(address) is None:
            raise NotFound(f"there is no {address} here")

    def _now(self) -> int:
        return int(self._clock.seconds() * 1_000_000)


def _required(tx: ITransaction, address: str) -> Account:
    account = tx.accounts.by_address(address)
    if account is None:
        raise NotFound(f"there is no account {address}")
    return account


def _display_name(text: str) -> str:
    """Give a name to show, checked; raises `Invalid`."""
    name = unicodedata.normalize("NFC", text.strip())
    if len(name) > MAX_NAME:
        raise Invalid(f"the name is longer than {MAX_NAME} characters", "name")
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        raise Invalid("the name has control characters in it", "name")
    return name
