"""Durable units a second: the group commit, one commit per unit, and adbapi.

    .venv/bin/python -m bench.store_group_commit [UNITS] [WINDOW] [--rounds N] [--directory DIR]

Every unit stores one body of 4 KiB and holds it; WINDOW units wait at once. All three run
the same statements on the same schema with synchronous=FULL and foreign keys on. Prints for
each the median of the rounds, p50 and p99 of the time from asking to being told, and the
ratios; then what a savepoint costs. Put DIR on the disk that counts.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from mailim.events import Events
from mailim.interfaces.bodies import PreparedBody
from mailim.interfaces.store import ITransaction
from mailim.store import writer
from mailim.store.bodies import _ADD, _ADD_DATA, _FIND, _HOLD
from mailim.store.connection import connect
from mailim.store.engine import DATABASE, Store
from mailim.store.migration import migrate
from mailim.store.statements import SQLITE

OCTETS = 4096


def bodies(count: int) -> list[PreparedBody]:
    made = []
    for _ in range(count):
        data = random.randbytes(OCTETS)
        made.append(PreparedBody(hashlib.sha256(data).digest(), len(data), data))
    return made


def unit(tx: ITransaction, body: PreparedBody) -> int:
    body_id = tx.bodies.add(body)
    tx.bodies.hold(body_id)
    return body_id


async def timed(
    work: list[PreparedBody], window: int, one: Callable[[PreparedBody], Awaitable[Any]]
) -> tuple[float, list[float]]:
    """Run all with `window` under way; gives units a second and each one's time."""
    took: list[float] = []
    queue = iter(work)

    async def in_turn() -> None:
        for body in queue:
            asked = time.perf_counter()
            await one(body)
            took.append(time.perf_counter() - asked)

    began = time.perf_counter()
    await gatherResults([Deferred.fromCoroutine(in_turn()) for _ in range(window)])
    return len(work) / (time.perf_counter() - began), took


async def with_store(
    reactor: Any, path: Path, work: list[PreparedBody], window: int, batch: int
) -> tuple[float, list[float]]:
    usual, writer.BATCH_UNITS = writer.BATCH_UNITS, batch  # type: ignore[misc]
    store = Store.open(reactor, path, Events())
    try:
        return await timed(work, window, lambda body: store.write(lambda tx: unit(tx, body)))
    finally:
        await store.close()
        writer.BATCH_UNITS = usual  # type: ignore[misc]


async def with_adbapi(
    reactor: Any, path: Path, work: list[PreparedBody], window: int
) -> tuple[float, list[float]]:
    path.mkdir()
    migrate(path / DATABASE)
    find, add, add_data, hold = (each.on(SQLITE) for each in (_FIND, _ADD, _ADD_DATA, _HOLD))

    def opened(connection: Any) -> None:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    pool = ConnectionPool(
        "sqlite3", str(path / DATABASE), cp_min=1, cp_max=1, cp_openfun=opened,
        cp_reactor=reactor, check_same_thread=False,
    )  # fmt: skip

    def run(cursor: Any, body: PreparedBody) -> None:
        cursor.execute(find.text, {"sha256": body.sha256})
        assert cursor.fetchone() is None
        row = {"sha256": body.sha256, "size": body.size, "holds": 0, "in_file": False}
        body_id = cursor.execute(add.text, row).fetchone()[0]
        cursor.execute(add_data.text, {"body_id": body_id, "data": body.data})
        cursor.execute(hold.text, {**hold.values, "id": body_id})

    try:
        return await timed(work, window, lambda body: pool.runInteraction(run, body))
    finally:
        pool.close()


def savepoints(path: Path, count: int, group: int, nested: bool) -> float:
    """Give units a second in one thread, `group` to a commit, with savepoints or without."""
    path.mkdir()
    migrate(path / DATABASE)
    connection = connect(path / DATABASE)
    execute = connection.driver.execute
    made = bodies(count)
    began = time.perf_counter()
    for at in range(0, count, group):
        execute("BEGIN IMMEDIATE")
        for body in made[at : at + group]:
            if nested:
                execute("SAVEPOINT unit")
            values = {"sha256": body.sha256, "size": body.size, "holds": 0, "in_file": False}
            connection.value(_FIND, sha256=body.sha256)
            body_id = connection.value(_ADD, **values)
            connection.run(_ADD_DATA, body_id=body_id, data=body.data)
            connection.run(_HOLD, id=body_id)
            if nested:
                execute("RELEASE unit")
        execute("COMMIT")
    rate = count / (time.perf_counter() - began)
    connection.driver.close()
    return rate


async def main(reactor: Any, options: argparse.Namespace) -> None:
    base = Path(tempfile.mkdtemp(prefix="bench", dir=options.directory))
    results: dict[str, list[tuple[float, list[float]]]] = {}
    window, count = options.window, options.units
    try:
        for number in range(options.rounds):
            for name, run in {
                "group commit": lambda p, w: with_store(reactor, p, w, window, writer.BATCH_UNITS),
                "one commit per unit": lambda p, w: with_store(reactor, p, w, window, 1),
                "adbapi, one connection": lambda p, w: with_adbapi(reactor, p, w, window),
            }.items():
                path = base / f"{number} {name}"
                results.setdefault(name, []).append(await run(path, bodies(count)))
        rates = {
            nested: statistics.median(
                savepoints(base / f"savepoint {nested} {n}", count, 50, nested)
                for n in range(options.rounds)
            )
            for nested in (False, True)
        }
    finally:
        shutil.rmtree(base)
    show(results, count, window)
    cost = 1e6 / rates[True] - 1e6 / rates[False]
    print(f"savepoint: {cost:.1f} us a unit ({rates[True]:.0f}/s with, {rates[False]:.0f} without)")


def show(results: dict[str, list[tuple[float, list[float]]]], count: int, window: int) -> None:
    print(f"{count} durable units of {OCTETS} octets, {window} at once; units a second:")
    first = statistics.median(rate for rate, _ in results["group commit"])
    for name, rounds in results.items():
        rates = sorted(rate for rate, _ in rounds)
        took = sorted(each for _, times in rounds for each in times)
        p50, p99 = (1000 * took[int(len(took) * share)] for share in (0.5, 0.99))
        median = statistics.median(rates)
        print(
            f"{name:24} {rates[0]:7.0f} / {median:7.0f} / {rates[-1]:7.0f}"
            f"   p50 {p50:6.2f} ms  p99 {p99:6.2f} ms   group commit = {first / median:4.1f} x"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("units", type=int, nargs="?", default=5000)
    parser.add_argument("window", type=int, nargs="?", default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory")
    options = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, options)))
