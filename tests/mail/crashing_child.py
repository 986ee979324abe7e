"""A program that is killed at a named point of the mail's way; run by `test_crashes`.

    python -m tests.mail.crashing_child DIRECTORY

It is the bringer of mail (as MultiPOP is: the mail and the mark that it was fetched go into
one unit), the queue and the delivery in one process. It forks for each run, so that a run
can die by SIGKILL: first one without a crash, that counts the units written; then for each
unit and each moment a run in a new directory that is killed there, and runs without a crash
until all is delivered. For each it prints one line of JSON: the point, how the run ended,
and what is in the folders and the spool afterwards.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOMENTS = ("before", "inside", "committed")
MAILS = {  # UIDL → recipients
    "first": ("bob@example.test",),
    "second": ("robert@example.test", "all@example.test", "ann@example.test"),
    "third": ("ann@example.test", "nobody@example.test"),
}


class DyingStore:
    """A store whose process is killed around its n-th unit of writing.

    before: the unit was asked for, not begun; inside: it did all its work, not committed;
    committed: it is durable, and nobody was told.
    """

    def __init__(self, store: Any, unit: int, moment: str) -> None:
        self._store = store
        self._unit = unit
        self._moment = moment
        self.bodies = store.bodies
        self.read = store.read
        self.written = 0

    def write(self, unit: Callable[[Any], Any], *priority: Any) -> Any:
        self.written += 1
        if self.written != self._unit:
            return self._store.write(unit, *priority)
        if self._moment == "before":
            die()

        def dying(tx: Any) -> Any:
            result = unit(tx)
            if self._moment == "inside":
                die()
            # The last moment before anybody hears of it, on the reactor thread.
            tx.after_commit(die)
            return result

        return self._store.write(dying, *priority)


def die() -> None:
    """End as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], None]) -> str:
    """Run in a process of its own; gives how it ended: "done", "killed" or "failed"."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return "killed" if os.WTERMSIG(status) == signal.SIGKILL else "failed"
    return "done" if os.WEXITSTATUS(status) == 0 else "failed"


def run(directory: Path, unit: int, moment: str, result: Path) -> None:
    """Bring the mails that were not brought yet, wait for the queue, write what there is."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    failed: list[Any] = []

    def start() -> None:
        work = Deferred.fromCoroutine(bring_and_deliver(reactor, directory, unit, moment, result))
        work.addErrback(failed.append)
        work.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run()
    if failed:
        failed[0].raiseException()


async def bring_and_deliver(
    reactor: Any, directory: Path, unit: int, moment: str, result: Path
) -> None:
    from twisted.internet.task import deferLater

    from mailim.accounts.directory import Directory
    from mailim.events import Events
    from mailim.mail.delivery import LocalDelivery
    from mailim.mail.intake import Intake
    from mailim.mail.queue import Queue
    from mailim.mail.routing import Routing
    from mailim.store.engine import Store

    events = Events()
    store = Store.open(reactor, directory, events, readers=1)
    if await store.read(lambda tx: tx.accounts.get(1)) is None:
        await store.write(first_start)
    dying = DyingStore(store, unit, moment)
    routing = Routing(Directory(store, events))
    queue = Queue(reactor, dying, events, [], routing, LocalDelivery(dying))  # type: ignore[arg-type]
    queue.startService()
    intake = Intake(store, "mail.example.test", reactor)
    for uidl, recipients in MAILS.items():
        await bring(dying, intake, uidl, recipients)
    while await store.read(lambda tx: tx.spool.next_due()) is not None or queue.busy:
        await deferLater(reactor, 0.005)
    await queue.stopService()
    found = await store.read(inventory)
    await store.close()
    result.write_text(json.dumps({**found, "units": dying.written}))


def first_start(tx: Any) -> None:
    from tests.mail.post import make_office

    make_office(tx)
    tx.boxes.add(1, "pop.example.org", 995, "bob", b"", "tls", "", True, 0)


async def bring(
    store: Any,
    intake: Any,
    uidl: str,
    recipients: tuple[str, ...],
    sender: str = "carl@example.org",
) -> None:
    """Put a mail and the mark that it was brought into one unit, unless it was before."""
    from mailim.interfaces.boxes import SeenMessage
    from mailim.interfaces.spool import NewMail
    from tests.store.mails import message

    if uidl in await store.read(lambda tx: tx.boxes.seen(1)):
        return
    prepared = await intake.prepare(message(uidl, body="x" * 200_000 if uidl == "third" else ""))
    mail = NewMail(sender, recipients, "smtp", "test", intake.now())

    def unit(tx: Any) -> None:
        intake.spool(tx, prepared, mail)
        tx.boxes.mark(1, SeenMessage(uidl, "stored", prepared.body.sha256, 0))

    await store.write(unit)


def inventory(tx: Any) -> dict[str, Any]:
    """Say which mails are in whose Inbox and in the spool, and whether all adds up."""
    from mailim.interfaces.items import ItemQuery

    folders: dict[int, list[str]] = {}
    whole = True
    for account in (1, 2):
        ids = tx.items.query(ItemQuery(account)).ids
        items = tx.items.get(account, ids).values()
        facts = tx.items.facts([each.body_id for each in items])
        folders[account] = sorted(str(facts[each.body_id].subject) for each in items)
        inbox = tx.folders.by_role(account, "inbox")
        whole = whole and inbox.total == inbox.unread == inbox.uidnext - 1 == len(ids)
        for each in items:
            whole = whole and hashlib.sha256(tx.bodies.read(each.body_id)).digest() == each.sha256
    spool = [[r.address for r in entry.recipients] for entry in tx.spool.list(100)]
    return {"bob": folders[1], "ann": folders[2], "spool": spool, "whole": whole}


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
