"""A program that is killed around every unit of mail going out; run by `test_crashes`.

    python -m tests.mail.crashing_relay DIRECTORY

As `crashing_child`, but the mails go to other servers: a ledger outside the store notes, as
they would, what they took responsibility for. One refuses, and the sender is to be told.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.mail.crashing_child import MOMENTS, DyingStore, first_start, forked

MAILS = {
    "one": ("carl@example.org",),
    "two": ("dora@example.org", "no@example.org", "bob@example.test"),
}


class Ledger:
    """A relay whose other side writes down what it has."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def send(self, entry: Any, recipient: Any, headers: bytes = b"") -> Any:
        from mailim.errors import Invalid
        from mailim.interfaces.relay import Handed

        if recipient.address.startswith("no@"):
            raise Invalid("mx.example.org said: 550 5.1.1 No such user")
        with self._file.open("a") as stream:
            stream.write(f"{recipient.address}\n")
            stream.flush()
            os.fsync(stream.fileno())
        return Handed(tells=True)


def run(directory: Path, unit: int, moment: str, result: Path) -> None:
    """Accept the mails that are not there yet, wait for the queue, write what came of it."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    failed: list[Any] = []

    def start() -> None:
        work = Deferred.fromCoroutine(send_all(reactor, directory, unit, moment, result))
        work.addErrback(failed.append)
        work.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run()
    if failed:
        failed[0].raiseException()


async def send_all(reactor: Any, directory: Path, unit: int, moment: str, result: Path) -> None:
    from twisted.internet.task import deferLater

    from mailim.accounts.directory import Directory
    from mailim.events import Events
    from mailim.mail.bounce import Bounces
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
    dying: Any = DyingStore(store, unit, moment)
    intake = Intake(store, "mail.example.test", reactor)
    bounces = Bounces(dying, intake, "mail.example.test", "example.test")
    relay: Any = Ledger(Path(f"{directory}.ledger"))
    routing = Routing(Directory(store, events))
    delivery = LocalDelivery(dying)
    queue = Queue(reactor, dying, events, [], routing, delivery, relay, bounces=bounces)
    queue.startService()
    for uidl, recipients in MAILS.items():
        await bring(dying, intake, uidl, recipients, "ann@example.test")
    while await store.read(lambda tx: tx.spool.next_due()) is not None or queue.busy:
        await deferLater(reactor, 0.005)
    await queue.stopService()
    found = await store.read(inventory)
    await store.close()
    result.write_text(json.dumps({**found, "units": dying.written}))


def inventory(tx: Any) -> dict[str, Any]:
    """Say what is in whose Inbox and in the spool, and what the trace tells."""
    from mailim.interfaces.items import ItemQuery
    from mailim.interfaces.mail_events import MailQuery

    subjects = {}
    for account, name in ((1, "bob"), (2, "ann")):
        items = tx.items.get(account, tx.items.query(ItemQuery(account)).ids).values()
        facts = tx.items.facts([each.body_id for each in items])
        subjects[name] = sorted(str(facts[each.body_id].subject) for each in items)
    spool = [[r.address for r in entry.recipients] for entry in tx.spool.list(100)]
    mails = [each.spool_id for each in tx.mail_events.mails(MailQuery())]
    lines = [f"{each.what} {each.address}" for each in tx.mail_events.events(mails, 1000)]
    return {**subjects, "spool": spool, "trace": sorted(lines)}


def report(base: Path, unit: int, moment: str) -> int:
    """Crash at one point, start again, print what came of it; gives the units written."""
    directory = base / f"{unit}{moment}"
    result = Path(f"{directory}.json")
    end = forked(lambda: run(directory, unit, moment, result))
    if moment and forked(lambda: run(directory, 0, "", result)) != "done":
        end = "failed"
    found = json.loads(result.read_text()) if result.exists() else {}
    sent = sorted(Path(f"{directory}.ledger").read_text().split())
    print(json.dumps({"point": f"{moment} {unit}", "end": end, "sent": sent, **found}), flush=True)
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
