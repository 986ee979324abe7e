"""A post office whose people are away, and a way out that keeps what goes there."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import implementer

from mailim.interfaces.relay import Handed, IRelay
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.mail.autoreply import Autoreplies
from mailim.mail.delivery import LocalDelivery
from tests.mail.post import Post
from tests.store.mails import message

BOB, ANN = 1, 2
DAY = 86_400.0
MESSAGE = message("Lunch", message_id="one@example.org")


def here(work: Any) -> Deferred[Any]:
    return maybeDeferred(work)


@implementer(IRelay)
class KeepingRelay:
    """Takes everything for other servers, and keeps what it was."""

    def __init__(self) -> None:
        self.sent: list[tuple[SpoolEntry, str]] = []
        self.failure: Exception | None = None

    async def send(
        self, entry: SpoolEntry, recipient: SpoolRecipient, headers: bytes = b""
    ) -> Handed:
        if self.failure is not None:
            raise self.failure
        self.sent.append((entry, recipient.address))
        return Handed()


class AutoreplyCase(Post):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.relay = KeepingRelay()

    def serve(self, filters: Any = (), relays: bool = True, **limits: Any) -> None:
        self.autoreplies = Autoreplies(
            self.store, self.intake, "mail.example.test", here, can_relay=relays, **limits
        )
        delivery = LocalDelivery(self.store, self.autoreplies)
        self.start(filters, self.relay if relays else None, delivery=delivery)

    async def set(self, account_id: int = BOB, **changes: Any) -> None:
        values = {"enabled": True, "text": "I am away."} | changes
        await self.store.write(lambda tx: tx.vacation.set(account_id, **values))

    async def answered(self) -> list[str]:
        """Give who got mail elsewhere, once the queue is at rest."""
        await self.settle()
        return [address for _, address in self.relay.sent]

    async def bodies(self) -> list[Message]:
        """Give the mails sent elsewhere."""
        await self.settle()
        found = []
        for entry, _ in self.relay.sent:
            self.assertEqual((entry.sender, entry.origin), ("", "system"))
            data = await self.store.bodies.read(entry.sha256)
            found.append(message_from_bytes(entry.prefix + data))
        return found
