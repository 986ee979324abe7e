"""A way to other servers that only remembers."""

from __future__ import annotations

from zope.interface import implementer

from mailim.interfaces.relay import Handed, IRelay
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient


@implementer(IRelay)
class RememberingRelay:
    """Takes everything, or raises what it is told to, once each; `tells`: it knows DSN."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.tells = False
        self.sent: list[tuple[str, str]] = []  # sender, recipient
        self.headers: list[bytes] = []  # that were to stand before each

    async def send(
        self, entry: SpoolEntry, recipient: SpoolRecipient, headers: bytes = b""
    ) -> Handed:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append((entry.sender, recipient.address))
        self.headers.append(headers)
        return Handed("mx.example.org", "250 2.0.0 Ok", self.tells)
