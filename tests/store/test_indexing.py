"""The service that fills the index: at start, after events, in spite of trouble."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailim.errors import StoreUnavailable
from mailim.events import Events
from mailim.interfaces.store import IStore, Priority
from mailim.store import indexing
from mailim.store.indexing import Indexing
from tests.fakes.store import open_store
from tests.fakes.waiting import until
from tests.store.mails import add_account, add_item, message


class IndexingTest(TestCase):
    def setUp(self) -> None:
        self.events = Events()
        self.store = open_store(self, self.events)
        self.priorities: list[Priority] = []

    async def fill(self, first: int, count: int) -> None:
        def unit(tx: Any) -> None:
            folder = tx.folders.by_role(1, "inbox") if first else None
            account = 1 if folder else add_account(tx).id
            folder = folder or tx.folders.create(account, "Inbox", role="inbox")
            for at in range(first, first + count):
                add_item(tx, folder.id, message(body=f"number{at} " + "words " * 2000))

        await self.store.write(unit)

    async def waiting(self) -> int:
        def unit(tx: Any) -> int:
            return len(tx.search.waiting(0, 999))

        return await self.store.read(unit)

    async def until_indexed(self) -> None:
        async def filled() -> bool:
            return not await self.waiting()

        await until(filled)

    def started(self, store: IStore) -> Indexing:
        service = Indexing(reactor, store, self.events)
        service.startService()
        self.addCleanup(service.stopService)
        return service

    async def test_at_start_and_after_events(self) -> None:
        await self.fill(0, 30)
        self.assertEqual(await self.waiting(), 30)
        self.started(self.store)
        await self.until_indexed()
        await self.fill(30, 5)
        self.assertEqual(await self.waiting(), 5)
        await self.until_indexed()

    async def test_small_units_behind_everything(self) -> None:
        await self.fill(0, 30)
        self.patch(indexing, "UNIT_SECONDS", 0.0)
        self.started(self)  # type: ignore[arg-type]
        await self.until_indexed()
        self.assertEqual(self.priorities, [Priority.BACKGROUND] * 30)

    async def test_trouble(self) -> None:
        await self.fill(0, 3)
        self.patch(indexing, "TROUBLE_SECONDS", 0.05)
        self.failing = 2
        self.started(self)  # type: ignore[arg-type]
        await self.until_indexed()
        self.assertEqual(len(self.flushLoggedErrors(StoreUnavailable)), 2)

    async def test_stop(self) -> None:
        await self.fill(0, 30)
        service = self.started(self.store)
        await deferLater(reactor, 0)
        await service.stopService()
        left = await self.waiting()
        await deferLater(reactor, 0.05)
        self.assertEqual(await self.waiting(), left)

    # --- a store that watches, and fails as often as it is told -----------------------------

    failing = 0

    def read(self, unit: Any) -> Deferred[Any]:
        return self.store.read(unit)

    async def write(self, unit: Any, priority: Priority) -> Any:
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("no room")
        self.priorities.append(priority)
        return await self.store.write(unit, priority)
