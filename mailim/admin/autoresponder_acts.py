"""Operations on automatic replies: the settings people have in the webmail, for any account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mailim.accounts.accounts import Accounts
from mailim.admin.operations import Act
from mailim.errors import Invalid
from mailim.interfaces.store import IStore
from mailim.interfaces.vacation import Vacation
from mailim.times import iso, micros

# The arguments' names, and what the store calls what they set.
_ARGUMENTS: Final = {
    "from": "from_date", "until": "to_date", "subject": "subject", "text": "text",
    "html": "html", "days": "days", "exclude": "excluded", "colleagues": "colleagues",
}  # fmt: skip
_NAMES: Final = {column: name for name, column in _ARGUMENTS.items()}


class AutoresponderActs:
    """Binds `autoresponder`."""

    def __init__(self, accounts: Accounts, store: IStore) -> None:
        self._accounts = accounts
        self._store = store

    def acts(self) -> Mapping[str, Act]:
        """Give the acts by the names of their operations."""
        return {"autoresponder.show": self.show, "autoresponder.set": self.change}

    async def show(self, values: dict[str, Any], _actor: str) -> Any:
        """Show an account's settings."""
        account = await self._accounts.show(values["address"])
        vacation = await self._store.read(lambda tx: tx.vacation.get(account.id))
        return _shown(account.address, vacation)

    async def change(self, values: dict[str, Any], _actor: str) -> Any:
        """Change what is given; an empty word takes back what was set."""
        account = await self._accounts.show(values["address"])
        changes: dict[str, Any] = {}
        if "state" in values:
            changes["enabled"] = values["state"] == "on"
        for name, column in _ARGUMENTS.items():
            if name in values:
                changes[column] = _column(name, values[name])
        try:
            vacation = await self._store.write(lambda tx: tx.vacation.set(account.id, **changes))
        except Invalid as error:
            raise Invalid(error.text, _NAMES.get(error.path, error.path)) from None
        return _shown(account.address, vacation)


def _column(name: str, value: Any) -> Any:
    """Give what the store keeps; raises `Invalid`."""
    if name in ("from", "until"):
        return micros(value, name) if value.strip() else None
    if name == "exclude":
        return tuple(re.split(r"[\s,]+", value.strip(" \t\r\n,"))) if value.strip(" ,") else ()
    return None if value == "" else value


def _shown(address: str, vacation: Vacation) -> dict[str, Any]:
    return {
        "address": address,
        "enabled": vacation.enabled,
        "from": iso(vacation.from_date),
        "until": iso(vacation.to_date),
        "subject": vacation.subject,
        "message": vacation.text,
        "html": vacation.html,
        "days": vacation.days,
        "exclude": [*vacation.excluded],
        "colleagues": vacation.colleagues,
    }
