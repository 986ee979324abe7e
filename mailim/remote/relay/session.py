"""From an address to an SMTP session that may carry mail (RFC 5321 3.1, 3207, 4954)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from mailim.remote.relay.connection import SmtpConnection, Times
from mailim.remote.relay.tls import OpportunisticTls
from mailim.remote.relay.words import Delayed, HostFailed, TlsFailed
from mailim.tls import client_options
from mailim.wire.scram import ScramError
from mailim.wire.scram_client import ScramClient
from mailim.wire.smtp_client import Offers, Reply, parse_ehlo

_SCRAM: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1")


@dataclass(frozen=True, slots=True)
class Host:
    """Whom to talk to. `security`: opportunistic, starttls or tls (both verified)."""

    name: str
    address: str
    port: int
    security: str = "opportunistic"
    user: str = ""
    password: str = field(default="", repr=False)
    ca: bytes | None = None  # PEM; None: the system's


@dataclass(frozen=True, slots=True)
class Session:
    """A connection that is greeted, protected and signed in, as far as it goes."""

    host: Host
    connection: SmtpConnection
    offers: Offers
    protection: str  # for the log


class Door:
    """Opens sessions; `hostname` is how we greet."""

    _log = Logger()

    def __init__(self, reactor: Any, hostname: str, times: Times | None = None) -> None:
        self._reactor = reactor
        self._hostname = hostname
        self._times = times or Times()
        self._opportunistic: OpportunisticTls | None = None
        self.open: set[SmtpConnection] = set()

    async def enter(self, host: Host) -> Session:
        """Give a session; raises `HostFailed` or what the network raises.

        Where TLS is not demanded and its handshake fails, a second connection goes without.
        """
        try:
            return await self._enter(host, host.security)
        except TlsFailed as error:
            if host.security != "opportunistic":
                raise
            self._log.warn("{host}: {error}; going on without", host=host.name, error=error.text)
        return await self._enter(host, "none")

    async def close(self, session: Session) -> None:
        """End a session at once."""
        self.open.discard(session.connection)
        await session.connection.close()

    def leave(self, session: Session) -> Deferred[None]:
        """End a session as one should; fires when it is gone, nobody needs to wait for it."""
        gone = session.connection.quit()
        return gone.addCallback(lambda _: self.open.discard(session.connection))

    async def _enter(self, host: Host, security: str) -> Session:
        options = await self._options(host, security)
        connection = await self._connect(host, options if security == "tls" else None)
        self.open.add(connection)
        try:
            return await self._greet(connection, host, security, options)
        except BaseException:
            self.open.discard(connection)
            await connection.close()
            raise

    async def _options(self, host: Host, security: str) -> Any:
        """Give what TLS needs; reading all CAs takes too long for the reactor's thread."""

        def make() -> Any:
            if security != "opportunistic":
                return client_options(host.name, host.ca)
            if self._opportunistic is None:
                self._opportunistic = OpportunisticTls()
            return self._opportunistic.to(host.name)

        if security == "none":
            return None
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), make)

    async def _connect(self, host: Host, options: Any) -> SmtpConnection:
        kind = TCP6ClientEndpoint if ":" in host.address else TCP4ClientEndpoint
        endpoint: IStreamClientEndpoint = kind(
            self._reactor, host.address, host.port, timeout=self._times.connect
        )
        if options is not None:
            endpoint = wrapClientTLS(options, endpoint)
        make = lambda: SmtpConnection(self._reactor, self._times)  # noqa: E731
        connecting: Any = endpoint.connect(Factory.forProtocol(make))
        connection: SmtpConnection = await connecting
        return connection

    async def _greet(
        self, connection: SmtpConnection, host: Host, security: str, options: Any
    ) -> Session:
        greeting = await connection.reply(self._times.greeting)
        if not greeting.ok:
            # RFC 5321 3.1 has 554 for "no mail here"; another host of the domain may want it.
            raise HostFailed(greeting.words)
        offers = await self._hello(connection)
        protection = "certificate verified" if security == "tls" else "no TLS"
        if security == "starttls" and "STARTTLS" not in offers:
            raise HostFailed("the server offers no TLS, which is demanded here")
        if security in ("starttls", "opportunistic") and "STARTTLS" in offers:
            reply = await connection.ask("STARTTLS")
            if reply.code == 220:
                connection.start_tls(options)
                offers = await self._hello(connection)  # RFC 3207 4.2: all before is forgotten
                protection = "certificate verified"
                if security == "opportunistic":
                    assert self._opportunistic is not None  # noqa: S101 - `options` are its
                    handle = connection.tcp.getHandle()
                    protection = self._opportunistic.strength(handle, host.name)
            elif security == "starttls":
                raise HostFailed(f"the server refuses TLS: {reply.words}")
        if host.user:
            await _sign_in(connection, host, offers, self._in_thread)
        return Session(host, connection, offers, protection)

    async def _hello(self, connection: SmtpConnection) -> Offers:
        reply = await connection.ask("EHLO", self._hostname)
        if reply.ok:
            return parse_ehlo(reply)
        if not reply.temporary:  # RFC 5321 3.2: a server from before it
            reply = await connection.ask("HELO", self._hostname)
            if reply.ok:
                return Offers({})
        raise HostFailed(reply.words)

    async def _in_thread(self, work: Callable[[], bytes]) -> bytes:
        result: bytes = await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)
        return result


async def _sign_in(connection: SmtpConnection, host: Host, offers: Offers, in_thread: Any) -> None:
    """Sign in; a refusal is this site's fault, not the mail's: all of it waits."""
    if not connection.secured:
        raise HostFailed("the password is not sent without TLS")
    scram = next((each for each in _SCRAM if each in offers.mechanisms), None)
    if scram is not None:
        reply = await _by_scram(connection, host, scram, in_thread)
    elif "PLAIN" in offers.mechanisms:
        reply = await connection.ask("AUTH", "PLAIN")
        if reply.code == 334:
            reply = await connection.answer(f"\0{host.user}\0{host.password}".encode())
    else:
        raise HostFailed("the server offers no way to sign in that we know (SCRAM, PLAIN)")
    if reply.code == 334:
        reply = await connection.cancel()
    if reply.code != 235:
        raise HostFailed(f"the server does not let us sign in: {reply.words}")


async def _by_scram(
    connection: SmtpConnection, host: Host, mechanism: str, in_thread: Any
) -> Reply:
    """RFC 5802: the server proves that it knows the password, too."""
    try:
        client = ScramClient(mechanism, host.user, host.password, secrets.token_urlsafe(18))
        reply = await connection.ask("AUTH", mechanism)
        if reply.code != 334:
            return reply
        reply = await connection.answer(client.first())
        if reply.code != 334:
            return reply
        challenge = reply.challenge()
        reply = await connection.answer(await in_thread(lambda: client.final(challenge)))
        if reply.code == 334:
            client.verify(reply.challenge())
            return await connection.answer(b"")
        if reply.ok:
            raise Delayed("the server did not prove that it knows the password")
        return reply
    except ScramError as error:
        raise HostFailed(f"signing in failed: {error.text}") from None
