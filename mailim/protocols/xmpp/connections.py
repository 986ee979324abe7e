"""Counts connections, so that one address cannot take them all."""

from __future__ import annotations

from collections import Counter

from mailim.protocols.xmpp.settings import StreamSettings


class Connections:
    """Open connections of all XMPP listeners together."""

    def __init__(self, settings: StreamSettings) -> None:
        self.settings = settings
        self._of: Counter[str] = Counter()
        self._total = 0

    def enter(self, peer: str) -> bool:
        """Count a connection; False if there is no room (then do not `leave`)."""
        if self._total >= self.settings.connections:
            return False
        if self._of[peer] >= self.settings.connections_per_address:
            return False
        self._of[peer] += 1
        self._total += 1
        return True

    def leave(self, peer: str) -> None:
        """Forget a connection."""
        self._total -= 1
        self._of[peer] -= 1
        if not self._of[peer]:
            del self._of[peer]
