"""What the programs that are killed on a mail's way share: an office, its mail, its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from mailim.accounts.directory import Directory
from mailim.events import Events
from mailim.interfaces.boxes import SeenMessage
from mailim.interfaces.items import ItemQuery
from mailim.interfaces.spool import NewMail
from mailim.mail.intake import Intake
from mailim.mail.routing import Routing
from mailim.store.engine import Store
from tests.fakes.crashing import DyingStore, Point
from tests.store.mails import message

HOST = "mail.example.test"
LONG = 200_000  # octets; a body of so many is a file of its own
Mails = Mapping[str, tuple[str, ...]]
"""UIDL → recipients."""


class Office:
    """The store, the directory and the way in, in a process that is to die at a point.

    `store` lives, `dying` dies. The first run in a directory makes what `tests.mail.post`
    knows, and a mailbox elsewhere (1) that mail is brought from.
    """

    def __init__(self, reactor: Any, directory: Path, point: Point) -> None:
        self._reactor = reactor
        self.events = Events()
        self.store = Store.open(reactor, directory, self.events, readers=1)
        self.dying: Any = DyingStore(self.store, point)
        self.people = Directory(self.store, self.events)
        self.routing = Routing(self.people)
        self.intake = Intake(self.store, HOST, reactor)

    async def open(self, first_start: Any = lambda tx: None) -> None:
        """Make what must be there, once; with what `first_start` adds in the same unit."""
        if await self.store.read(lambda tx: tx.accounts.get(1)) is not None:
            return
        from tests.mail.post import make_office  # it wants a reactor

        def unit(tx: Any) -> None:
            make_office(tx)
            tx.boxes.add(1, "pop.example.org", 995, "bob", b"", "tls", "", True, 0)
            first_start(tx)

        await self.store.write(unit)

    async def bring_all(self, mails: Mails, sender: str, long: str = "") -> None:
        """Bring each mail that was not brought yet; the one named `long` with a file."""
        for uidl, recipients in mails.items():
            await self._bring(uidl, recipients, sender, "x" * LONG if uidl == long else "")

    async def _bring(self, uidl: str, recipients: tuple[str, ...], sender: str, body: str) -> None:
        """Put a mail and the mark that it was brought into one unit, unless it was before."""
        if uidl in await self.store.read(lambda tx: tx.boxes.seen(1)):
            return
        prepared = await self.intake.prepare(message(uidl, body=body))
        mail = NewMail(sender, recipients, "smtp", "test", self.intake.now())

        def unit(tx: Any) -> None:
            self.intake.spool(tx, prepared, mail)
            tx.boxes.mark(1, SeenMessage(uidl, "stored", prepared.body.sha256, 0))

        await self.dying.write(unit)

    async def settle(self, queue: Any) -> None:
        """Wait until nothing is due any more and the queue is idle; stop it."""
        while await self.store.read(lambda tx: tx.spool.next_due()) is not None or queue.busy:
            await deferLater(self._reactor, 0.005)
        await queue.stopService()

    async def close(self, inventory: Any) -> dict[str, Any]:
        """Give what `inventory(tx)` finds, and the number of units written."""
        found = await self.store.read(inventory)
        await self.store.close()
        return {**found, "units": self.dying.written}


def subjects(tx: Any, account: int) -> list[str]:
    """Give the subjects of all an account has, in order."""
    items = tx.items.get(account, tx.items.query(ItemQuery(account)).ids).values()
    facts = tx.items.facts([each.body_id for each in items])
    return sorted(str(facts[each.body_id].subject) for each in items)


def in_spool(tx: Any) -> list[list[str]]:
    """Give the recipients that are left of each mail in the spool."""
    return [[each.address for each in entry.recipients] for entry in tx.spool.list(100)]
