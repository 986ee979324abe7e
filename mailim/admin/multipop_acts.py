"""Operations on MultiPOP boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailim.accounts.accounts import Accounts
from mailim.admin.operations import Act
from mailim.errors import Invalid
from mailim.interfaces.multipop import BoxState, IMultipop

_SECURITY = {"tls": "tls", "stls": "stls", "plaintext": "none"}
_POP3S = 995


class MultipopActs:
    """Binds `multipop` to the collector."""

    def __init__(self, accounts: Accounts, multipop: IMultipop, serving: bool) -> None:
        self._accounts = accounts
        self._multipop = multipop
        self._serving = serving

    def acts(self) -> Mapping[str, Act]:
        """Give the acts by the names of their operations."""
        acts: dict[str, Act] = {
            "multipop.add": self.add,
            "multipop.list": self.status,
            "multipop.status": self.status,
            "multipop.set": self.change,
            "multipop.remove": self.remove,
        }
        if self._serving:
            acts |= {"multipop.test": self.test, "multipop.run": self.run}
        return acts

    async def add(self, values: dict[str, Any], _actor: str) -> Any:
        """Add a box; without a word on security TLS is used, by STLS on other ports than 995."""
        account = await self._accounts.show(values["address"])
        port = values.get("port", _POP3S)
        word = values.get("security") or ("tls" if port == _POP3S else "stls")
        box = {
            "host": values["host"],
            "port": port,
            "user": values["user"],
            "password": values["password"],
            "tls": _SECURITY[word],
            "ca": values.get("ca", ""),
            "leave": values.get("leave", False),
        }
        return _shown(await self._multipop.add(account.id, box), account.address)

    async def status(self, values: dict[str, Any], _actor: str) -> Any:
        """Tell the state of all boxes, or of an account's."""
        account_id = None
        if "address" in values:
            account_id = (await self._accounts.show(values["address"])).id
        addresses = {one.id: one.address for one in await self._accounts.accounts()}
        states = await self._multipop.list(account_id)
        return [_shown(one, addresses.get(one.box.account_id, "")) for one in states]

    async def change(self, values: dict[str, Any], _actor: str) -> Any:
        """Change a box."""
        changes = {name: value for name, value in values.items() if name not in ("id", "security")}
        if "security" in values:
            changes["tls"] = _SECURITY[values["security"]]
        await self._multipop.change(_box_id(values), changes)

    async def remove(self, values: dict[str, Any], _actor: str) -> Any:
        """Remove a box."""
        await self._multipop.remove(_box_id(values))

    async def test(self, values: dict[str, Any], _actor: str) -> Any:
        """Try a login."""
        found = await self._multipop.test(_box_id(values))
        return {
            "ok": found.ok,
            "detail": found.detail,
            "messages": found.messages,
            "octets": found.octets,
        }

    async def run(self, values: dict[str, Any], actor: str) -> Any:
        """Collect now, then tell the states."""
        account_id = None
        if "address" in values:
            account_id = (await self._accounts.show(values["address"])).id
        await self._multipop.run(account_id)
        return await self.status(values, actor)


def _box_id(values: dict[str, Any]) -> int:
    try:
        return int(values["id"])
    except ValueError:
        raise Invalid("a box is named by its number", "id") from None


def _shown(state: BoxState, address: str) -> dict[str, Any]:
    box = state.shown()
    return {"id": box.pop("id"), "address": address, **box}
