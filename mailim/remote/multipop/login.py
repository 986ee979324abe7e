"""From a host name to a POP3 session that is logged in (RFC 1939, 2449, 2595, 5034)."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.threads import deferToThreadPool

from mailim.remote.multipop.connection import Pop3Connection
from mailim.remote.multipop.words import LoginRefused, VisitFailed
from mailim.tls import client_options
from mailim.wire.pop3 import Capabilities, Command, Reply, parse_capa

_TEMPORARY = ("SYS/TEMP", "IN-USE", "LOGIN-DELAY")  # RFC 2449 8.1, RFC 3206
_MAX_CA = 1024 * 1024


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


class Doorway:
    """Opens connections. `private`: whether hosts on private networks may be visited."""

    def __init__(
        self, reactor: Any, silence: Callable[[], float], private: Callable[[], bool]
    ) -> None:
        self._reactor = reactor
        self._silence = silence
        self._private = private

    async def enter(self, where: Where) -> tuple[Pop3Connection, Capabilities]:
        """Connect and log in; raises `VisitFailed`, `LoginRefused` or a network error."""
        options = await self._tls(where)
        endpoint = await self._endpoint(where)
        if where.tls == "tls":
            endpoint = wrapClientTLS(options, endpoint)
        silence = self._silence()
        connection = Pop3Connection(self._reactor, silence)
        connecting = connectProtocol(endpoint, connection)
        connecting.addTimeout(silence, self._reactor)
        await connecting
        try:
            return connection, await self._log_in(connection, where, options)
        except BaseException:
            connection.close()
            raise

    async def _tls(self, where: Where) -> Any:
        if where.tls == "none":
            return None
        if not where.ca:
            return client_options(where.host)
        try:
            ca = await self._thread(lambda: _read(Path(where.ca)))
        except OSError:
            raise VisitFailed("the CA file of this box cannot be read") from None
        return client_options(where.host, ca)

    async def _endpoint(self, where: Where) -> IStreamClientEndpoint:
        if self._private():
            endpoint: IStreamClientEndpoint = HostnameEndpoint(
                self._reactor, where.host.encode("idna"), where.port, timeout=self._silence()
            )
            return endpoint
        # Connect to the very address that was checked: a name may mean another one later.
        found = await self._thread(
            lambda: socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
        )
        for family, _, _, _, address in found:
            if ipaddress.ip_address(address[0]).is_global:
                kind = TCP6ClientEndpoint if family == socket.AF_INET6 else TCP4ClientEndpoint
                return kind(self._reactor, address[0], where.port, timeout=int(self._silence()))
        raise VisitFailed("the server is on a private network, which is not allowed here")

    def _thread(self, work: Callable[[], Any]) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)

    async def _log_in(self, connection: Pop3Connection, where: Where, options: Any) -> Capabilities:
        greeting = await connection.greeting()
        if not greeting.ok:
            raise VisitFailed(f"the server does not want to talk: {greeting.text}")
        if where.tls == "stls":
            reply = await connection.ask(Command.stls())
            if not reply.ok:
                raise VisitFailed("the server offers no TLS (STLS) on this port")
            connection.start_tls(options)
        # Capabilities from before TLS or login mean nothing afterwards (RFC 2449 5).
        offered = await self._capabilities(connection)
        if not where.user.isascii() or not where.password.isascii():
            await _utf8(connection, offered)
        if "PLAIN" in offered.sasl:
            await self._plain(connection, where)
        else:
            _passed(await connection.ask(Command.user(where.user)))
            _passed(await connection.ask(Command.password(where.password)))
        return await self._capabilities(connection)

    async def _plain(self, connection: Pop3Connection, where: Where) -> None:
        """AUTH PLAIN in two steps: some servers take no initial response (RFC 5034 4)."""
        if "\0" in where.user + where.password:
            raise VisitFailed("the login name or the password holds a NUL")
        connection.send(Command.auth("PLAIN"))
        event = await connection.event()
        if not isinstance(event, Reply):
            connection.answer(f"\0{where.user}\0{where.password}".encode())
            event = await connection.reply()
        _passed(event)

    async def _capabilities(self, connection: Pop3Connection) -> Capabilities:
        reply, lines = await connection.listing(Command.capa())
        return parse_capa(lines if reply.ok else ())


async def _utf8(connection: Pop3Connection, offered: Capabilities) -> None:
    if "UTF8" in offered:
        await connection.ask(Command.utf8())  # RFC 6856 2.1


def _passed(reply: Reply) -> None:
    if reply.ok:
        return
    if reply.code in _TEMPORARY:
        raise VisitFailed(f"the server has no room for us now: {reply.text}")
    raise LoginRefused(f"the server refused the name or the password: {reply.text}")


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_MAX_CA)
