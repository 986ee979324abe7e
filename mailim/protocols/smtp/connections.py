"""Counts of the connections one address may have."""

from __future__ import annotations

from collections import Counter


class Connections:
    """Open connections of all SMTP listeners together, by network (IPv4 address, IPv6 /64)."""

    def __init__(self, total: int, per_address: int) -> None:
        self._of: Counter[str] = Counter()
        self._all = 0
        self._total = total
        self._per_address = per_address

    def use(self, total: int, per_address: int) -> None:
        """Let other limits hold; who is there stays."""
        self._total = total
        self._per_address = per_address

    def enter(self, peer: str) -> bool:
        """Count a connection; False if there is no room (then do not `leave`)."""
        if self._all >= self._total or self._of[peer] >= self._per_address:
            if not self._of[peer]:
                del self._of[peer]
            return False
        self._of[peer] += 1
        self._all += 1
        return True

    def leave(self, peer: str) -> None:
        """Forget a connection."""
        self._all -= 1
        self._of[peer] -= 1
        if not self._of[peer]:
            del self._of[peer]
