"""A program that is killed around every unit of mail that is answered automatically.

    python -m tests.mail.crashing_autoreply DIRECTORY

As `crashing_child`, but bob is away: ann writes to him twice, and is to be answered once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.mail.crashing_child import MOMENTS, DyingStore, first_start, forked
from tests.mail.crashing_relay import inventory

MAILS = ("first", "second")


def run(directory: Path, unit: int, moment: str, result: Path) -> None:
    """Accept the mails that are not there yet, wait for the queue, write what came of it."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    failed: list[Any] = []

    def start() -> None:
        work = Deferred.fromCoroutine(answer_all(reactor, directory, unit, moment, result))
        work.addErrback(failed.append)
        work.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run()
    if failed:
        failed[0].raiseException()


async def answer_all(reactor: Any, directory: Path, unit: int, moment: str, result: Path) -> None:
    from twisted.internet.task import deferLater
    from twisted.internet.threads import deferToThread

    from mailim.accounts.directory import Directory
    from mailim.events import Events
    from mailim.mail.autoreply import Autoreplies
    from mailim.mail.delivery import LocalDelivery
    from mailim.mail.intake import Intake
    from mailim.mail.queue import Queue
    from mailim.mail.routing import Routing
    from mailim.store.engine import Store
    from tests.mail.crashing_child import bring

    events = Events()
    store = Store.open(reactor, directory, events, readers=1)
    if await store.read(lambda tx: tx.accounts.get(1)) is None:
        await store.write(first_start)
        await store.write(lambda tx: tx.vacation.set(1, enabled=True, text="Away."))
    dying: Any = DyingStore(store, unit, moment)
    intake = Intake(store, "mail.example.test", reactor)
    replies = Autoreplies(dying, intake, "mail.example.test", deferToThread)
    routing = Routing(Directory(store, events))
    queue = Queue(reactor, dying, events, [], routing, LocalDelivery(dying, replies))
    queue.startService()
    for uidl in MAILS:
        await bring(dying, intake, uidl, ("bob@example.test",), "ann@example.test")
    while await store.read(lambda tx: tx.spool.next_due()) is not None or queue.busy:
        await deferLater(reactor, 0.005)
    await queue.stopService()
    found = await store.read(inventory)
    await store.close()
    result.write_text(json.dumps({**found, "units": dying.written}))


def report(base: Path, unit: int, moment: str) -> int:
    """Crash at one point, start again, print what came of it; gives the units written."""
    directory = base / f"{unit}{moment}"
    result = Path(f"{directory}.json")
    end = forked(lambda: run(directory, unit, moment, result))
    if moment and forked(lambda: run(directory, 0, "", result)) != "done":
        end = "failed"
    found = json.loads(result.read_text()) if result.exists() else {}
    print(json.dumps({"point": f"{moment} {unit}", "end": end, **found}), flush=True)
    return int(found.get("units", 0))


def main(base: Path) -> None:
    """Run through all points."""
    import mailim.store.engine  # noqa: F401 - before the forks, once for all

    units = report(base, 0, "")
    for unit in range(1, units + 1):
        for moment in MOMENTS:
            report(base, unit, moment)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
