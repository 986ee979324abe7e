"""A program that is killed at a named point of a semaphore file's way; run by `test_semaphore`.

    python -m tests.im.crashing_semaphores DIRECTORY

It is the folder, the notices, the record and two people in one process: carol is signed in,
what reaches her goes into a file outside; bob is away. It forks for each run, as
`tests.mail.crashing_child` does: a run without a crash counts units and steps; then each
unit is killed before, inside and after its commit, each step of the folder is killed, and
some runs are killed at random; every time a run without a crash follows. For each it prints
a line of JSON with what is there afterwards.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.mail.crashing_child import MOMENTS, DyingStore, die, forked

RANDOM_RUNS = 12
FILES = {
    "IM-1.SEM": b"To: bob@example.test\nFrom: backup.test\n\none",
    "im-0002.sem": b"To: carol@example.test\r\nFrom: backup.test\r\n\r\ntwo",
    "IM-3.SEM": b"To: all@example.test, bob@example.test\nFrom: backup.test\n\nthree",
    "IM-4.SEM": b"nonsense",
}


def run(directory: Path, unit: int, moment: str, step: int, result: Path) -> None:
    """Work until nothing waits any more, then write down what there is."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    failed: list[Any] = []

    def start() -> None:
        work = Deferred.fromCoroutine(serve(reactor, directory, unit, moment, step, result))
        work.addErrback(failed.append)
        work.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run()
    if failed:
        failed[0].raiseException()


class Outside:
    """What carol's client has seen, in a file that no crash takes back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, stanza: Any) -> None:
        if stanza.name == "message":
            with self._path.open("a") as stream:
                stream.write(stanza.find("body").text + "\n")

    def close(self, condition: str, text: str) -> None:
        pass


async def serve(
    reactor: Any, directory: Path, unit: int, moment: str, step: int, result: Path
) -> None:
    from twisted.internet.task import deferLater
    from twisted.internet.threads import deferToThreadPool

    from mailim.accounts.directory import Directory
    from mailim.events import Events
    from mailim.im.semaphore import Semaphores
    from mailim.im.semaphore_folder import SemaphoreFolder
    from mailim.im.service import InstantMessaging
    from mailim.store.engine import Store
    from tests.fakes.record import open_record

    events = Events()
    store = Store.open(reactor, directory / "var", events, readers=1)
    if not await store.read(lambda tx: tx.accounts.domains()):
        await store.write(first_start)
    dying: Any = DyingStore(store, unit, moment)
    people = Directory(store, events)
    im = InstantMessaging(reactor, dying, events, people, open_record(dying, reactor))
    await sign_in(im, people, directory / "carol.txt")
    steps: list[str] = []

    def count(name: str) -> None:
        steps.append(name)
        if len(steps) == step:
            die()

    def threads(work: Any) -> Any:
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    place = directory / "WorldClient"
    semaphores = Semaphores(reactor, im.notices, SemaphoreFolder(place, step=count), threads)
    im.notices.startService()
    semaphores.startService()
    while not await at_rest(store, im, place):
        await deferLater(reactor, 0.005)
    await semaphores.stopService()
    await im.notices.stopService()
    found = await store.read(inventory)
    await store.close()
    found["bad"] = len([name for name in os.listdir(place / "bad") if name.endswith(".SEM")])
    result.write_text(json.dumps({**found, "units": dying.written, "steps": len(steps)}))


async def sign_in(im: Any, people: Any, path: Path) -> None:
    """Let carol be there: bound and available, as the router would have it."""
    from mailim.interfaces.im import StreamInfo
    from mailim.wire import ns
    from mailim.wire.xml import Element

    carol = await people.find("carol@example.test")
    info = StreamInfo("xmpp", "192.0.2.1", 0)
    session = im.sessions.bind(carol, "desk", Outside(path), info)
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
    from mailim.wire.xml import AFTER_AUTH, parse_document

    leaves = [leaf for leaf in tx.record.leaves(0, 1000) if leaf.kind == "message"]
    said = sorted(f"{leaf.body} to {leaf.recipient.partition('@')[0]}" for leaf in leaves)
    claims = [json.loads(leaf.content)["details"]["claim"] for leaf in leaves]
    bob = tx.accounts.by_address("bob@example.test").id
    stanzas: list[Any] = [parse_document(row.stanza, AFTER_AUTH) for row in tx.im.offline(bob, 99)]
    kept = [stanza.find("body").text for stanza in stanzas]
    return {"said": said, "claims": len(set(claims)), "bob": sorted(kept)}


def prepared(directory: Path) -> None:
    """Put the files into the folder, old enough to be taken at once."""
    place = directory / "WorldClient"
    place.mkdir(parents=True)
    for name, data in FILES.items():
        (place / name).write_bytes(data)
        os.utime(place / name, (time.time() - 10,) * 2)


def report(base: Path, point: str, unit: int = 0, moment: str = "", step: int = 0) -> Any:
    """Crash at one point, start again, print what came of it."""
    directory = base / point.replace(" ", "")
    prepared(directory)
    result = directory / "result.json"
    end = forked(lambda: run(directory, unit, moment, step, result))
    if point != "clean" and forked(lambda: run(directory, 0, "", 0, result)) != "done":
        end = "failed"
    return tell(directory, point, end)


def report_random(base: Path, number: int, seconds: float) -> None:
    """Kill from outside after a random time."""
    directory = base / f"random{number}"
    prepared(directory)
    result = directory / "result.json"
    pid = os.fork()
    if pid == 0:
        try:
            run(directory, 0, "", 0, result)
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    end = "killed"
    if forked(lambda: run(directory, 0, "", 0, result)) != "done":
        end = "failed"
    tell(directory, f"random {seconds:.3f}", end)


def tell(directory: Path, point: str, end: str) -> Any:
    result, carol = directory / "result.json", directory / "carol.txt"
    found = json.loads(result.read_text()) if result.exists() else {}
    found["carol"] = carol.read_text().split() if carol.exists() else []
    print(json.dumps({"point": point, "end": end, **found}), flush=True)
    return found


def main(base: Path) -> None:
    """Run through all points."""
    import mailim.store.engine  # noqa: F401 - before the forks, once for all

    began = time.monotonic()
    clean = report(base, "clean")
    seconds = time.monotonic() - began
    for unit in range(1, clean["units"] + 1):
        for moment in MOMENTS:
            report(base, f"{moment} {unit}", unit, moment)
    for step in range(1, clean["steps"] + 1):
        report(base, f"step {step}", step=step)
    chance = random.Random(3)
    for number in range(RANDOM_RUNS):
        report_random(base, number, chance.uniform(0.2, 0.7) * seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
