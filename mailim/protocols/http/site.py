"""The factory of connections: who may connect, which routes there are, the access log."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Site as TwistedSite

from mailim.protocols.http.channel import Channel
from mailim.protocols.http.exchange import Exchange
from mailim.protocols.http.limits import HttpLimits
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.router import Router

_LOGGED_PATH = 80  # characters of a path without a route
_QUIET_SECONDS = 10.0  # between warnings about too many connections


class Site(TwistedSite):
    """HTTP/1.1 for one listening port or several.

    `hosts` are the names (with port, unless the default one) it answers to; None for any.
    Paths stand in the log as their route's pattern: tokens and names are never logged.
    """

    _log = Logger()
    noisy = False
    displayTracebacks = False

    def __init__(
        self,
        reactor: Any,
        router: Router,
        limits: HttpLimits | None = None,
        hosts: frozenset[str] | None = None,
    ) -> None:
        self.limits = limits or HttpLimits()
        super().__init__(
            Resource(),
            requestFactory=Exchange,
            timeout=self.limits.idle_seconds,
            reactor=reactor,
            parsePOSTFormSubmission=False,
        )
        self.router = router
        self._hosts = hosts
        self._channels: set[Channel] = set()
        self._peers: Counter[str] = Counter()
        self._peer_of: dict[Channel, str] = {}
        self._quiet_until = 0.0

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Give a channel for a new connection, None beyond the limits."""
        peer = peer_key(getattr(addr, "host", None))
        if len(self._channels) >= self.limits.connections or (
            peer and self._peers[peer] >= self.limits.connections_per_peer
        ):
            self._warn(peer)
            return None
        channel = Channel(self.limits, self, self.reactor.callLater)
        self._channels.add(channel)
        self._peer_of[channel] = peer
        self._peers[peer] += 1
        return channel

    def _warn(self, peer: str) -> None:
        now = self.reactor.seconds()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET_SECONDS
            self._log.warn("too many connections, one from {peer} refused", peer=peer)

    def channel_gone(self, channel: Channel) -> None:
        """Free the place of a connection that ended."""
        if channel not in self._channels:
            return
        self._channels.discard(channel)
        peer = self._peer_of.pop(channel)
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._channels)

    def close(self) -> None:
        """Cut all connections; for the end of the server."""
        for channel in tuple(self._channels):
            channel.abort()

    def check_host(self, host: str) -> None:
        """Raise `Problem` 421 for a host that is not ours (RFC 9110 section 15.5.20)."""
        if self._hosts is not None and host not in self._hosts:
            raise Problem(421, "there is no such host here")

    def threads(self, work: Callable[[], Any]) -> Deferred[Any]:
        """Run `work` in a thread of the reactor's pool."""
        reactor: Any = self.reactor
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    def getResourceFor(self, request: Any) -> Any:
        """Give the mounted resource a request found."""
        return request.resource

    def acceptableProtocols(self) -> list[bytes]:
        """What ALPN may choose: HTTP/1.1."""
        return [b"http/1.1"]

    def startFactory(self) -> None:
        """Start; there is no log file of our own."""

    def stopFactory(self) -> None:
        """Stop listening; connections go on until `close`."""

    def log(self, request: Any) -> None:
        """Write the access log's line: no query, no cookie, no token."""
        path = request.pattern or request.path[:_LOGGED_PATH].decode("ascii", "replace")
        self._log.info(
            "{peer} {method} {path} {status} {octets} {milliseconds}ms",
            peer=getattr(request.client, "host", None) or "local",
            method=request.method.decode("ascii", "replace"),
            path=path,
            status=request.code if request.startedWriting else "gone",
            octets=request.sentLength,
            milliseconds=round((self.reactor.seconds() - request.began) * 1000),
        )


def peer_key(host: str | None) -> str:
    """Give what one peer is: an IPv4 address, an IPv6 /64, "" for a local socket."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False).network_address)
    return str(address)
