"""What recording costs: appends a second and CPU time a leaf, against bare SQLite inserts.

Run it as `python bench/record_append.py [LEAVES]`. These write the same leaves into a
fresh database on the disk of TMPDIR, with synchronous=FULL:

    bare     prepared leaves, one INSERT each, a COMMIT for every 250: the floor
    store    the same through the store's writer (one unit each, group commit)
    record   `Record.append` as the router calls it
    + logs   the same with text logs and checkpoints
    awaited  the same, one after the other: what a single chatting pair sees
    verify   verifying all of that

CPU time is that of the whole process, so threads count.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from mailim.events import Events
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import Priority
from mailim.record.checkpoints import Checkpoints
from mailim.record.entries import Draft, Entry, Seal
from mailim.record.record import Record
from mailim.record.text_logs import TextLogs
from mailim.record.verify import verify
from mailim.store.engine import DATABASE, Store
from mailim.wire.notes import Signer

ENTRY = Entry(
    "message",
    "alice@example.test",
    "bob@example.test",
    "Shall we meet at ten, or is that too early for you?",
    b"<message xmlns='jabber:client' from='alice@example.test/desk' to='bob@example.test'"
    b" type='chat' id='f2c1'><body>Shall we meet at ten, or is that too early for you?</body>"
    b"<active xmlns='http://jabber.org/protocol/chatstates'/></message>",
)
WAITING = 1000  # appends under way at once
COMMIT = 250


class Timing:
    """Wall and CPU time of a block."""

    def __enter__(self) -> Timing:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cpu = time.process_time() - self._cpu

    def line(self, name: str, count: int) -> str:
        return (
            f"{name:8} {count / self.wall:9,.0f} leaves/s   "
            f"{self.cpu / count * 1e6:6.1f} µs CPU a leaf"
        )


def signer() -> Signer:
    return Signer("example.test/record", Ed25519PrivateKey.generate())


def drafts(count: int) -> list[Leaf]:
    seal = Seal.of(signer())
    return [Draft(ENTRY, 1_795_000_000_000_000 + seq, seal).leaf(seq) for seq in range(count)]


def sealing(count: int) -> None:
    with Timing() as timing:
        drafts(count)
    print(timing.line("seal", count), "(building leaves only)")


def bare(directory: Path, count: int) -> None:
    leaves = drafts(count)
    driver = sqlite3.connect(directory / DATABASE, isolation_level=None)
    driver.execute("PRAGMA journal_mode = WAL")
    driver.execute("PRAGMA synchronous = FULL")
    insert = (
        "INSERT INTO leaf (seq, hash, header, inner, salt, content, time, kind, sender, recipient,"
        " refers, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    with Timing() as timing:
        for start in range(0, count, COMMIT):
            driver.execute("BEGIN IMMEDIATE")
            for leaf in leaves[start : start + COMMIT]:
                driver.execute(
                    insert,
                    (
                        leaf.seq,
                        leaf.hash,
                        leaf.header,
                        leaf.inner,
                        leaf.salt,
                        leaf.content,
                        leaf.time,
                        leaf.kind,
                        leaf.sender,
                        leaf.recipient,
                        leaf.refers,
                        leaf.body,
                    ),
                )
            driver.execute("COMMIT")
    driver.close()
    print(timing.line("bare", count))


async def through_store(directory: Path, store: Store, count: int) -> None:
    leaves = drafts(count)
    with Timing() as timing:
        for start in range(0, count, WAITING):
            await gatherResults(
                [
                    store.write(lambda tx, leaf=leaf: tx.record.append(leaf), Priority.IM)  # type: ignore[misc]
                    for leaf in leaves[start : start + WAITING]
                ]
            )
    print(timing.line("store", count))


async def through_record(directory: Path, store: Store, count: int) -> None:
    key = signer()
    logs = TextLogs(reactor, store, directory / "LOGS", directory / "logs.json")
    checkpoints = Checkpoints(reactor, store, key, directory / "checkpoints.txt")
    clock: Any = reactor
    for name, with_logs in (("record", False), ("+ logs", True)):
        record = Record(
            store,
            key,
            clock,
            checkpoints=checkpoints if with_logs else None,
            logs=logs if with_logs else None,
        )
        if with_logs:
            await record.start()
            await logs.flush()
        with Timing() as timing:
            for _ in range(0, count, WAITING):
                await gatherResults([record.append(ENTRY) for _ in range(WAITING)])
            await logs.flush()
        print(timing.line(name, count))
    few = count // 20
    waits = []
    with Timing() as timing:
        for _ in range(few):
            start = time.perf_counter()
            await record.append(ENTRY)
            waits.append(time.perf_counter() - start)
    waits.sort()
    print(
        timing.line("awaited", few),
        f"  p50 {waits[few // 2] * 1e3:.2f} ms, p99 {waits[few * 99 // 100] * 1e3:.2f} ms",
    )
    await record.stop()
    with Timing() as timing:
        report = await verify(store, key.verifier, Seal.of(key))
    print(timing.line("verify", report.size), " sound" if report.sound else " NOT SOUND")


async def with_store(
    work: Callable[[Path, Store, int], Coroutine[Deferred[Any], Any, None]], count: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        threads: Any = reactor
        store = Store.open(threads, Path(name), Events())
        try:
            await work(Path(name), store, count)
        finally:
            await store.close()


async def main(_: object, count: int) -> None:
    sealing(count)
    with tempfile.TemporaryDirectory() as name:
        threads: Any = reactor
        await Store.open(threads, Path(name), Events()).close()
        bare(Path(name), count)
    await with_store(through_store, count)
    await with_store(through_record, count)


if __name__ == "__main__":
    react(
        lambda r, count: Deferred.fromCoroutine(main(r, count)),
        [int(sys.argv[1]) if len(sys.argv) > 1 else 20_000],
    )
