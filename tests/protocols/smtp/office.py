"""A whole server that gets mail over SMTP, and what tests look at in it."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailim.composition.server import Server
from mailim.interfaces.items import ItemQuery
from mailim.interfaces.store import ITransaction
from tests.fakes.inside import serve
from tests.fakes.raw_smtp import RawSmtp, connect

BOB = "bob@example.test"
ALICE = "alice@example.test"


class OfficeCase(TestCase):
    """A server with alice (administrator) and bob; connections end with the test."""

    async def serve(self, **changes: Any) -> Server:
        named = {f"smtp.{name}": value for name, value in changes.items() if name != "more"}
        changes = {**named, **changes.get("more", {})}
        self.server = await serve(self, "alice", "bob", admin="alice", changes=changes)
        return self.server

    async def connect(self, name: str = "smtp", hello: bool = True) -> RawSmtp:
        port = self.server.listeners.port(name)
        assert port is not None
        client = await connect(port, tls=name == "submissions")
        self.addCleanup(client.transport.abortConnection)  # type: ignore[union-attr]
        if hello:
            await client.say("EHLO client.example")
        return client

    async def inbox(self, address: str = BOB, count: int = 1) -> list[bytes]:
        """Wait for so many mails in an Inbox; gives them with their trace headers."""
        account = await self.server.core.directory.find(address)
        assert account is not None

        def unit(tx: ITransaction) -> list[bytes]:
            folder = tx.folders.by_role(account.id, "inbox")
            assert folder is not None
            query = ItemQuery(account.id, {"inMailbox": folder.id}, limit=1000)
            items = tx.items.get(account.id, tx.items.query(query).ids).values()
            return [each.prefix + tx.bodies.read(each.body_id) for each in items]

        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = await self.server.core.store.read(unit)
            if len(found) >= count:
                return found
            await deferLater(reactor, 0.02)
        self.fail(f"{len(found)} mails of {count} in the Inbox of {address}")

    async def spooled(self) -> int:
        """Say how many mails are in the spool."""
        return len(await self.server.core.store.read(lambda tx: tx.spool.list(1000)))
