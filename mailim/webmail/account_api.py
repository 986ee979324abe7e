"""The small JSON API of the application: who is signed in, settings, the chat's token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mailim.accounts.passwords import CHAT
from mailim.accounts.tokens import OneTimeTokens
from mailim.config_sections import Webmail
from mailim.interfaces.accounts import Account
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.input import model_of
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, json_response
from mailim.protocols.http.router import Route
from mailim.webmail.settings import Settings, kept

TOKEN_SECONDS = 60
IDLE_MINUTES = 5  # without input before presence becomes away
_SMALL = 16_384


class AccountApi:
    """Serves `/api/session`, `/api/settings` and `/api/chat-token`.

    account_id: makes the JMAP account id of an account.
    """

    def __init__(
        self,
        store: IStore,
        identity: Identity,
        tokens: OneTimeTokens,
        webmail: Webmail,
        version: str,
        account_id: Callable[[int], str],
    ) -> None:
        self._store = store
        self._identity = identity
        self._tokens = tokens
        self._webmail = webmail
        self._version = version
        self._account_id = account_id

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route("GET", "/api/session", self.session),
            Route("PATCH", "/api/settings", self.change, max_body=_SMALL),
            Route("POST", "/api/chat-token", self.chat_token, max_body=_SMALL),
        ]

    async def session(self, request: Request) -> Response:
        """Tell who is signed in."""
        account, _ = await self._identity.signed_in(request)
        settings = await self._settings(account)
        return json_response(
            {
                "address": account.address,
                "name": account.name,
                "admin": account.admin,
                "jid": account.address,
                "domain": account.domain,
                "language": settings.language,
                "accountId": self._account_id(account.id),
                "version": self._version,
                "idle_minutes": IDLE_MINUTES,
                "settings": settings.model_dump(),
            }
        )

    async def change(self, request: Request) -> Response:
        """Change some settings; gives all."""
        account, _ = await self._identity.signed_in(request)
        changes: Any = await request.json_value()
        model_of(Settings, changes)  # only known names, only valid values

        def unit(tx: ITransaction) -> dict[str, Any]:
            # Read and written in one unit: two windows may change two things at once.
            before = kept(tx.accounts.settings(account.id), self._webmail.language)
            merged: dict[str, Any] = before.model_dump() | changes
            tx.accounts.set_settings(account.id, merged)
            return merged

        return json_response(await self._store.write(unit))

    async def chat_token(self, request: Request) -> Response:
        """Give a one-time password for XMPP: the page never holds the real one."""
        account, session = await self._identity.signed_in(request)
        token = self._tokens.issue(account, CHAT, TOKEN_SECONDS, session.token_hash)
        return json_response(
            {
                "jid": account.address,
                "token": token,
                "websocket": f"wss://{request.host}/xmpp-websocket",
                "expires": TOKEN_SECONDS,
            }
        )

    async def _settings(self, account: Account) -> Settings:
        stored = await self._store.read(lambda tx: tx.accounts.settings(account.id))
        return kept(stored, self._webmail.language)
