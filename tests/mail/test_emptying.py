"""Deleted folders are emptied in small units, whatever happens in between."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.trial.unittest import TestCase

from mailim.events import Events
from mailim.interfaces.store import ITransaction
from mailim.mail import emptying
from mailim.mail.emptying import Emptying
from mailim.store.engine import Store
from tests.fakes.store import short_directory
from tests.store.mails import add_account, add_item, message

ROOT = Path(__file__).parents[2]
reactor: Any = the_reactor
MANY = 150  # more than a deletion takes with it itself


def fill(tx: ITransaction) -> tuple[int, int]:
    account = add_account(tx).id
    tx.folders.create(account, "Inbox", role="inbox")
    work = tx.folders.create(account, "Work").id
    for number in range(MANY):
        add_item(tx, work, message(subject=f"S{number}"))
    return account, work


class EmptyingTests(TestCase):
    async def open(self, directory: Path) -> Store:
        self.events, self.directory = Events(), directory
        store = Store.open(reactor, directory, self.events)
        self.addCleanup(store.close)
        return store

    async def left(self, store: Store) -> tuple[int, list[int]]:
        """Give how many items there are, also those that nobody finds, and removed folders."""
        with closing(sqlite3.connect(self.directory / "mailim.db")) as database:
            (items,) = database.execute("SELECT count(*) FROM item").fetchone()
        return items, list(await store.read(lambda tx: tx.folders.removed()))

    async def test_by_itself_in_small_units(self) -> None:
        store = await self.open(short_directory(self))
        account, work = await store.write(fill)
        sizes: list[int] = []
        counted: Any = _Counting(store, sizes)
        service = Emptying(reactor, counted, self.events)
        service.startService()
        self.addCleanup(service.stopService)
        await store.write(lambda tx: tx.folders.delete(work, True))
        while (await self.left(store)) != (0, []):
            pass
        await service._work
        self.assertEqual(sum(sizes), MANY)
        self.assertEqual(max(sizes), emptying.ITEMS)
        # Another one while nothing is under way.
        again = await store.write(lambda tx: tx.folders.create(account, "Work").id)
        await store.write(lambda tx: tx.folders.delete(again, True))

    async def test_stopped_in_the_middle_goes_on_at_the_next_start(self) -> None:
        directory = short_directory(self)
        store = await self.open(directory)
        _account, work = await store.write(fill)
        await store.write(lambda tx: tx.folders.delete(work, True))
        service = Emptying(reactor, store, self.events)
        service.startService()
        await service.stopService()  # the unit under way is the last
        items, removed = await self.left(store)
        self.assertGreater(items, 0)
        self.assertEqual(removed, [work])
        service.startService()
        await service._work
        self.assertEqual(await self.left(store), (0, []))
        await service.stopService()

    async def test_killed_in_the_middle(self) -> None:
        directory = short_directory(self)
        store = await self.open(directory)
        account, work = await store.write(fill)
        await store.write(lambda tx: tx.folders.delete(work, True))
        await store.close()
        with subprocess.Popen(
            [sys.executable, "-m", "tests.mail.emptying_child", str(directory)],
            stdout=subprocess.PIPE, cwd=ROOT,
        ) as child:  # fmt: skip
            assert child.stdout is not None
            for _ in range(2):
                self.assertEqual(child.stdout.readline(), b"step\n")
            child.kill()
        store = await self.open(directory)
        items, _ = await self.left(store)
        self.assertLessEqual(items, MANY - 2 * emptying.ITEMS)
        service = Emptying(reactor, store, self.events)
        service.running = True
        self.assertEqual(await service.empty(), items)
        self.assertEqual(await self.left(store), (0, []))
        inbox = await store.read(lambda tx: tx.folders.by_role(account, "inbox"))
        assert inbox is not None
        self.assertEqual((inbox.total, inbox.total_threads, inbox.unread_threads), (0, 0, 0))


class _Counting:
    """A store that notes how many items each unit took."""

    def __init__(self, store: Store, sizes: list[int]) -> None:
        self.read = store.read
        self._store = store
        self._sizes = sizes

    async def write(self, *arguments: Any) -> Any:
        went = await self._store.write(*arguments)
        self._sizes.append(went)
        return went
