"""A record on a real store whose files a test may edit behind its back."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailim.events import Events
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import IStore
from mailim.record.checkpoints import Checkpoints
from mailim.record.entries import Entry
from mailim.record.record import Record
from mailim.store.engine import DATABASE, Store
from tests.fakes.record import a_signer
from tests.fakes.store import empty_database, short_directory

START = 1_795_000_000  # 2026-11-18T11:06:40Z
ALICE, BOB = "alice@example.test", "bob@example.test"


class RecordSite:
    """A directory, a store in it, and a record; `clock` stands still unless moved."""

    def __init__(self, case: TestCase, directory: Path | None = None) -> None:
        self.case = case
        self.directory = directory or short_directory(case)
        self.database = self.directory / DATABASE
        if not self.database.exists():
            self.database.write_bytes(empty_database())
        self.clock = Clock()
        self.clock.advance(START)
        self.signer = a_signer()
        self.notes = self.directory / "record" / "checkpoints.txt"
        self.open()

    def open(self) -> None:
        """Open the store, and a record on it."""
        threads = cast(IReactorFromThreads, reactor)
        self.store: IStore = Store.open(threads, self.directory, Events(), readers=2)
        self.case.addCleanup(self.store.close)
        self.record = Record(self.store, self.signer, self.clock)

    async def reopen(self) -> None:
        """Do as a server that is started again."""
        await self.store.close()
        self.open()

    def checkpoints(self, **options: Any) -> Checkpoints:
        return Checkpoints(reactor, self.store, self.signer, self.notes, **options)

    async def say(self, *texts: str) -> list[Leaf]:
        """Record messages from alice to bob, a second apart."""
        leaves = []
        for text in texts:
            leaves.append(await self.record.append(message(text)))
            self.clock.advance(1)
        return leaves

    def edit(self, *statements: str | tuple[str, Sequence[Any]]) -> None:
        """Change the SQLite file from outside."""
        driver = sqlite3.connect(self.database, isolation_level=None)
        try:
            for each in statements:
                text, values = (each, ()) if isinstance(each, str) else each
                driver.execute(text, values)
        finally:
            driver.close()


def message(text: str, sender: str = ALICE, recipient: str = BOB) -> Entry:
    stanza = f"<message xmlns='jabber:client' to='{recipient}'><body>x</body></message>"
    return Entry("message", sender, recipient, text, stanza.encode())
