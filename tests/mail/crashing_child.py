"""A program that is killed at a named point of the mail's way; run by `test_crashes`.

It is the bringer of mail (as MultiPOP is: the mail and the mark that it was fetched go into
one unit), the queue and the delivery in one process.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from mailim.interfaces.items import ItemQuery
from mailim.mail.delivery import LocalDelivery
from mailim.mail.queue import Queue
from tests.fakes.crashing import Point, crash
from tests.mail.crashing import Office, in_spool, subjects

MAILS = {
    "first": ("bob@example.test",),
    "second": ("robert@example.test", "all@example.test", "ann@example.test"),
    "third": ("ann@example.test", "nobody@example.test"),
}


async def bring_and_deliver(reactor: Any, directory: Path, point: Point) -> dict[str, Any]:
    office = Office(reactor, directory, point)
    await office.open()
    delivery = LocalDelivery(office.dying)
    queue = Queue(reactor, office.dying, office.events, [], office.routing, delivery)
    queue.startService()
    await office.bring_all(MAILS, "carl@example.org", long="third")
    await office.settle(queue)
    return await office.close(inventory)


def inventory(tx: Any) -> dict[str, Any]:
    """Say which mails are in whose Inbox and in the spool, and whether all adds up."""
    whole = True
    for account in (1, 2):
        items = tx.items.get(account, tx.items.query(ItemQuery(account)).ids)
        inbox = tx.folders.by_role(account, "inbox")
        whole = whole and inbox.total == inbox.unread == inbox.uidnext - 1 == len(items)
        for each in items.values():
            whole = whole and hashlib.sha256(tx.bodies.read(each.body_id)).digest() == each.sha256
    return {"bob": subjects(tx, 1), "ann": subjects(tx, 2), "spool": in_spool(tx), "whole": whole}


if __name__ == "__main__":
    crash(bring_and_deliver)
