"""SASL for client streams (RFC 6120 6): SCRAM with and without channel binding, PLAIN.

PLAIN is offered inside TLS only, and TLS comes before SASL here, so a password never
travels readable. The names a client may use are its address or its local part.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from secrets import token_urlsafe

from mailim.accounts.directory import Directory
from mailim.accounts.passwords import Passwords
from mailim.address import parse_address
from mailim.errors import AuthenticationFailed, Invalid, MailimError
from mailim.interfaces.accounts import Account
from mailim.wire import ns
from mailim.wire.sasl_plain import parse_plain
from mailim.wire.scram import ScramError, ScramExchange, parse_client_first
from mailim.wire.xml import Element

PROTOCOL = "xmpp"
_SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-1")
_MAX_BASE64 = 8192


class SaslFailure(Exception):
    """The attempt failed; `condition` is of RFC 6120 6.5, `address` what was tried."""

    def __init__(self, condition: str, text: str, address: str = "") -> None:
        super().__init__(condition)
        self.condition = condition
        self.text = text
        self.address = address


class Sasl:
    """The attempts of one stream. `bindings` are the channel bindings of its TLS."""

    def __init__(
        self,
        passwords: Passwords,
        directory: Directory,
        domain: str,
        peer: str,
        bindings: Mapping[str, bytes],
    ) -> None:
        self._passwords = passwords
        self._directory = directory
        self._domain = domain
        self._peer = peer
        self._bindings = bindings
        plus = tuple(f"{name}-PLUS" for name in _SCRAM) if bindings else ()
        self.mechanisms = (*plus, *_SCRAM, "PLAIN")
        self._exchange: ScramExchange | None = None
        self._account: Account | None = None
        self.web_session = b""  # the browser session behind the token that was shown, if any
        self._address = ""

    def feature(self) -> tuple[Element, ...]:
        """Give what stands in the stream features (RFC 6120 6.3.3, XEP-0440)."""
        names = (Element("mechanism", ns.SASL, None, name) for name in self.mechanisms)
        offered = [Element("mechanisms", ns.SASL, None, *names)]
        if self._bindings:
            types = (
                Element("channel-binding", ns.SASL_CHANNEL_BINDING, {"type": name})
                for name in self._bindings
            )
            offered.append(Element("sasl-channel-binding", ns.SASL_CHANNEL_BINDING, None, *types))
        return tuple(offered)

    async def step(self, element: Element) -> tuple[Element, Account | None]:
        """Answer any element of the exchange, with the account if that is the end."""
        if element.name == "auth":
            return await self.auth(element)
        if element.name == "response":
            return await self.response(element)
        if element.name == "abort":
            raise SaslFailure("aborted", "The client gave up.")
        raise SaslFailure("malformed-request", "This is no SASL element of a client.")

    async def auth(self, element: Element) -> tuple[Element, Account | None]:
        """Answer `<auth/>`: a challenge, or success with the account; raises `SaslFailure`."""
        self._exchange = None
        mechanism = element.get("mechanism") or ""
        if mechanism not in self.mechanisms:
            raise SaslFailure("invalid-mechanism", "This mechanism is not offered.")
        data = _decoded(element.text)
        try:
            if mechanism == "PLAIN":
                return Element("success", ns.SASL), await self._plain(data)
            return await self._scram_first(mechanism, data), None
        except ScramError as error:
            raise SaslFailure(error.sasl_condition, error.text, self._address) from None

    async def response(self, element: Element) -> tuple[Element, Account]:
        """Answer `<response/>`: success with the account; raises `SaslFailure`."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            raise SaslFailure("malformed-request", "No exchange is under way.")
        with _translated(self._address):
            self._passwords.may_try(self._address, self._peer)
        try:
            final = exchange.finish(_decoded(element.text))
        except ScramError as error:
            if error.sasl_condition == "not-authorized":
                self._passwords.failed(self._address, self._peer)
            raise SaslFailure(error.sasl_condition, error.text, self._address) from None
        if self._account is None or not self._account.enabled:
            self._passwords.failed(self._address, self._peer)
            raise SaslFailure("not-authorized", "The name or the password is wrong.", self._address)
        with _translated(self._address):
            await self._passwords.succeeded(self._account, self._peer, PROTOCOL)
        return Element("success", ns.SASL, None, base64.b64encode(final).decode()), self._account

    async def _plain(self, data: bytes) -> Account:
        authzid, name, password = parse_plain(data)
        address = self._named(name, authzid)
        with _translated(address):
            account = await self._passwords.check(address, password, self._peer, PROTOCOL)
        self.web_session = self._passwords.session_behind(password)
        return account

    async def _scram_first(self, mechanism: str, data: bytes) -> Element:
        first = parse_client_first(data, mechanism)
        address = self._named(first.username, first.authzid)
        with _translated(address):
            keys, account = await self._passwords.scram_keys(
                address, mechanism.removesuffix("-PLUS"), self._peer
            )
        self._account = account
        plus_offered = bool(self._bindings)
        self._exchange = ScramExchange(first, keys, token_urlsafe(24), self._bindings, plus_offered)
        challenge = base64.b64encode(self._exchange.server_first()).decode()
        return Element("challenge", ns.SASL, None, challenge)

    def _named(self, name: str, authzid: str) -> str:
        """Give the address of a user name; an authzid may only be the same account."""
        try:
            parsed = parse_address(name if "@" in name else f"{name}@{self._domain}")
            self._address = address = str(parsed)
            if parsed.domain != self._domain:  # the stream was opened to another domain
                raise SaslFailure("not-authorized", "The name or the password is wrong.", address)
            if authzid and str(parse_address(authzid.partition("/")[0])) != address:
                raise SaslFailure("invalid-authzid", "You may only act as yourself.", address)
        except Invalid:
            raise SaslFailure("not-authorized", "The name or the password is wrong.") from None
        return address


class _translated:
    """Turns the errors of `accounts` into SASL failures."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, AuthenticationFailed):
            raise SaslFailure("not-authorized", error.text, self._address) from None
        if isinstance(error, MailimError):
            raise SaslFailure("temporary-auth-failure", error.text, self._address) from None


def _decoded(text: str) -> bytes:
    """Undo base64 as RFC 6120 6.4.2 has it: "=" is an empty response."""
    if text == "=":
        return b""
    if len(text) > _MAX_BASE64:
        raise SaslFailure("malformed-request", "The message is too long.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SaslFailure("incorrect-encoding", "The message is not base64.") from None


def failure(error: SaslFailure) -> Element:
    """Give the `<failure/>` element (RFC 6120 6.4.5)."""
    text = Element("text", ns.SASL, {"xml:lang": "en"}, error.text)
    return Element("failure", ns.SASL, None, Element(error.condition, ns.SASL), text)
