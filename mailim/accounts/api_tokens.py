"""Tokens of programs: random, shown once, kept as a hash.

A token is 256 random bits, so a plain SHA-256 keeps it: there is nothing to guess. It opens
what its row says and nothing else, and ends the moment it is revoked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final

from mailim.address import normal_domain, parse_address
from mailim.errors import Invalid, NotFound
from mailim.interfaces.notices import ApiToken
from mailim.interfaces.store import IStore

PREFIX: Final = "mailim_"  # so that scanners for leaked secrets can know them
TOKEN_CHARACTERS: Final = 100  # more is none of ours
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")


class ApiTokens:
    """Makes, finds and revokes them. now: the time in µs."""

    def __init__(self, store: IStore, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now

    async def make(self, name: str, sender: str = "") -> tuple[ApiToken, str]:
        """Make one; gives it with the token itself, which cannot be had again.

        sender: as whom it may send: an address, or a domain for all its addresses; "" for
        the server alone. Raises `Invalid`, `AlreadyExists`.
        """
        if not _NAME.fullmatch(name):
            raise Invalid("a name is 1 to 60 of a-z, 0-9, '.', '_' and '-'", "name")
        if sender:
            sender = str(parse_address(sender)) if "@" in sender else normal_domain(sender)
        token, now = PREFIX + token_urlsafe(32), self._now()
        made = await self._store.write(
            lambda tx: tx.api_tokens.add(name, _digest(token), sender, now)
        )
        return made, token

    async def find(self, token: str) -> ApiToken | None:
        """Find what a program shows."""
        if not token.startswith(PREFIX) or len(token) > TOKEN_CHARACTERS:
            return None
        digest = _digest(token)
        return await self._store.read(lambda tx: tx.api_tokens.by_digest(digest))

    async def list(self) -> Sequence[ApiToken]:
        """Give all, by name."""
        return await self._store.read(lambda tx: tx.api_tokens.list())

    async def revoke(self, name: str) -> None:
        """End one; raises `NotFound`."""
        if not await self._store.write(lambda tx: tx.api_tokens.remove(name)):
            raise NotFound("there is no such token")


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()
