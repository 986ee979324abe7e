"""The store as a whole: group commit, priorities, failures, snapshots, closing."""

from __future__ import annotations

import sqlite3
import stat
import threading
import time
from pathlib import Path
from typing import cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from mailim.errors import AlreadyExists, Invalid, StoreUnavailable
from mailim.events import AccountsChanged, Event, Events
from mailim.interfaces.bodies import IBodies, IBodyWriter
from mailim.interfaces.store import IStore, ITransaction, Priority
from mailim.store import writer
from mailim.store.engine import DATABASE, Store
from tests.fakes.store import short_directory
from tests.store.engine_case import Gate, StoreTestCase, add_domain, driver, names


class WritingTests(StoreTestCase):
    def test_interfaces(self) -> None:
        verifyObject(IStore, self.store)
        verifyObject(IBodies, self.store.bodies)
        verifyObject(IBodyWriter, self.store.bodies.writer(5))

    async def test_result_and_durability(self) -> None:
        domain = await self.store.write(lambda tx: tx.accounts.add_domain("a.test", 1))
        self.assertEqual(domain.name, "a.test")
        self.assertEqual(await self.store.read(names), ["a.test"])

    async def test_fires_on_the_reactor_thread(self) -> None:
        ran: list[threading.Thread] = []
        waiting = self.store.write(lambda tx: ran.append(threading.current_thread()))
        waiting.addCallback(lambda _: ran.append(threading.current_thread()))
        await waiting
        self.assertNotEqual(ran[0], threading.current_thread())
        self.assertEqual(ran[1], threading.current_thread())

    async def test_many_units_share_a_commit(self) -> None:
        commits = 0
        connection = await self.store.write(driver)

        def trace(sql: str) -> None:
            nonlocal commits
            commits += sql == "COMMIT"

        gate = Gate(self.store)
        connection.set_trace_callback(trace)
        waiting = [self.store.write(add_domain(f"{n}.test")) for n in range(100)]
        gate.open()
        await gatherResults(waiting)
        connection.set_trace_callback(None)
        self.assertEqual(commits, 1)
        self.assertEqual(len(await self.store.read(names)), 100)

    async def test_batch_is_bounded(self) -> None:
        self.patch(writer, "BATCH_UNITS", 10)
        running = await self.store.write(driver)
        statements: list[str] = []
        gate = Gate(self.store)
        running.set_trace_callback(statements.append)
        waiting = [self.store.write(lambda tx: None) for _ in range(25)]
        gate.open()
        await gatherResults(waiting)
        running.set_trace_callback(None)
        # The gate's batch takes 9 more, then 10, then 6.
        self.assertEqual(statements.count("COMMIT"), 3)

    async def test_batch_is_bounded_in_time(self) -> None:
        self.patch(writer, "BATCH_SECONDS", 0.0)
        running = await self.store.write(driver)
        statements: list[str] = []
        gate = Gate(self.store)
        running.set_trace_callback(statements.append)
        waiting = [self.store.write(lambda tx: None) for _ in range(3)]
        gate.open()
        await gatherResults(waiting)
        running.set_trace_callback(None)
        self.assertEqual(statements.count("COMMIT"), 4)

    async def test_failing_unit_is_rolled_back_alone(self) -> None:
        gate = Gate(self.store)

        def half(tx: ITransaction) -> None:
            tx.accounts.add_domain("half.test", 1)
            raise ValueError("no")

        first = self.store.write(half)  # rolls the transaction back
        before = self.store.write(add_domain("before.test"))
        failing = self.store.write(half)  # rolls a savepoint back
        same = self.store.write(add_domain("before.test"))
        after = self.store.write(add_domain("after.test"))
        gate.open()
        await self.failure(first, ValueError)
        await before
        await self.failure(failing, ValueError)
        await self.failure(same, AlreadyExists)
        await after
        self.assertEqual(await self.store.read(names), ["after.test", "before.test"])

    async def test_first_units_failing_one_after_another(self) -> None:
        waiting = [self.store.write(lambda tx: 1 // 0) for _ in range(5)]
        for each in waiting:
            await self.failure(each, ZeroDivisionError)
        await self.store.write(add_domain("a.test"))
        self.assertEqual(await self.store.read(names), ["a.test"])

    async def test_unexpected_error_passes_to_its_deferred(self) -> None:
        def broken(tx: ITransaction) -> None:
            driver(tx).execute("INSERT INTO credential VALUES (99, 'x', '')")

        await self.failure(self.store.write(broken), sqlite3.IntegrityError)

        def nonsense(tx: ITransaction) -> None:
            driver(tx).execute("SELECT nothing FROM nowhere")

        await self.failure(self.store.write(nonsense), sqlite3.OperationalError)

    async def test_asynchronous_unit_is_refused(self) -> None:
        async def unit(tx: ITransaction) -> None:
            raise AssertionError("not reached")

        for start in (self.store.write, self.store.read):
            waiting = start(unit)
            await self.failure(waiting, TypeError)
            await self.failure(start(lambda tx: Deferred()), TypeError)

    async def test_slow_unit_is_named(self) -> None:
        self.patch(writer, "SLOW_SECONDS", 0.0)
        with capturedLogs() as events:

            def slow(tx: ITransaction) -> None:
                pass

            await self.store.write(slow)
        self.assertIn("slow", " ".join(str(event.get("unit")) for event in events))

    async def test_priorities(self) -> None:
        gate = Gate(self.store)
        order: list[str] = []
        waiting = [
            self.store.write(lambda tx, n=name: order.append(n), priority)  # type: ignore[misc]
            for name, priority in (
                ("background 1", Priority.BACKGROUND),
                ("normal 1", Priority.NORMAL),
                ("im 1", Priority.IM),
                ("normal 2", Priority.NORMAL),
                ("im 2", Priority.IM),
                ("background 2", Priority.BACKGROUND),
            )
        ]
        gate.open()
        await gatherResults(waiting)
        self.assertEqual(
            order, ["im 1", "im 2", "normal 1", "normal 2", "background 1", "background 2"]
        )

    async def test_who_waited_long_goes_first(self) -> None:
        now = 0.0
        self.store._writer._seconds = lambda: now
        order: list[str] = []
        gate = Gate(self.store)
        old = self.store.write(lambda tx: order.append("background"), Priority.BACKGROUND)
        now = writer.PATIENCE_SECONDS + 1
        new = self.store.write(lambda tx: order.append("im"), Priority.IM)
        gate.open()
        await gatherResults([old, new])
        self.assertEqual(order, ["background", "im"])

    async def test_too_many_waiting(self) -> None:
        self.patch(writer, "WAITING_UNITS", 3)
        gate = Gate(self.store)
        waiting = [self.store.write(lambda tx: None) for _ in range(3)]
        await self.failure(self.store.write(lambda tx: None), StoreUnavailable)
        gate.open()
        await gatherResults(waiting)
        await self.store.write(lambda tx: None)


class EffectsTests(StoreTestCase):
    async def test_order_after_the_commit(self) -> None:
        order: list[object] = []
        self.events.subscribe(AccountsChanged, order.append)

        def unit(tx: ITransaction) -> str:
            tx.after_commit(lambda: order.append(threading.current_thread()))
            tx.publish(AccountsChanged("1"))
            tx.publish(AccountsChanged("2"))
            tx.publish(AccountsChanged("1"))
            return "result"

        await self.store.write(unit).addCallback(order.append)
        self.assertEqual(
            order,
            [
                AccountsChanged("1"),
                AccountsChanged("2"),
                threading.current_thread(),
                "result",
            ],
        )

    async def test_committed_before_published(self) -> None:
        seen: list[Deferred[list[str]]] = []

        def published(event: Event) -> None:
            seen.append(self.store.read(names))

        self.events.subscribe(AccountsChanged, published)
        await self.store.write(add_domain("a.test"))
        self.assertEqual(await seen[0], ["a.test"])

    async def test_nothing_of_a_failed_unit(self) -> None:
        seen: list[object] = []
        self.events.subscribe(AccountsChanged, seen.append)

        def unit(tx: ITransaction) -> None:
            tx.accounts.add_domain("a.test", 1)
            tx.after_commit(lambda: seen.append("committed"))
            tx.after_rollback(lambda: seen.append("first"))
            tx.after_rollback(lambda: seen.append(threading.current_thread().name))
            raise ValueError

        gate = Gate(self.store)
        failing = self.store.write(unit)
        following = self.store.write(lambda tx: seen.append("next unit"))
        gate.open()
        await self.failure(failing, ValueError)
        await following
        # Newest first, in the writer thread, before the next unit begins.
        self.assertEqual(seen, ["store writer", "first", "next unit"])

    async def test_success_runs_no_rollback_work(self) -> None:
        seen: list[str] = []
        await self.store.write(lambda tx: tx.after_rollback(lambda: seen.append("no")))
        self.assertEqual(seen, [])

    async def test_work_that_raises_disturbs_nobody(self) -> None:
        def unit(tx: ITransaction) -> str:
            tx.after_commit(lambda: 1 // 0)  # type: ignore[arg-type]
            return "result"

        self.assertEqual(await self.store.write(unit), "result")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ReadingTests(StoreTestCase):
    async def test_snapshot(self) -> None:
        await self.store.write(add_domain("a.test"))
        first_done, go_on = threading.Event(), threading.Event()

        def unit(tx: ITransaction) -> tuple[list[str], list[str]]:
            before = names(tx)
            first_done.set()
            go_on.wait(5)
            return before, names(tx)

        reading = self.store.read(unit)
        first_done.wait(5)
        await self.store.write(add_domain("b.test"))
        go_on.set()
        self.assertEqual(await reading, (["a.test"], ["a.test"]))
        self.assertEqual(await self.store.read(names), ["a.test", "b.test"])

    async def test_cannot_write(self) -> None:
        await self.failure(self.store.read(add_domain("a.test")), sqlite3.OperationalError)
        self.assertEqual(await self.store.read(names), [])

    async def test_error(self) -> None:
        await self.failure(self.store.read(lambda tx: 1 // 0), ZeroDivisionError)

    async def test_readers_do_not_wait_for_the_writer(self) -> None:
        gate = Gate(self.store)
        self.assertEqual(await self.store.read(names), [])
        gate.open()
        await gate.done


class ClosingTests(StoreTestCase):
    async def test_close_finishes_what_waits(self) -> None:
        gate = Gate(self.store)
        order: list[object] = []
        waiting = [self.store.write(add_domain(f"{n}.test")) for n in range(50)]
        reading = self.store.read(lambda tx: time.sleep(0.05))
        waiting[-1].addCallback(lambda _: order.append("written"))
        closing = self.store.close().addCallback(lambda _: order.append("closed"))
        again = self.store.close()
        gate.open()
        await gatherResults([gate.done, reading, closing, again])
        self.assertEqual(order, ["written", "closed"])
        for late in (
            self.store.write(names),
            self.store.read(names),
            self.store.bodies.prepare(b""),
            self.store.bodies.read(b"x" * 32),
        ):
            await self.failure(late, StoreUnavailable)
        await self.store.close()

    async def test_opened_again(self) -> None:
        directory = short_directory(self)
        threads = cast(IReactorFromThreads, reactor)
        store = Store.open(threads, directory / "var", Events())
        await store.write(add_domain("a.test"))
        await store.close()
        self.assertEqual([each.name for each in (directory / "var").iterdir() if each.is_file()],
                         [DATABASE])  # fmt: skip
        store = Store.open(threads, directory / "var", Events())
        self.assertEqual(await store.read(names), ["a.test"])
        await store.close()

    async def test_private_files(self) -> None:
        directory = short_directory(self) / "var"
        store = Store.open(cast(IReactorFromThreads, reactor), directory, Events())
        self.addCleanup(store.close)
        body = await store.bodies.prepare(b"x" * 200_000)
        await store.write(lambda tx: tx.bodies.add(body))

        def mode(path: Path) -> int:
            return stat.S_IMODE(path.stat().st_mode)

        found = [directory, *directory.rglob("*")]
        self.assertGreaterEqual(len(found), 7)
        for path in found:
            self.assertEqual(mode(path), 0o700 if path.is_dir() else 0o600, path)

    def test_unknown_url(self) -> None:
        threads = cast(IReactorFromThreads, reactor)
        self.assertRaises(
            Invalid, Store.open, threads, short_directory(self), Events(), url="mysql"
        )

    def test_not_a_database(self) -> None:
        directory = short_directory(self)
        (directory / DATABASE).write_bytes(b"not a database" * 1000)
        threads = cast(IReactorFromThreads, reactor)
        self.assertRaises(StoreUnavailable, Store.open, threads, directory, Events())


class CancelTests(StoreTestCase):
    async def test_cancelled_unit_disturbs_nobody(self) -> None:
        gate = Gate(self.store)
        waiting = self.store.write(add_domain("a.test"))
        outcome: list[Failure] = []
        waiting.addErrback(outcome.append)
        waiting.cancel()
        gate.open()
        await self.store.write(add_domain("b.test"))
        self.assertEqual(len(outcome), 1)
        self.assertEqual(await self.store.read(names), ["a.test", "b.test"])
