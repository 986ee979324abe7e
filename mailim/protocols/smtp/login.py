"""AUTH (RFC 4954): SCRAM with and without channel binding, PLAIN, and LOGIN for old clients.

It is offered inside TLS only, so no password travels readable. A client may name its
address or, in the server's first domain, its local part.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from secrets import token_urlsafe
from typing import Final

from mailim.accounts.passwords import Passwords
from mailim.address import parse_address
from mailim.errors import AuthenticationFailed, Invalid, MailimError
from mailim.interfaces.accounts import Account
from mailim.protocols.smtp.replies import Refused, refused
from mailim.wire.sasl_plain import parse_plain
from mailim.wire.scram import ScramError, ScramExchange, parse_client_first
from mailim.wire.smtp_commands import Auth

PROTOCOL: Final = "smtp"
_SCRAM: Final = ("SCRAM-SHA-256", "SCRAM-SHA-1")
Ask = Callable[[bytes], Awaitable[bytes]]


class Login:
    """The attempts of one connection. `bindings` are the channel bindings of its TLS."""

    def __init__(
        self, passwords: Passwords, domain: str, peer: str, bindings: Mapping[str, bytes]
    ) -> None:
        self._passwords = passwords
        self._domain = domain
        self._peer = peer
        self._bindings = bindings
        plus = tuple(f"{name}-PLUS" for name in _SCRAM) if bindings else ()
        self.mechanisms = (*plus, *_SCRAM, "PLAIN", "LOGIN")

    async def run(self, auth: Auth, ask: Ask) -> Account:
        """Go through an exchange; `ask` sends a challenge and gives the client's answer.

        Raises `Refused`, and what `ask` raises.
        """
        if auth.mechanism not in self.mechanisms:
            raise refused(504, "5.5.4", "This mechanism is not offered.")
        try:
            if auth.mechanism == "LOGIN":
                return await self._login(auth.initial, ask)
            first = await ask(b"") if auth.initial is None else auth.initial
            if auth.mechanism == "PLAIN":
                authzid, name, password = parse_plain(first)
                return await self._check(self._named(name, authzid), password)
            return await self._scram(auth.mechanism, first, ask)
        except ScramError as error:
            raise _refusal(error) from None
        except AuthenticationFailed:
            raise _wrong() from None
        except MailimError as error:  # too many attempts, or the store is away
            raise refused(454, "4.7.0", error.text) from None

    async def _login(self, initial: bytes | None, ask: Ask) -> Account:
        name = await ask(b"Username:") if initial is None else initial
        password = await ask(b"Password:")
        try:
            return await self._check(self._named(name.decode(), ""), password.decode())
        except UnicodeDecodeError:
            raise refused(501, "5.5.2", "This is not UTF-8.") from None

    async def _check(self, address: str, password: str) -> Account:
        return await self._passwords.check(address, password, self._peer, PROTOCOL)

    async def _scram(self, mechanism: str, data: bytes, ask: Ask) -> Account:
        first = parse_client_first(data, mechanism)
        address = self._named(first.username, first.authzid)
        keys, account = await self._passwords.scram_keys(
            address, mechanism.removesuffix("-PLUS"), self._peer
        )
        exchange = ScramExchange(
            first, keys, token_urlsafe(24), self._bindings, bool(self._bindings)
        )
        answer = await ask(exchange.server_first())
        try:
            final = exchange.finish(answer)
        except ScramError as error:
            if error.sasl_condition == "not-authorized":
                self._passwords.failed(address, self._peer)
            raise
        if account is None or not account.enabled:
            self._passwords.failed(address, self._peer)
            raise _wrong()
        # SMTP's 235 cannot carry data: the proof is one more challenge (RFC 4954 4).
        await ask(final)
        await self._passwords.succeeded(account, self._peer, PROTOCOL)
        return account

    def _named(self, name: str, authzid: str) -> str:
        """Give the address of a user name; an authzid may only be the same account."""
        try:
            address = str(parse_address(name if "@" in name else f"{name}@{self._domain}"))
            if authzid and str(parse_address(authzid)) != address:
                raise refused(535, "5.7.8", "You may only act as yourself.")
        except Invalid:
            raise _wrong() from None
        return address


def _wrong() -> Refused:
    return refused(535, "5.7.8", "The name or the password is wrong.")


def _refusal(error: ScramError) -> Refused:
    if error.sasl_condition == "not-authorized":
        return _wrong()
    return refused(501, "5.5.2", error.text)
