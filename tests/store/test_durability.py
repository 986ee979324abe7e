"""Durable before acknowledged: shown by system calls, by kill -9 and on a full disk.

A kill cannot show a missing fsync, because the page cache outlives the process. So the
first test reads what the process asked of the kernel, and is itself tested by a store that
does not sync.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.interfaces import IReactorFromThreads
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailim.errors import StoreUnavailable
from mailim.events import Events
from mailim.interfaces.store import ITransaction
from mailim.store.body_files import BodyFiles
from mailim.store.connection import connect
from mailim.store.engine import BODIES, DATABASE, Store
from mailim.store.transaction import Transaction
from tests.fakes.peers import peer
from tests.fakes.store import short_directory
from tests.store import writing_child as child

ROOT = Path(__file__).parent.parent.parent
CALL = re.compile(r"^\d+ +(\w+)\((.*)$")
MARKER = re.compile(r"<unit-(\d{7})>")
ACK = re.compile(r'^1<[^>]*>, "ack (\d+) \d+ \d+ ([0-9a-f]{64})')


def command(directory: Path, count: int, window: int, synchronous: str = "FULL") -> list[str]:
    program = [sys.executable, "-m", "tests.store.writing_child"]
    return [*program, str(directory), str(count), str(window), synchronous]


class Promises:
    """Reads system calls one by one and finds acknowledgements that were given too early.

    A unit's marker must have been written to the WAL, the WAL synced after that, and the
    acknowledgement written after that. A large body's file must have been synced before it
    got its name, and the directory of that name after it.
    """

    def __init__(self) -> None:
        self.acks = 0
        self.broken: list[str] = []
        self._written: set[str] = set()  # units in the WAL, not synced yet
        self._durable: set[str] = set()
        self._synced: set[str] = set()  # files
        self._named: set[str] = set()  # new names, their directories not synced yet

    def call(self, name: str, arguments: str) -> None:
        if name == "pwrite64" and f"{DATABASE}-wal>" in arguments:
            self._written.update(set(MARKER.findall(arguments)) - self._durable)
        elif name in ("fdatasync", "fsync"):
            self._sync(arguments.partition("<")[2].partition(">")[0])
        elif name == "rename":
            source, target = re.findall(r'"([^"]*)"', arguments)
            if source not in self._synced:
                self.broken.append(f"{target} was named before it was synced")
            self._named.add(target)
        elif name == "write" and (ack := ACK.match(arguments)) is not None:
            self._ack(int(ack[1]), ack[2])

    def _sync(self, path: str) -> None:
        if path.endswith(f"{DATABASE}-wal"):
            self._durable |= self._written
            self._written.clear()
        self._synced.add(path)
        self._named = {each for each in self._named if os.path.dirname(each) != path}

    def _ack(self, number: int, sha256: str) -> None:
        self.acks += 1
        if f"{number:07}" not in self._durable:
            self.broken.append(f"unit {number} was acknowledged before it was synced")
        if any(each.endswith(sha256) for each in self._named):
            self.broken.append(f"unit {number} was acknowledged before its body's name was synced")


def promises(trace: Iterable[str]) -> Promises:
    """Read a trace."""
    found = Promises()
    for line in trace:
        if (match := CALL.match(line)) is not None:
            found.call(match[1], match[2])
    return found


def without_coverage() -> dict[str, str]:
    """Give the environment for a child that shall write no files but its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


class SystemCallTests(SynchronousTestCase):
    def trace(self, count: int, window: int, synchronous: str) -> list[str]:
        strace = peer("strace", "strace")
        directory = short_directory(self)
        output = directory / "trace"
        calls = "trace=pwrite64,write,fdatasync,fsync,rename"
        # -y shows the path of each descriptor; -s covers a whole page.
        flags = ["-f", "-y", "-s", "4200", "-e", calls, "-o", str(output)]
        done = subprocess.run(
            [strace, *flags, *command(directory / "var", count, window, synchronous)],
            cwd=ROOT,
            env=without_coverage(),
            capture_output=True,
            text=True,
            timeout=600,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        # A call cut in two by another thread counts from where it ended.
        whole: list[str] = []
        begun: dict[str, str] = {}
        with output.open(errors="replace") as lines:
            for line in lines:
                thread, _, rest = line.partition(" ")
                if "<unfinished ...>" in line:
                    begun[thread] = rest.strip().partition("<unfinished ...>")[0]
                elif rest.lstrip().startswith("<... "):
                    whole.append(f"{thread} {begun.pop(thread, '')}")
                else:
                    whole.append(line)
        return whole

    def test_synced_before_acknowledged_one_by_one(self) -> None:
        found = promises(self.trace(20, 1, "FULL"))
        self.assertEqual((found.acks, found.broken), (20, []))

    def test_synced_before_acknowledged_in_groups(self) -> None:
        found = promises(self.trace(120, 40, "FULL"))
        self.assertEqual((found.acks, found.broken), (120, []))

    def test_a_store_that_does_not_sync_is_found_out(self) -> None:
        found = promises(self.trace(20, 1, "OFF"))
        self.assertEqual(found.acks, 20)
        self.assertEqual(
            found.broken, [f"unit {n} was acknowledged before it was synced" for n in range(20)]
        )

    def test_bodies_that_are_not_synced_are_found_out(self) -> None:
        trace = self.trace(20, 1, "FULL")
        # As if body files, then as if their directories, had not been synced.
        for missing, complaint in (
            (r" fsync\(\d+<.*/bodies/tmp/", "was named before"),
            (r" fsync\(\d+<.*/bodies/[0-9a-f]{2}>", "before its body's name"),
        ):
            rest = [line for line in trace if not re.search(missing, line[:300])]
            self.assertLess(len(rest), len(trace))
            broken = promises(rest).broken
            self.assertTrue(broken and all(complaint in each for each in broken), broken)


class KillTests(SynchronousTestCase):
    """kill -9 under load, again and again on the same store."""

    rounds = 6

    def test_everything_acknowledged_is_there(self) -> None:
        directory = short_directory(self) / "var"
        acknowledged: dict[int, tuple[int, int]] = {}
        for number in range(self.rounds):
            fresh = self.killed(directory, acks=20 + 45 * number)
            self.assertFalse(fresh.keys() & acknowledged.keys())
            acknowledged |= fresh
            self.check(directory, acknowledged)
        self.assertGreater(len(acknowledged), 100)

    def killed(self, directory: Path, acks: int) -> dict[int, tuple[int, int]]:
        """Run the child until it has said so often "ack", kill it; gives what it said."""
        process = subprocess.Popen(
            command(directory, 100_000, 60), cwd=ROOT, stdout=subprocess.PIPE, bufsize=0
        )
        assert process.stdout is not None
        data = b""
        try:
            while data.count(b"\n") < acks:
                piece = process.stdout.read(4096)
                self.assertTrue(piece, "the child ended by itself")
                data += piece
        finally:
            process.send_signal(signal.SIGKILL)
            data += process.stdout.read()
            process.stdout.close()
            self.assertEqual(process.wait(), -signal.SIGKILL)
        found = {}
        for line in data.decode().splitlines():
            word, number, seq, uid, _ = line.split(" ")
            self.assertEqual(word, "ack")
            found[int(number)] = (int(seq), int(uid))
        return found

    def check(self, directory: Path, acknowledged: dict[int, tuple[int, int]]) -> None:
        # What the next start does first: the journal is rolled in.
        driver = connect(directory / DATABASE).driver
        self.addCleanup(driver.close)
        self.assertEqual(driver.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        self.assertEqual(driver.execute("PRAGMA foreign_key_check").fetchall(), [])
        leaves = dict(driver.execute("SELECT time, seq FROM leaf ORDER BY seq"))
        items = dict(driver.execute("SELECT received, uid FROM item ORDER BY id"))
        self.assertEqual(list(leaves.values()), list(range(len(leaves))))
        self.assertEqual(list(items.values()), list(range(1, len(items) + 1)))
        self.assertNotIn(-1, leaves, "a refused unit left something behind")
        self.assertEqual(list(leaves), list(items), "a unit is there by half")
        for number, (seq, uid) in acknowledged.items():
            self.assertEqual((leaves.get(number), items.get(number)), (seq, uid))
        for number, body_id, size in driver.execute("SELECT received, body_id, size FROM item"):
            if number in acknowledged:
                self.assertEqual(size, len(child.message(number)))
                self.assertEqual(self.body(directory, driver, body_id), child.message(number))
        driver.close()

    def body(self, directory: Path, driver: sqlite3.Connection, body_id: int) -> bytes:
        row = driver.execute("SELECT data FROM body_data WHERE body_id = ?", (body_id,)).fetchone()
        if row is not None:
            return cast(bytes, row[0])
        (sha256,) = driver.execute("SELECT sha256 FROM body WHERE id = ?", (body_id,)).fetchone()
        return BodyFiles(directory / BODIES, lambda: 0.0).path(sha256).read_bytes()


def no_room(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


class FullDiskTests(TestCase):
    """A small filesystem fills up, then there is room again."""

    def small_disk(self) -> Path | None:
        """Give a directory of its own small filesystem; None if we may not mount one."""
        directory = short_directory(self)
        mount = shutil.which("mount", path="/usr/bin:/bin:/sbin")
        if os.geteuid() != 0 or mount is None:
            return None
        done = subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs", str(directory)],
            capture_output=True,
        )
        if done.returncode != 0:
            return None
        self.addCleanup(subprocess.run, ["umount", str(directory)], check=True)
        return directory

    def open(self, directory: Path) -> Store:
        store = Store.open(cast(IReactorFromThreads, reactor), directory, Events(), readers=1)
        self.addCleanup(store.close)
        return store

    async def fill(self, store: Store, folder_id: int, first: int) -> int:
        """Write units until one fails; gives its number."""
        for number in range(first, first + 10_000):
            body = await store.bodies.prepare(child.message(number * 10))
            try:
                await store.write(
                    lambda tx, n=number, b=body: child.write(tx, folder_id, n, b, False)  # type: ignore[misc]
                )
            except StoreUnavailable:
                return number
        raise AssertionError("the disk does not fill up")

    async def recovers(self, store: Store, make_room: Any) -> None:
        folder_id = await store.write(child.prepare_account)
        number = await self.fill(store, folder_id, 0)
        self.assertGreater(number, 10)
        # It stays so, reading works, and nothing was done by half.
        self.assertEqual(await self.fill(store, folder_id, number), number)
        await self.check(store, number)
        make_room()
        deadline = time.monotonic() + 60
        body = await store.bodies.prepare(child.message(number * 10))
        seq, uid = await store.write(lambda tx: child.write(tx, folder_id, number, body, False))
        self.assertLess(time.monotonic(), deadline)
        self.assertEqual((seq, uid), (number, number + 1))
        await self.check(store, number + 1)

    async def check(self, store: Store, count: int) -> None:
        def unit(tx: ITransaction) -> None:
            assert isinstance(tx, Transaction)
            execute = tx.bodies._db.driver.execute
            leaves = [leaf.seq for leaf in tx.record.leaves(0, count + 10)]
            self.assertEqual(leaves, list(range(count)))
            uids = [row[0] for row in execute("SELECT uid FROM item ORDER BY id")]
            self.assertEqual(uids, list(range(1, count + 1)))
            self.assertEqual(execute("PRAGMA integrity_check").fetchall(), [("ok",)])

        await store.read(unit)

    async def test_database(self) -> None:
        directory = self.small_disk()
        if directory is None:
            await self.test_database_that_may_not_grow()
            return
        ballast = directory / "ballast"
        ballast.write_bytes(b"x" * 1_000_000)
        store = self.open(directory / "var")
        await self.recovers(store, ballast.unlink)

    async def test_database_that_may_not_grow(self) -> None:
        # SQLite itself says it is full.
        store = self.open(short_directory(self))
        driver = store._connections[0].driver

        def limit(pages: int) -> None:
            store.write(lambda tx: driver.execute(f"PRAGMA max_page_count = {pages}") and None)

        limit(driver.execute("PRAGMA page_count").fetchone()[0] + 40)
        await self.recovers(store, lambda: limit(1 << 30))

    async def test_large_bodies(self) -> None:
        disk = self.small_disk()
        directory = disk or short_directory(self)
        store = self.open(directory / "var")
        if disk is not None:
            ballast = disk / "ballast"
            ballast.write_bytes(b"x" * 1_000_000)
            make_room = ballast.unlink
        else:
            make_room = self.patch(os, "fsync", no_room).restore
        large = b"y" * 400_000
        with self.assertRaises(StoreUnavailable):
            for count in range(100):
                await store.bodies.prepare(large + b"%d" % count)
        self.assertTrue(self.flushLoggedErrors(OSError))
        self.assertEqual(list((directory / "var" / BODIES / "tmp").iterdir()), [])
        make_room()
        body = await store.bodies.prepare(large)
        await store.write(lambda tx: tx.bodies.add(body))
        self.assertEqual(await store.bodies.read(body.sha256), large)
