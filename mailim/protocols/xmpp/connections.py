"""Counts connections, so that one address cannot take them all."""

from __future__ import annotations

from collections import Counter

from twisted.logger import Logger

from mailim.accounts.limiter import network_of
from mailim.protocols.xmpp.settings import StreamSettings


class Connections:
    """Open connections of all XMPP listeners together.

    A peer is an IPv4 address or an IPv6 /64, which one machine can have all of.
    """

    _log = Logger()

    def __init__(self, settings: StreamSettings) -> None:
        self.settings = settings
        self._of: Counter[str] = Counter()
        self._total = 0
        self._refused = False

    def enter(self, peer: str) -> bool:
        """Count a connection; False if there is no room (then do not `leave`)."""
        network = network_of(peer)
        full = self._total >= self.settings.connections
        if full or self._of[network] >= self.settings.connections_per_address:
            if not self._refused:  # once, until somebody leaves
                self._refused = True
                self._log.warn(
                    "too many XMPP connections ({total}), one from {peer} refused",
                    peer=peer,
                    total=self._total,
                )
            return False
        self._of[network] += 1
        self._total += 1
        return True

    def leave(self, peer: str) -> None:
        """Forget a connection."""
        network = network_of(peer)
        self._refused = False
        self._total -= 1
        self._of[network] -= 1
        if not self._of[network]:
            del self._of[network]
