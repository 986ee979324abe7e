"""A database that cannot work for a while: full, locked, its transaction lost."""

from __future__ import annotations

import sqlite3

from mailim.errors import StoreUnavailable
from mailim.events import AccountsChanged
from mailim.interfaces.store import ITransaction
from tests.store.engine_case import Gate, StoreTestCase, Unit, add_domain, driver, names


class UnableTests(StoreTestCase):
    """The database cannot work: full, locked, the transaction lost."""

    async def full(self, tx_full: bool = True) -> None:
        """Let the database grow no more (what SQLite does on a full disk), or grow again."""

        def limit(tx: ITransaction) -> None:
            pages = driver(tx).execute("PRAGMA page_count").fetchone()[0]
            driver(tx).execute(f"PRAGMA max_page_count = {pages if tx_full else 1 << 30}")

        await self.store.write(limit)

    def big(self, name: str) -> Unit:
        def unit(tx: ITransaction) -> None:
            tx.accounts.add_domain(name, 1)
            account = tx.accounts.add(f"a@{name}", "", False, 1)
            tx.accounts.set_settings(account.id, {"big": "x" * 100_000})

        return unit

    async def test_full_and_recovered(self) -> None:
        await self.full()
        rolled_back: list[str] = []

        def unit(tx: ITransaction) -> None:
            tx.after_rollback(lambda: rolled_back.append("yes"))
            self.big("a.test")(tx)

        error = await self.failure(self.store.write(unit), StoreUnavailable)
        self.assertNotIn("full", str(error))
        self.assertIn("full", str(error.__cause__))
        self.assertEqual(rolled_back, ["yes"])
        self.assertEqual(await self.store.read(names), [])
        await self.full(False)
        await self.store.write(self.big("a.test"))
        self.assertEqual(await self.store.read(names), ["a.test"])

    async def test_small_units_beside_one_too_big(self) -> None:
        await self.full()
        gate = Gate(self.store)
        before = self.store.write(lambda tx: "before")
        big = self.store.write(self.big("a.test"))
        after = self.store.write(lambda tx: "after")
        gate.open()
        await self.failure(big, StoreUnavailable)
        # SQLite may give up the whole transaction; then the unit before fails too, and
        # must say so. Either way the one after is unharmed or told.
        for waiting in (gate.done, before, after):
            outcome = await waiting.addErrback(lambda failure: failure.value)
            done = outcome in (None, "before", "after")
            self.assertTrue(done or type(outcome) is StoreUnavailable, outcome)
        self.assertEqual(await self.store.read(names), [])

    async def test_failed_commit_fails_all(self) -> None:
        seen: list[str] = []
        self.events.subscribe(AccountsChanged, lambda event: seen.append("published"))
        gate = Gate(self.store)

        def unit(name: str) -> Unit:
            def add(tx: ITransaction) -> None:
                tx.accounts.add_domain(name, 1)
                tx.after_rollback(lambda: seen.append(name))

            return add

        def spoil(tx: ITransaction) -> None:
            # A reference nobody checks before the commit: the commit itself fails.
            driver(tx).execute("PRAGMA defer_foreign_keys = ON")
            driver(tx).execute("INSERT INTO credential VALUES (99, 'x', '')")

        waiting = [
            self.store.write(unit("a.test")),
            self.store.write(spoil),
            self.store.write(unit("b.test")),
            self.store.write(lambda tx: 1 // 0),
        ]
        gate.open()
        await self.failure(gate.done, StoreUnavailable)
        for each in waiting[:3]:
            await self.failure(each, StoreUnavailable)
        await self.failure(waiting[3], ZeroDivisionError)
        self.assertEqual(seen, ["b.test", "a.test"])
        self.assertEqual(await self.store.read(names), [])
        await self.store.write(add_domain("c.test"))
        self.assertEqual(await self.store.read(names), ["c.test"])

    async def test_lost_transaction_fails_those_before(self) -> None:
        gate = Gate(self.store)

        def lose(tx: ITransaction) -> None:
            # What SQLite does by itself after some I/O errors.
            driver(tx).execute("ROLLBACK")
            raise sqlite3.OperationalError("disk I/O error")

        before = self.store.write(add_domain("before.test"))
        losing = self.store.write(lose)
        after = self.store.write(add_domain("after.test"))
        gate.open()
        await self.failure(gate.done, StoreUnavailable)
        await self.failure(before, StoreUnavailable)
        await self.failure(losing, sqlite3.OperationalError)
        await after
        self.assertEqual(await self.store.read(names), ["after.test"])

    async def test_locked_by_another_process(self) -> None:
        def settings(tx: ITransaction) -> str:
            driver(tx).execute("PRAGMA busy_timeout = 20")
            path: str = driver(tx).execute("PRAGMA database_list").fetchone()[2]
            return path

        other = sqlite3.connect(await self.store.write(settings), isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        waiting = [self.store.write(add_domain(f"{n}.test")) for n in range(3)]
        for each in waiting:
            await self.failure(each, StoreUnavailable)
        other.execute("ROLLBACK")
        await self.store.write(add_domain("a.test"))
        self.assertEqual(await self.store.read(names), ["a.test"])
