"""A program that is killed while it sends what was submitted; run by `test_crashes`.

As `crashing_child`, but the mails are drafts that an account submits: made ready (without
their Bcc), accepted in a unit, one of them called back, the drafts destroyed, moved into the
spool when due and delivered. Besides the named points it is killed at random moments.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.task import deferLater

from mailim.interfaces.items import ItemQuery
from mailim.interfaces.submissions import NewSubmission
from mailim.mail.allowances import Allowances
from mailim.mail.delivery import LocalDelivery
from mailim.mail.envelopes import Envelopes
from mailim.mail.intake import Intake
from mailim.mail.outgoing import Outgoing
from mailim.mail.queue import Queue
from mailim.mail.submission import Submitting
from tests.fakes.crashing import RANDOM, Point, around_units, crash
from tests.mail.crashing import HOST, LONG, Office
from tests.store.mails import add_item, message

ADDRESS = "ann@example.test"
DRAFTS = {"first": 0, "second": LONG, "called back": 0}  # subject -> octets of the text
HOLD = 20_000  # microseconds
RANDOM_RUNS = 12


async def send_all(reactor: Any, directory: Path, point: Point) -> dict[str, Any]:
    """Submit what was not submitted yet, wait until all is over, say what there is."""
    office = Office(reactor, directory, point)
    await office.open(write_drafts)
    dying, events = office.dying, office.events
    intake = Intake(dying, HOST, reactor)
    queue = Queue(reactor, dying, events, [], office.routing, LocalDelivery(dying))
    service = Submitting(reactor, dying, events, intake)
    queue.startService()
    service.startService()
    envelopes = Envelopes(office.people, "example.test", can_relay=False)
    outgoing = Outgoing(dying, intake, envelopes, Allowances(reactor, 1000), 10)
    for subject in DRAFTS:
        await submit(dying, outgoing, intake, subject)
    while not await office.store.read(over) or service.busy:
        await deferLater(reactor, 0.005)
    await service.stopService()
    await office.settle(queue)
    return await office.close(inventory)


def write_drafts(tx: Any) -> None:
    """Make ann's drafts."""
    for subject, octets in DRAFTS.items():
        to_bcc = "Bcc: bob@example.test"
        data = message(subject, ADDRESS, ADDRESS, "x" * octets, more=to_bcc)
        if octets:
            data = data.replace(b"Bcc: bob", b"Bcc: robert")
        add_item(tx, tx.folders.by_role(2, "inbox").id, data)


async def submit(store: Any, outgoing: Any, intake: Any, subject: str) -> None:
    """Submit a draft unless it was before; destroy it, or call it back."""
    item_id = list(DRAFTS).index(subject) + 1
    account = await store.read(lambda tx: tx.accounts.get(2))
    known = await store.read(lambda tx: list(tx.submissions.get(2).values()))
    mine = next((each for each in known if each.item_id == item_id), None)
    if mine is None:
        item, facts = await store.read(lambda tx: draft(tx, item_id))
        ready = await outgoing.make_ready(account, item, facts, ADDRESS, None, None)
        now = intake.now()
        hold = 60_000_000 if subject == "called back" else HOLD

        def unit(tx: Any) -> Any:
            new = NewSubmission(
                2, 1, item.id, item.thread_id, tx.bodies.add(ready.prepared.body), ready.sender,
                ready.recipients, {"mailFrom": {"email": ADDRESS}, "rcptTo": []}, now, now + hold,
            )  # fmt: skip
            return tx.submissions.add(new, ready.prepared.facts)

        mine = await store.write(unit)
    if subject == "called back":
        await store.write(lambda tx: tx.submissions.cancel(mine.id, intake.now()))
    elif await store.read(lambda tx: tx.items.get(2, [item_id])):
        await store.write(lambda tx: (tx.items.remove(2, item_id), tx.bodies.sweep(10)))


def draft(tx: Any, item_id: int) -> Any:
    """Give a draft with its facts."""
    item = tx.items.get(2, [item_id])[item_id]
    return item, tx.items.facts([item.body_id])[item.body_id]


def over(tx: Any) -> bool:
    """Say whether nothing waits any more."""
    due = tx.submissions.next_due(-1)
    return due is None and not tx.spool.list(1)


def inventory(tx: Any) -> dict[str, Any]:
    """Say what bob and ann got, and what became of the submissions."""
    got: dict[int, list[str]] = {}
    hidden = True
    for account in (1, 2):
        items = tx.items.get(account, tx.items.query(ItemQuery(account)).ids).values()
        came = [each for each in items if each.prefix]
        facts = tx.items.facts([each.body_id for each in came])
        got[account] = sorted(str(facts[each.body_id].subject) for each in came)
        hidden = hidden and not any(b"Bcc" in tx.bodies.read(each.body_id) for each in came)
    statuses = [each.undo_status for each in tx.submissions.get(2).values()]
    return {"bob": got[1], "ann": got[2], "statuses": statuses, "hidden": hidden}


def points(clean: dict[str, Any]) -> Iterator[Point]:
    yield from around_units(clean)
    random = Random(8621)
    for _ in range(RANDOM_RUNS):
        yield Point(RANDOM, random.randrange(10_000, 250_000))


if __name__ == "__main__":
    crash(send_all, points)
