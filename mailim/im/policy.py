"""Who may talk to whom: asked by the router before anything is delivered.

Today every account of this server may talk to every other one; other domains cannot be
reached, since there is no server-to-server stream yet.
"""

from __future__ import annotations

from mailim.accounts.directory import Directory
from mailim.im.errors import StanzaError
from mailim.im.sessions import account_address
from mailim.interfaces.accounts import Account
from mailim.wire.jid import JID


class Policy:
    """The rules, on what the directory says now."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def check_sender(self, account: Account) -> None:
        """Raise `StanzaError` if this account may not send any more."""
        now = await self._directory.find(account.address)
        if now is None or now.id != account.id or not now.enabled:
            raise StanzaError.of("not-authorized", "the account is disabled")

    async def recipient(self, to: JID) -> Account | None:
        """Give the account a stanza is for; None for the server itself or nobody.

        Raises `StanzaError` if the address is out of reach (RFC 6120 section 10.4.3).
        """
        if not await self._directory.is_local(to.domain):
            raise StanzaError.of("remote-server-not-found", "that domain cannot be reached")
        if not to.local:
            return None
        account = await self._directory.find(account_address(to))
        return account if account is not None and account.enabled else None

    async def exists(self, account: Account) -> bool:
        """Tell whether an account was not deleted meanwhile."""
        return await self._directory.get(account.id) is not None
