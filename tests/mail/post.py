"""A post office for tests: a real store and directory, the queue on a clock one moves by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from mailim.accounts.directory import Directory
from mailim.events import Events, MailDelivered
from mailim.interfaces.filters import IFilter, IRules
from mailim.interfaces.items import Item, ItemQuery
from mailim.interfaces.relay import IRelay
from mailim.interfaces.spool import NewMail, SpoolEntry
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.backoff import Backoff
from mailim.mail.bounce import Bounces
from mailim.mail.delivery import LocalDelivery
from mailim.mail.intake import Intake
from mailim.mail.queue import Queue
from mailim.mail.routing import Routing
from tests.fakes.store import open_store
from tests.store.mails import message

START = 1_700_000_000


def make_office(tx: ITransaction) -> None:
    """Accounts bob (1) and ann (2), an alias, groups inside groups, a loop of aliases."""
    tx.accounts.add_domain("example.test", 0)
    for name in ("bob", "ann"):
        account = tx.accounts.add(f"{name}@example.test", name, False, 0)
        tx.folders.create(account.id, "Inbox", role="inbox")
    tx.accounts.add_alias("robert@example.test", "bob@example.test")
    for group, members in (
        ("all", ("robert", "team", "bob", "ann")),
        ("team", ("ann", "bob")),
        ("empty", ()),
    ):
        tx.accounts.add_group(f"{group}@example.test", group)
        for member in members:
            tx.accounts.add_member(f"{group}@example.test", f"{member}@example.test")
    tx.accounts.add_group("mixed@example.test", "")
    tx.accounts.add_member("mixed@example.test", "ann@example.test")
    tx.accounts.add_member("mixed@example.test", "carl@example.org")


class Post(TestCase):
    """Base of tests that send mail through the queue."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.events = Events()
        self.delivered: list[MailDelivered] = []
        self.events.subscribe(MailDelivered, self.delivered.append)
        self.store = open_store(self, self.events)
        await self.store.write(make_office)
        self.clock = Clock()
        self.clock.advance(START)
        self.directory = Directory(self.store, self.events)
        self.intake = Intake(self.store, "mail.example.test", self.clock)

    def start(
        self,
        filters: Sequence[IFilter] = (),
        relay: IRelay | None = None,
        store: IStore | None = None,
        routing: Any = None,
        delivery: Any = None,
        at_once: int = 20,
        bounces: Bounces | None = None,
        rules: IRules | None = None,
    ) -> Queue:
        """Start a queue without chance in it; it is stopped at the end of the test."""
        store = store or self.store
        self.queue = Queue(
            self.clock,
            store,
            self.events,
            filters,
            routing or Routing(self.directory),
            delivery or LocalDelivery(store),
            relay,
            at_once=at_once,
            rules=rules,
            bounces=bounces,
            backoff=Backoff(lambda: 0.5),
        )
        self.queue.startService()
        self.addCleanup(lambda: self.queue.stopService() if self.queue.running else None)
        return self.queue

    async def send(self, *recipients: str, data: bytes | None = None, **other: Any) -> int:
        """Accept a mail; bare names are of our domain."""
        addresses = tuple(r if "@" in r else f"{r}@example.test" for r in recipients)
        values: dict[str, Any] = {
            "sender": "carl@example.org",
            "origin": "smtp",
            "source": "[192.0.2.1]",
            "received": self.intake.now(),
        }
        mail = NewMail(recipients=addresses, **{**values, **other})
        return await self.intake.accept(mail, data or message())

    async def settle(self) -> None:
        """Wait until the queue has nothing to do at this time."""
        clock: Any = reactor
        end = clock.seconds() + 60
        while clock.seconds() < end:
            await deferLater(clock, 0.005)
            now = self.intake.now()
            due = await self.store.read(lambda tx, now=now: tx.spool.due(now, 1))  # type: ignore[misc]
            if not due and not self.queue.busy and not self.queue._looking:
                return  # it has set its timer by the time of now
        self.fail("the queue does not come to rest")

    async def later(self, seconds: float) -> None:
        """Let time pass, and the queue with it."""
        self.clock.advance(seconds)
        await self.settle()

    async def waiting(self) -> list[SpoolEntry]:
        return list(await self.store.read(lambda tx: tx.spool.list(100)))

    async def mail_of(self, account_id: int, role: str = "inbox") -> list[Item]:
        """Give what is in a folder, oldest first."""

        def unit(tx: ITransaction) -> list[Item]:
            folder = tx.folders.by_role(account_id, role)
            if folder is None:
                return []
            query = ItemQuery(account_id, {"inMailbox": folder.id}, limit=1000)
            return list(tx.items.get(account_id, tx.items.query(query).ids).values())

        return await self.store.read(unit)
