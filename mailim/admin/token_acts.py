"""Operations on the tokens of programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailim.accounts.api_tokens import ApiTokens
from mailim.admin.operations import Act
from mailim.times import iso


class TokenActs:
    """Binds them. A token stands in the answer to `token.add` and nowhere else."""

    def __init__(self, tokens: ApiTokens) -> None:
        self._tokens = tokens

    def acts(self) -> Mapping[str, Act]:
        """Give the acts by the names of their operations."""
        return {"token.add": self.add, "token.list": self.list, "token.revoke": self.revoke}

    async def add(self, values: dict[str, Any], _actor: str) -> Any:
        """Make one."""
        made, token = await self._tokens.make(values["name"], values.get("from", ""))
        return {"name": made.name, "from": made.sender or None, "token": token}

    async def list(self, _values: dict[str, Any], _actor: str) -> Any:
        """List them."""
        return [
            {"name": one.name, "from": one.sender or None, "created": iso(one.created)}
            for one in await self._tokens.list()
        ]

    async def revoke(self, values: dict[str, Any], _actor: str) -> Any:
        """End one."""
        await self._tokens.revoke(values["name"])
