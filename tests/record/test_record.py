"""Appending: order, durability, what is undone together, what happens when it cannot be done."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import TestCase

from mailim.errors import Invalid, LimitExceeded, RecordUnavailable, StoreUnavailable
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import ITransaction, Priority
from mailim.record.entries import Entry, damage
from mailim.wire.merkle import root_of
from tests.fakes.store import short_directory
from tests.record.sites import ALICE, BOB, START, RecordSite, message
from tests.record.test_entries import SEAL


async def stored(site: RecordSite) -> list[Leaf]:
    return list(await site.store.read(lambda tx: tx.record.leaves(0, 100_000)))


class Recorder:
    """Remembers the leaves it is told of."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def add(self, leaf: Leaf) -> None:
        self.seen.append(leaf.seq)
        if leaf.body == "boom":
            raise RuntimeError("a listener's mistake")


class AppendTests(TestCase):
    async def test_leaf_is_what_is_stored(self) -> None:
        site = RecordSite(self)
        [leaf] = await site.say("hello")
        self.assertEqual(await stored(site), [leaf])
        self.assertEqual((leaf.seq, leaf.time), (0, START * 1_000_000))
        self.assertEqual((leaf.sender, leaf.recipient, leaf.body), (ALICE, BOB, "hello"))
        self.assertIsNone(damage(leaf, 0, SEAL))

    async def test_many_at_once_are_numbered_without_a_gap(self) -> None:
        site = RecordSite(self)
        recorder: Any = Recorder()
        site.record._logs = recorder
        leaves = await gatherResults(
            [site.record.append(message(f"text {number}")) for number in range(2000)]
        )
        self.assertEqual([leaf.seq for leaf in leaves], list(range(2000)))
        self.assertEqual([leaf.body for leaf in leaves], [f"text {n}" for n in range(2000)])
        self.assertEqual(await stored(site), leaves)
        self.assertEqual(recorder.seen, list(range(2000)))

    async def test_goes_on_after_a_restart(self) -> None:
        site = RecordSite(self)
        await site.say("one")
        await site.reopen()
        [leaf] = await site.say("two")
        self.assertEqual(leaf.seq, 1)

    async def test_then_is_in_the_same_transaction(self) -> None:
        site = RecordSite(self)

        def offline(tx: ITransaction, leaf: Leaf) -> None:
            tx.accounts.add_domain(f"leaf{leaf.seq}.test", leaf.time)

        await site.record.append(message("x"), offline)
        domains = await site.store.read(lambda tx: tx.accounts.domains())
        self.assertEqual([each.name for each in domains], ["leaf0.test"])

    async def test_what_then_raises_undoes_the_entry(self) -> None:
        site = RecordSite(self)

        def full(tx: ITransaction, leaf: Leaf) -> None:
            tx.accounts.add_domain("undone.test", 0)
            raise LimitExceeded("too many")

        outcomes = [
            site.record.append(message(f"text {number}"), full if number % 3 == 1 else None)
            for number in range(30)
        ]
        seqs = []
        for number, each in enumerate(outcomes):
            if number % 3 == 1:
                await self.assertFailure(each, LimitExceeded)
            else:
                seqs.append((await each).seq)
        self.assertEqual(seqs, list(range(20)))
        leaves = await stored(site)
        self.assertEqual([leaf.seq for leaf in leaves], list(range(20)))
        self.assertTrue(all(damage(leaf, leaf.seq, SEAL) is None for leaf in leaves))
        self.assertEqual(await site.store.read(lambda tx: tx.accounts.domains()), [])

    async def test_what_cannot_be_recorded(self) -> None:
        site = RecordSite(self)
        await self.assertFailure(site.record.append(Entry("gossip", "", "")), Invalid)
        await self.assertFailure(
            site.record.append(Entry("message", "", "", stanza=b"\xff")), Invalid
        )
        self.assertEqual(await stored(site), [])

    async def test_closed_store(self) -> None:
        site = RecordSite(self)
        await site.store.close()
        await self.assertFailure(site.record.append(message("x")), RecordUnavailable)

    async def test_disposition(self) -> None:
        site = RecordSite(self)
        [leaf] = await site.say("hello")
        site.record.disposition(leaf, "delivered to bob@example.test/phone")
        await site.store.write(lambda tx: None, Priority.BACKGROUND)
        [_, became] = await stored(site)
        self.assertEqual((became.kind, became.refers), ("disposition", 0))
        self.assertEqual((became.sender, became.recipient), (ALICE, BOB))
        self.assertEqual(became.body, "delivered to bob@example.test/phone")

    async def test_lost_disposition_is_logged(self) -> None:
        site = RecordSite(self)
        [leaf] = await site.say("hello")
        await site.store.close()
        site.record.disposition(leaf, "stored")
        self.assertEqual(len(self.flushLoggedErrors(RecordUnavailable)), 1)

    async def test_mistake_of_a_listener_does_not_keep_a_leaf_back(self) -> None:
        site = RecordSite(self)
        recorder: Any = Recorder()
        site.record._logs = site.record._checkpoints = recorder
        [leaf] = await site.say("boom")
        self.assertEqual(leaf.seq, 0)
        self.assertEqual(recorder.seen, [0, 0])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)


class IntruderTests(TestCase):
    """Somebody writes into the record while the server runs."""

    async def alarmed(self, site: RecordSite) -> None:
        with capturedLogs() as events:
            [leaf] = await site.say("still recorded")
        self.assertTrue(any("ALARM" in event["log_format"] for event in events))
        await site.store.write(lambda tx: None)
        leaves = await stored(site)
        self.assertEqual(leaves[-2], leaf)
        self.assertEqual(leaves[-1].kind, "operation")
        self.assertIn("ALARM", leaves[-1].body)
        self.assertIsNone(damage(leaf, leaf.seq, SEAL))

    async def test_added_row(self) -> None:
        site = RecordSite(self)
        await site.say("one", "two")
        site.edit(
            "INSERT INTO leaf SELECT seq + 1, time, kind, sender, recipient, refers, body, folded,"
            " hash, inner, salt, header, content FROM leaf WHERE seq = 1"
        )
        await self.alarmed(site)
        self.assertEqual(len(await stored(site)), 5)

    async def test_removed_row(self) -> None:
        site = RecordSite(self)
        await site.say("one", "two")
        site.edit("DELETE FROM leaf WHERE seq = 1")
        await self.alarmed(site)
        self.assertEqual(len(await stored(site)), 3)


class FailingCommitTests(TestCase):
    async def test_numbers_stay_right(self) -> None:
        """Commits fail now and then; what fires is stored, what fails is not."""
        site = RecordSite(self)
        kept: list[str] = []
        for round_ in range(6):
            gate = threading.Event()
            held = site.store.write(lambda tx, gate=gate: gate.wait(10), Priority.IM)  # type: ignore[misc]
            held.addErrback(lambda _: None)
            batch = [site.record.append(message(f"{round_}.{number}")) for number in range(20)]
            if round_ % 2:
                sabotage = _fail_commit if round_ == 3 else _lose_transaction
                site.store.write(sabotage, Priority.IM).addErrback(lambda _: None)
                batch += [site.record.append(message(f"{round_}.{n}")) for n in range(20, 30)]
            gate.set()  # now all of them wait, for one transaction
            for number, each in enumerate(batch):
                try:
                    leaf = await each
                except RecordUnavailable:
                    continue
                self.assertEqual(leaf.body, f"{round_}.{number}")
                kept.append(leaf.body)
        leaves = await stored(site)
        self.assertEqual([leaf.body for leaf in leaves], kept)
        self.assertEqual([leaf.seq for leaf in leaves], list(range(len(leaves))))
        self.assertTrue(all(damage(leaf, leaf.seq, SEAL) is None for leaf in leaves))
        self.assertLess(len(kept), 150 - 20)
        self.assertFalse([body for body in kept if body.startswith("3.")])
        self.assertEqual(len(root_of(leaf.hash for leaf in leaves)), 32)


def _fail_commit(tx: Any) -> None:
    """Leave behind what only COMMIT finds out: a row whose account does not exist."""
    execute = tx.record._db.driver.execute
    execute("PRAGMA defer_foreign_keys = ON")
    execute("INSERT INTO credential (account_id, kind, data) VALUES (4711, 'x', '{}')")


def _lose_transaction(tx: Any) -> None:
    """End the transaction, which takes the whole batch down."""
    tx.record._db.driver.execute("ROLLBACK")
    raise StoreUnavailable("lost")


class FullDiskTests(TestCase):
    """Nothing is said to be recorded that is not, and it works again when there is room."""

    def small_disk(self) -> Path | None:
        """Mount a filesystem of 3 MB; None if only root may."""
        mount = shutil.which("mount", path="/usr/bin:/bin:/sbin")
        if os.geteuid() != 0 or mount is None:
            return None
        directory = short_directory(self)
        options = "size=3m,mode=0700"
        if subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", directory]).returncode:
            return None
        self.addCleanup(subprocess.run, ["umount", str(directory)], check=True)
        return directory

    async def fill(self, site: RecordSite) -> int:
        for number in range(10_000):
            try:
                await site.record.append(message("x" * 2000))
            except RecordUnavailable as error:
                self.assertTrue(error.temporary)
                return number
        raise AssertionError("it does not fill up")

    async def survives(self, site: RecordSite, make_room: Any) -> None:
        with capturedLogs() as events:
            count = await self.fill(site)
            self.assertGreater(count, 10)
            for _ in range(20):
                await self.assertFailure(site.record.append(message("x" * 2000)), RecordUnavailable)
            alarms = [
                event
                for event in events
                if event["log_level"] is LogLevel.critical and "record" in event["log_format"]
            ]
            self.assertEqual(len(alarms), 1)
            self.assertEqual(len(await stored(site)), count)
            await make_room()
            leaf = await site.record.append(message("there is room"))
            self.assertEqual(leaf.seq, count)
            self.assertTrue(any("can be written again" in e["log_format"] for e in events))
        leaves = await stored(site)
        self.assertEqual([each.seq for each in leaves], list(range(count + 1)))
        self.assertTrue(all(damage(each, each.seq, SEAL) is None for each in leaves))

    async def test_filesystem(self) -> None:
        directory = self.small_disk()
        if directory is None:
            return await self.test_database_that_may_not_grow()
        ballast = directory / "ballast"
        ballast.write_bytes(b"x" * 1_000_000)
        site = RecordSite(self, directory)

        async def make_room() -> None:
            ballast.unlink()

        await self.survives(site, make_room)

    async def test_database_that_may_not_grow(self) -> None:
        site = RecordSite(self)

        def limit(tx: Any, more: int) -> None:
            driver = tx.record._db.driver
            pages = driver.execute("PRAGMA page_count").fetchone()[0]
            driver.execute(f"PRAGMA max_page_count = {pages + more}")

        await site.store.write(lambda tx: limit(tx, 40))

        async def make_room() -> None:
            await site.store.write(lambda tx: limit(tx, 100_000))

        await self.survives(site, make_room)

    async def test_everybody_waiting_is_told(self) -> None:
        site = RecordSite(self)

        def limit(tx: Any, more: int) -> None:
            driver = tx.record._db.driver
            pages = driver.execute("PRAGMA page_count").fetchone()[0]
            driver.execute(f"PRAGMA max_page_count = {pages + more}")

        await site.store.write(lambda tx: limit(tx, 20))
        outcomes: list[Any] = [
            site.record.append(message("x" * 2000)).addErrback(lambda failure: failure.value)
            for _ in range(300)
        ]
        results = [await each for each in outcomes]
        good = [each for each in results if isinstance(each, Leaf)]
        bad = [each for each in results if isinstance(each, RecordUnavailable)]
        self.assertEqual(len(good) + len(bad), 300)
        self.assertTrue(bad)
        self.assertEqual(await stored(site), good)
