"""A program that is killed around every unit of mail that is answered; run by `test_crashes`.

As `crashing_child`, but bob is away: ann writes to him twice, and is to be answered once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from mailim.mail.autoreply import Autoreplies
from mailim.mail.delivery import LocalDelivery
from mailim.mail.queue import Queue
from tests.fakes.crashing import Point, crash
from tests.mail.crashing import HOST, Office, in_spool, subjects

MAILS = {"first": ("bob@example.test",), "second": ("bob@example.test",)}


async def answer_all(reactor: Any, directory: Path, point: Point) -> dict[str, Any]:
    office = Office(reactor, directory, point)
    await office.open(lambda tx: tx.vacation.set(1, enabled=True, text="Away."))
    replies = Autoreplies(office.dying, office.intake, HOST, deferToThread)
    delivery = LocalDelivery(office.dying, replies)
    queue = Queue(reactor, office.dying, office.events, [], office.routing, delivery)
    queue.startService()
    await office.bring_all(MAILS, "ann@example.test")
    await office.settle(queue)
    return await office.close(inventory)


def inventory(tx: Any) -> dict[str, Any]:
    """Say what is in whose Inbox and in the spool."""
    return {"bob": subjects(tx, 1), "ann": subjects(tx, 2), "spool": in_spool(tx)}


if __name__ == "__main__":
    crash(answer_all)
