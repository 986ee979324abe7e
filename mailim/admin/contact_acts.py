"""The operation on contact lists: giving an account its list back as the server makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailim.accounts.accounts import Accounts
from mailim.admin.operations import Act
from mailim.im.restoring import Restoring


class ContactActs:
    """Binds `im.restore`."""

    def __init__(self, accounts: Accounts, restoring: Restoring) -> None:
        self._accounts = accounts
        self._restoring = restoring

    def acts(self) -> Mapping[str, Act]:
        """Give the act by the name of its operation."""
        return {"im.restore": self.restore}

    async def restore(self, values: dict[str, Any], _actor: str) -> Any:
        """Forget what a user changed about colleagues; gives how many changes that were."""
        account = await self._accounts.show(values["address"])
        return {"restored": await self._restoring.restore(account)}
