"""From a host name to a POP3 session that is logged in (RFC 1939, 2449, 2595, 5034)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectingCancelledError, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThreadPool

from mailim.errors import Invalid
from mailim.remote.multipop.connection import Pop3Connection
from mailim.remote.multipop.hosts import PublicReactor
from mailim.remote.multipop.words import LoginRefused, VisitFailed
from mailim.tls import client_options
from mailim.wire.pop3 import Capabilities, Command, Reply, parse_capa

# RFC 2449 8.1, RFC 3206: not the fault of name or password.
_TEMPORARY = ("SYS/TEMP", "SYS/PERM", "IN-USE", "LOGIN-DELAY")
_MAX_CA = 1024 * 1024
_LOGIN_SILENCES = 3  # the whole login may take so many times the silence


@dataclass(frozen=True, slots=True)
class Where:
    """Where and how to log in. `tls`: tls, stls or none; `ca`: a PEM file or ""."""

    host: str
    port: int
    user: str
    password: str
    tls: str
    ca: str

    def __repr__(self) -> str:
        return f"<{self.user} at {self.host}:{self.port}>"


@dataclass(frozen=True, slots=True)
class DoorRules:
    """What the configuration says about connecting."""

    silence: float  # seconds
    private: bool  # hosts on private networks may be visited
    plaintext: bool  # passwords may travel readable


class Doorway:
    """Opens connections. `rules` gives those in force."""

    def __init__(self, reactor: Any, rules: Callable[[], DoorRules]) -> None:
        self._reactor = reactor
        self._rules = rules

    async def enter(self, where: Where) -> tuple[Pop3Connection, Capabilities]:
        """Connect and log in; raises `VisitFailed`, `LoginRefused` or a network error."""
        rules = self._rules()
        if where.tls == "none" and not rules.plaintext:
            raise VisitFailed("this server does not send passwords without TLS")
        options = None if where.tls == "none" else await self.tls_options(where.host, where.ca)
        connection = await self._connect(where, options, rules)
        limit = self._reactor.callLater(
            rules.silence * _LOGIN_SILENCES,
            lambda: connection.give_up(VisitFailed("the server takes too long to sign us in")),
        )
        try:
            return connection, await _log_in(connection, where, options)
        except BaseException:
            await connection.close()
            raise
        finally:
            if limit.active():
                limit.cancel()

    async def tls_options(self, host: str, ca: str) -> Any:
        """Give what TLS needs; raises `Invalid` for a CA file that cannot be used."""

        def make() -> Any:
            if not ca:
                return client_options(host)
            try:
                with Path(ca).open("rb") as stream:
                    return client_options(host, stream.read(_MAX_CA))
            except OSError as error:
                raise Invalid(f"the CA file cannot be read: {error.strerror}", "ca") from None

        # Reading all the system's CAs takes too long for the reactor's thread.
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), make)

    async def _connect(self, where: Where, options: Any, rules: DoorRules) -> Pop3Connection:
        reactor = self._reactor if rules.private else PublicReactor(self._reactor)
        endpoint: IStreamClientEndpoint = HostnameEndpoint(
            reactor, where.host, where.port, timeout=rules.silence
        )
        if where.tls == "tls":
            endpoint = wrapClientTLS(options, endpoint)
        connecting: Deferred[Any] = endpoint.connect(_Connections(self._reactor, rules.silence))
        late = False

        def give_up() -> None:
            nonlocal late
            late = True
            connecting.cancel()

        limit = self._reactor.callLater(rules.silence * _LOGIN_SILENCES, give_up)
        try:
            connection: Pop3Connection = await connecting
        except (ConnectingCancelledError, CancelledError):
            if late:
                raise VisitFailed("the server does not answer") from None
            raise CancelledError() from None
        except DNSLookupError:
            if isinstance(reactor, PublicReactor) and reactor.withheld:
                raise VisitFailed(
                    "the server is on a private network, which is not allowed here"
                ) from None
            raise
        finally:
            if limit.active():
                limit.cancel()
        return connection


class _Connections(Factory):
    """A protocol for each attempt: two addresses of a name may answer at once."""

    noisy = False

    def __init__(self, clock: Any, silence: float) -> None:
        self._clock = clock
        self._silence = silence

    def buildProtocol(self, addr: object) -> Pop3Connection:
        """Twisted calls this."""
        return Pop3Connection(self._clock, self._silence)


async def _log_in(connection: Pop3Connection, where: Where, options: Any) -> Capabilities:
    greeting = await connection.greeting()
    if not greeting.ok:
        raise VisitFailed(f"the server does not want to talk: {greeting.text}")
    if where.tls == "stls":
        reply = await connection.ask(Command.stls())
        if not reply.ok:
            raise VisitFailed("the server offers no TLS (STLS) on this port")
        connection.start_tls(options)
    # Capabilities from before TLS or login mean nothing afterwards (RFC 2449 5).
    offered = await _capabilities(connection)
    if "UTF8" in offered and not (where.user.isascii() and where.password.isascii()):
        await connection.ask(Command.utf8())  # RFC 6856 2.1
    ways: tuple[Callable[[Pop3Connection, Where], Awaitable[None]], ...] = (_by_user, _by_plain)
    await ways["PLAIN" in offered.sasl](connection, where)
    return await _capabilities(connection)


async def _by_user(connection: Pop3Connection, where: Where) -> None:
    _passed(await connection.ask(Command.user(where.user)))
    _passed(await connection.ask(Command.password(where.password)))


async def _by_plain(connection: Pop3Connection, where: Where) -> None:
    """AUTH PLAIN in two steps: some servers take no initial response (RFC 5034 4)."""
    connection.send(Command.auth("PLAIN"))
    event = await connection.event()
    if not isinstance(event, Reply):
        connection.answer(f"\0{where.user}\0{where.password}".encode())
        event = await connection.reply()
    _passed(event)


async def _capabilities(connection: Pop3Connection) -> Capabilities:
    reply = await connection.ask(Command.capa())
    lines = []
    while reply.ok and (line := await connection.line()) is not None:
        lines.append(line)
    return parse_capa(lines)


def _passed(reply: Reply) -> None:
    if reply.ok:
        return
    if reply.code in _TEMPORARY:
        raise VisitFailed(f"the server has no room for us now: {reply.text}")
    raise LoginRefused(f"the server refused the name or the password: {reply.text}")
