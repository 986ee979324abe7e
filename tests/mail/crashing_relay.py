"""A program that is killed around every unit of mail going out; run by `test_crashes`.

As `crashing_child`, but the mails go to other servers: a ledger outside the store notes, as
they would, what they took responsibility for. One refuses, and the sender is to be told.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mailim.errors import Invalid
from mailim.interfaces.mail_events import MailQuery
from mailim.interfaces.relay import Handed
from mailim.mail.bounce import Bounces
from mailim.mail.delivery import LocalDelivery
from mailim.mail.queue import Queue
from tests.fakes.crashing import Point, crash
from tests.mail.crashing import HOST, Office, in_spool, subjects

MAILS = {
    "one": ("carl@example.org",),
    "two": ("dora@example.org", "no@example.org", "bob@example.test"),
}


class Ledger:
    """A relay whose other side writes down what it has, before it says so."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "ledger"

    async def send(self, entry: Any, recipient: Any, headers: bytes = b"") -> Handed:
        if recipient.address.startswith("no@"):
            raise Invalid("mx.example.org said: 550 5.1.1 No such user")
        with self._file.open("a") as stream:
            stream.write(f"{recipient.address} {headers.decode().strip()}".strip() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        return Handed(tells=True)

    def lines(self) -> list[str]:
        """Give what was taken, in order of the alphabet."""
        return sorted(self._file.read_text().splitlines())


async def send_all(reactor: Any, directory: Path, point: Point) -> dict[str, Any]:
    office = Office(reactor, directory, point)
    await office.open()
    dying = office.dying
    ledger: Any = Ledger(directory)
    bounces = Bounces(dying, office.intake, HOST, "example.test")
    delivery = LocalDelivery(dying)
    queue = Queue(
        reactor, dying, office.events, [], office.routing, delivery, ledger, bounces=bounces
    )
    queue.startService()
    await office.bring_all(MAILS, "ann@example.test")
    await office.settle(queue)
    return {**await office.close(inventory), "sent": ledger.lines()}


def inventory(tx: Any) -> dict[str, Any]:
    """Say what is in whose Inbox and in the spool, and what the trace tells."""
    mails = [each.spool_id for each in tx.mail_events.mails(MailQuery())]
    lines = [f"{each.what} {each.address}" for each in tx.mail_events.events(mails, 1000)]
    trace = sorted(lines)
    return {"bob": subjects(tx, 1), "ann": subjects(tx, 2), "spool": in_spool(tx), "trace": trace}


if __name__ == "__main__":
    crash(send_all)
