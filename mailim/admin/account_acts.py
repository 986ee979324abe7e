"""Operations on accounts, domains, aliases and groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from mailim.accounts.accounts import Accounts
from mailim.admin.operations import Act
from mailim.interfaces.accounts import Account
from mailim.interfaces.store import IStore
from mailim.times import iso


class AccountActs:
    """Binds `user`, `domain`, `alias` and `group` to the acts of `accounts`."""

    def __init__(self, accounts: Accounts, store: IStore) -> None:
        self._accounts = accounts
        self._store = store

    def acts(self) -> Mapping[str, Act]:
        """Give the acts by the names of their operations."""
        return {
            "user.add": self.add,
            "user.list": self.list,
            "user.show": self.show,
            "user.set": self.change,
            "user.passwd": self.passwd,
            "user.disable": self.disable,
            "user.enable": self.enable,
            "user.delete": self.delete,
            "domain.add": self.add_domain,
            "domain.list": self.list_domains,
            "domain.delete": self.delete_domain,
            "alias.add": self.add_alias,
            "alias.list": self.list_aliases,
            "alias.delete": self.delete_alias,
            "group.add": self.add_group,
            "group.list": self.list_groups,
            "group.delete": self.delete_group,
            "group.join": self.join,
            "group.leave": self.leave,
        }

    async def add(self, values: dict[str, Any], _actor: str) -> Any:
        """Add an account."""
        account = await self._accounts.add(
            values["address"],
            values["password"],
            values.get("name", ""),
            values.get("admin", False),
        )
        return _shown(account, (), 0)

    async def list(self, values: dict[str, Any], _actor: str) -> Any:
        """List accounts."""
        accounts = await self._accounts.accounts(values.get("domain"))
        aliases = await self._accounts.aliases()
        boxes = Counter(
            box.account_id for box in await self._store.read(lambda tx: tx.boxes.list())
        )
        return [
            _shown(
                account,
                tuple(one.address for one in aliases if one.target == account.address),
                boxes[account.id],
            )
            for account in accounts
        ]

    async def show(self, values: dict[str, Any], _actor: str) -> Any:
        """Show one account."""
        account = await self._accounts.show(values["address"])
        aliases = await self._accounts.aliases()
        boxes = await self._store.read(lambda tx: tx.boxes.list(account.id))
        names = tuple(one.address for one in aliases if one.target == account.address)
        return _shown(account, names, len(boxes))

    async def change(self, values: dict[str, Any], actor: str) -> Any:
        """Change an account."""
        await self._accounts.set(
            values["address"],
            name=values.get("name"),
            admin=values.get("admin"),
            published=values.get("published"),
        )
        return await self.show({"address": values["address"]}, actor)

    async def passwd(self, values: dict[str, Any], _actor: str) -> Any:
        """Set a password."""
        await self._accounts.passwd(values["address"], values["password"])

    async def disable(self, values: dict[str, Any], _actor: str) -> Any:
        """Shut an account out."""
        await self._accounts.disable(values["address"])

    async def enable(self, values: dict[str, Any], _actor: str) -> Any:
        """Let it in again."""
        await self._accounts.enable(values["address"])

    async def delete(self, values: dict[str, Any], _actor: str) -> Any:
        """Delete an account."""
        await self._accounts.delete(values["address"])

    async def add_domain(self, values: dict[str, Any], _actor: str) -> Any:
        """Host a domain."""
        await self._accounts.add_domain(values["domain"])

    async def list_domains(self, _values: dict[str, Any], _actor: str) -> Any:
        """List domains."""
        domains = await self._accounts.domains()
        return [{"domain": one.name, "created": iso(one.created)} for one in domains]

    async def delete_domain(self, values: dict[str, Any], _actor: str) -> Any:
        """Stop hosting a domain."""
        await self._accounts.remove_domain(values["domain"])

    async def add_alias(self, values: dict[str, Any], _actor: str) -> Any:
        """Add an alias."""
        await self._accounts.add_alias(values["address"], values["target"])

    async def list_aliases(self, _values: dict[str, Any], _actor: str) -> Any:
        """List aliases."""
        aliases = await self._accounts.aliases()
        return [{"address": one.address, "target": one.target} for one in aliases]

    async def delete_alias(self, values: dict[str, Any], _actor: str) -> Any:
        """Remove an alias."""
        await self._accounts.remove_alias(values["address"])

    async def add_group(self, values: dict[str, Any], _actor: str) -> Any:
        """Add a group."""
        await self._accounts.add_group(values["address"], values.get("name", ""))

    async def list_groups(self, _values: dict[str, Any], _actor: str) -> Any:
        """List groups."""
        groups = await self._accounts.groups()
        return [
            {"address": one.address, "name": one.name, "members": [*one.members]} for one in groups
        ]

    async def delete_group(self, values: dict[str, Any], _actor: str) -> Any:
        """Remove a group."""
        await self._accounts.remove_group(values["address"])

    async def join(self, values: dict[str, Any], _actor: str) -> Any:
        """Add a member."""
        await self._accounts.add_member(values["address"], values["member"])

    async def leave(self, values: dict[str, Any], _actor: str) -> Any:
        """Take a member out."""
        await self._accounts.remove_member(values["address"], values["member"])


def _shown(account: Account, aliases: tuple[str, ...], boxes: int) -> dict[str, Any]:
    return {
        "address": account.address,
        "name": account.name,
        "admin": account.admin,
        "enabled": account.enabled,
        "published": account.published,
        "created": iso(account.created),
        "last_login": iso(account.last_login),
        "aliases": [*aliases],
        "multipop": boxes,
    }
