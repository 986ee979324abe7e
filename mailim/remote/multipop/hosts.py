"""Which addresses may be connected to, if private networks are closed to users.

A name is resolved once, and only addresses that were looked at are connected to: a name
that means another address a moment later (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from zope.interface import implementer

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 2.1


def is_public(text: str) -> bool:
    """Say whether an IP address is on the internet, also those that wrap an IPv4 address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = inner or address
    return address.is_global and not address.is_multicast


@implementer(IHostnameResolver)
class _PublicResolver:
    """Resolves names, and keeps addresses that are not public to itself."""

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver
        self.withheld = False

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Twisted calls this."""
        receiver = _Receiver(resolutionReceiver, self)
        found: IHostResolution = self._resolver.resolveHostName(
            receiver, hostName, portNumber, addressTypes, transportSemantics
        )
        return found


@implementer(IResolutionReceiver)
class _Receiver:
    def __init__(self, receiver: IResolutionReceiver, resolver: _PublicResolver) -> None:
        self._receiver = receiver
        self._resolver = resolver

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: Any) -> None:
        if is_public(address.host):
            self._receiver.addressResolved(address)
        else:
            self._resolver.withheld = True

    def resolutionComplete(self) -> None:
        self._receiver.resolutionComplete()


@implementer(IReactorPluggableNameResolver)
class PublicReactor:
    """A reactor for one connection, to public addresses only.

    `withheld` tells afterwards whether there were others.
    """

    def __init__(self, reactor: Any) -> None:
        self._resolver = _PublicResolver(reactor.nameResolver)
        self.nameResolver = self._resolver
        self.connectTCP = reactor.connectTCP
        self.callLater = reactor.callLater
        self.seconds = reactor.seconds

    @property
    def withheld(self) -> bool:
        """Some addresses were not public."""
        return self._resolver.withheld

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Nobody may."""
        raise NotImplementedError("this reactor has one resolver")
