"""A program that is killed at a named point of a semaphore file's way; run by `test_semaphore`.

It is the folder, the notices, the record and two people in one process: carol is signed in,
what reaches her goes into a file outside; bob is away. Each unit is killed, each step of the
folder is, and some runs are killed at random.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from mailim.accounts.directory import Directory
from mailim.events import Events
from mailim.im.semaphore import Semaphores
from mailim.im.semaphore_folder import SemaphoreFolder
from mailim.im.service import InstantMessaging
from mailim.interfaces.im import StreamInfo
from mailim.store.engine import Store
from mailim.wire import ns
from mailim.wire.xml import AFTER_AUTH, Element, parse_document
from tests.fakes.crashing import RANDOM, DyingStore, Fate, Point, around_units, crash
from tests.fakes.record import open_record

RANDOM_RUNS = 12
STEP = "step"
FILES = {
    "IM-1.SEM": b"To: bob@example.test\nFrom: backup.test\n\none",
    "im-0002.sem": b"To: carol@example.test\r\nFrom: backup.test\r\n\r\ntwo",
    "IM-3.SEM": b"To: all@example.test, bob@example.test\nFrom: backup.test\n\nthree",
    "IM-4.SEM": b"nonsense",
}


class Outside:
    """What carol's client has seen, in a file that no crash takes back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seen(self) -> list[str]:
        """Give the texts, in the order they came."""
        return self._path.read_text().split() if self._path.exists() else []

    def send(self, stanza: Any, receipt: Any = None) -> None:
        if stanza.name == "message":
            with self._path.open("a") as stream:
                stream.write(stanza.find("body").text + "\n")
        if receipt is not None:
            receipt.arrived()

    def close(self, condition: str, text: str) -> None:
        pass


async def serve(reactor: Any, directory: Path, point: Point) -> dict[str, Any]:
    """Work until nothing waits any more; say what there is."""
    events = Events()
    place = directory / "WorldClient"
    if not place.exists():
        leave_files(place)
    store = Store.open(reactor, directory / "var", events, readers=1)
    if not await store.read(lambda tx: tx.accounts.domains()):
        await store.write(first_start)
    dying: Any = DyingStore(store, point)
    people = Directory(store, events)
    im = InstantMessaging(reactor, dying, events, people, open_record(dying, reactor))
    outside = Outside(directory / "carol.txt")
    await sign_in(im, people, outside)
    fate = Fate(point)

    def threads(work: Any) -> Any:
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    folder = SemaphoreFolder(place, step=lambda name: fate.at(STEP))
    semaphores = Semaphores(reactor, im.notices, folder, threads)
    im.notices.startService()
    semaphores.startService()
    while not await at_rest(store, im, place):
        await deferLater(reactor, 0.005)
    await semaphores.stopService()
    await im.notices.stopService()
    found = await store.read(inventory)
    await store.close()
    found["bad"] = len([name for name in os.listdir(place / "bad") if name.endswith(".SEM")])
    found["carol"] = outside.seen()
    return {**found, "units": dying.written, "steps": fate.counts[STEP]}


async def sign_in(im: Any, people: Any, outside: Outside) -> None:
    """Let carol be there: bound and available, as the router would have it."""
    carol = await people.find("carol@example.test")
    info = StreamInfo("xmpp", "192.0.2.1", 0)
    session = im.sessions.bind(carol, "desk", outside, info)
    session.presence = Element("presence", ns.CLIENT)


async def at_rest(store: Any, im: Any, place: Path) -> bool:
    if not (place / "bad").is_dir():
        return False
    # In the order files go: one that is on its way is seen here or there.
    if any(name.upper().startswith("IM-") for name in os.listdir(place)):
        return False
    if os.listdir(place / ".claimed"):
        return False
    return not im.notices.busy and not await store.read(lambda tx: tx.notices.waiting(1))


def first_start(tx: Any) -> None:
    tx.accounts.add_domain("example.test", 1)
    for name in ("bob", "carol"):
        tx.accounts.add(f"{name}@example.test", name, False, 1)
    tx.accounts.add_group("all@example.test", "All")
    for name in ("bob", "carol"):
        tx.accounts.add_member("all@example.test", f"{name}@example.test")


def inventory(tx: Any) -> dict[str, Any]:
    """Give the messages on record and what is kept for bob."""
    leaves = [leaf for leaf in tx.record.leaves(0, 1000) if leaf.kind == "message"]
    said = sorted(f"{leaf.body} to {leaf.recipient.partition('@')[0]}" for leaf in leaves)
    claims = [json.loads(leaf.content)["details"]["claim"] for leaf in leaves]
    bob = tx.accounts.by_address("bob@example.test").id
    stanzas: list[Any] = [parse_document(row.stanza, AFTER_AUTH) for row in tx.im.offline(bob, 99)]
    kept = [stanza.find("body").text for stanza in stanzas]
    return {"said": said, "claims": len(set(claims)), "bob": sorted(kept)}


def leave_files(place: Path) -> None:
    """Put the files into the folder, old enough to be taken at once."""
    fresh = place.with_suffix(".fresh")
    fresh.mkdir(exist_ok=True)
    for name, data in FILES.items():
        (fresh / name).write_bytes(data)
        os.utime(fresh / name, (time.time() - 10,) * 2)
    fresh.rename(place)  # all or, if it is killed here, nothing yet


def points(clean: dict[str, Any]) -> Iterator[Point]:
    yield from around_units(clean)
    for number in range(1, clean["steps"] + 1):
        yield Point(STEP, number)
    chance = random.Random(3)
    for _ in range(RANDOM_RUNS):
        yield Point(RANDOM, int(chance.uniform(0.2, 0.7) * clean["seconds"] * 1e6))


if __name__ == "__main__":
    crash(serve, points)
