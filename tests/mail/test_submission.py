"""Sending what was submitted: in time, once, and whatever fails meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, DeferredList, fail

from mailim.errors import StoreUnavailable
from mailim.events import ObjectsChanged
from mailim.interfaces.items import Item
from mailim.interfaces.store import ITransaction, Priority
from mailim.interfaces.submissions import NewSubmission, Sending
from mailim.mail.allowances import Allowances
from mailim.mail.envelopes import Envelopes
from mailim.mail.outgoing import Outgoing, Ready, Unsendable
from mailim.mail.submission import AT_ONCE, LONGEST_SLEEP, TROUBLE_SECONDS, Submitting
from mailim.wire.bcc import without_bcc
from mailim.wire.message import describe
from tests.fakes.waiting import until
from tests.mail.post import START, Post
from tests.store.mails import add_item, message, prepared

reactor: Any = installed
NOW = START * 1_000_000
ANN = "ann@example.test"


class FailingStore:
    """A store that does not write, or does not read, as often as one says."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.bodies = store.bodies
        self.writes = self.reads = 0  # still to fail

    def write(self, unit: Callable[[Any], Any], priority: Priority = Priority.NORMAL) -> Any:
        if self.writes:
            self.writes -= 1
            return fail(StoreUnavailable("no room"))
        return self._store.write(unit, priority)

    def read(self, unit: Callable[[Any], Any]) -> Any:
        if self.reads:
            self.reads -= 1
            return fail(StoreUnavailable("no way"))
        return self._store.read(unit)


def canceled_now(id: int, tx: ITransaction) -> bool:
    return tx.submissions.cancel(id, NOW)


class SubmittingTests(Post):
    def service(self, store: Any = None) -> Submitting:
        self.submitting = Submitting(self.clock, store or self.store, self.events, self.intake)
        self.submitting.startService()
        self.addCleanup(self.submitting.stopService)
        return self.submitting

    def add(self, tx: ITransaction, subject: str = "sent", seconds: float = 10.0) -> int:
        data = message(subject, ANN)
        new = NewSubmission(
            2, 1, 1, 1, tx.bodies.add(prepared(data)), ANN,
            (Sending("bob@example.test", "bob@example.test"),),
            {"mailFrom": {"email": ANN}, "rcptTo": [{"email": "bob@example.test"}]},
            NOW, self.intake.now() + int(seconds * 1_000_000),
        )  # fmt: skip
        return tx.submissions.add(new, describe(data)).id

    async def submit(self, subject: str = "sent", seconds: float = 10.0) -> int:
        return await self.store.write(lambda tx: self.add(tx, subject, seconds))

    async def pass_(self, seconds: float) -> None:
        await self.quiet()
        self.clock.advance(seconds)
        await self.quiet()

    async def quiet(self) -> None:
        await self.store.write(lambda tx: None, Priority.BACKGROUND)
        while self.submitting.busy:
            await self.store.read(lambda tx: None)

    async def spooled(self) -> list[str]:
        def unit(tx: ITransaction) -> list[str]:
            return [str(tx.spool.facts(each.id).subject) for each in tx.spool.list(1000)]

        return await self.store.read(unit)

    async def test_each_in_its_time(self) -> None:
        self.service()
        for subject, seconds in (("late", 20.0), ("early", 5.0), ("at once", 0.0)):
            await self.submit(subject, seconds)
        await self.pass_(0)
        self.assertEqual(await self.spooled(), ["at once"])
        await self.pass_(5)
        self.assertEqual(await self.spooled(), ["at once", "early"])
        await self.pass_(14.9)
        self.assertEqual(len(await self.spooled()), 2)
        await self.pass_(0.2)
        self.assertEqual(await self.spooled(), ["at once", "early", "late"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_what_waited_before_the_start(self) -> None:
        for subject in ("one", "two"):
            await self.submit(subject)
        self.clock.advance(1000)
        self.service()
        await self.quiet()
        self.assertEqual(await self.spooled(), ["one", "two"])

    async def test_many_at_once(self) -> None:
        self.service()
        count = 2 * AT_ONCE + 3
        await self.store.write(lambda tx: [self.add(tx, str(n)) for n in range(count)])
        await self.pass_(10)
        self.assertEqual(await self.spooled(), [str(n) for n in range(count)])

    async def test_it_looks_now_and_then(self) -> None:
        self.service()
        await self.submit(seconds=30 * 86400)
        await self.quiet()
        [call] = self.clock.getDelayedCalls()
        self.assertEqual(call.getTime() - self.clock.seconds(), LONGEST_SLEEP)
        self.clock.rightNow += 30 * 86400 - LONGEST_SLEEP  # as if the machine had slept
        await self.pass_(LONGEST_SLEEP)
        self.assertEqual(await self.spooled(), ["sent"])

    async def test_changes_of_others_wake_nobody(self) -> None:
        self.service()
        await self.quiet()
        self.events.publish(ObjectsChanged(2, "Identity", 7))
        self.assertFalse(self.submitting.busy)

    async def test_a_store_that_fails(self) -> None:
        store = FailingStore(self.store)
        self.service(store)
        await self.submit("one")
        await self.submit("two")
        await self.quiet()
        store.writes = 1
        await self.pass_(10)
        self.assertEqual(await self.spooled(), ["two"])
        await self.pass_(TROUBLE_SECONDS - 1)
        self.assertEqual(await self.spooled(), ["two"])
        await self.pass_(2)
        self.assertEqual(await self.spooled(), ["two", "one"])
        self.assertEqual(len(self.flushLoggedErrors(StoreUnavailable)), 1)
        store.reads = 1
        await self.submit("three", 0)
        await self.quiet()
        self.assertEqual(len(await self.spooled()), 2)
        await self.pass_(TROUBLE_SECONDS)
        self.assertEqual(len(await self.spooled()), 3)
        self.assertEqual(len(self.flushLoggedErrors(StoreUnavailable)), 1)

    async def test_stopped(self) -> None:
        service = self.service()
        await self.submit(seconds=0)
        await service.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        await self.submit("later", 0)
        await self.quiet()
        self.assertNotIn("later", await self.spooled())

    async def test_called_back_at_the_last_moment(self) -> None:
        """Whatever comes first wins, and only that happens."""
        service = self.service()
        chance = random.Random(1)
        outcomes = set()
        for round_ in range(60):
            id = await self.submit(str(round_))
            await self.quiet()
            self.clock.advance(10 if chance.random() < 0.5 else 9.99)
            for _ in range(chance.randrange(4)):
                await self.store.read(lambda tx: None)
            cancel = self.store.write(partial(canceled_now, id))
            send = self.store.write(partial(service._unit, submission_id=id))
            both: list[Deferred[Any]] = [cancel, send]
            await DeferredList(both)
            await self.pass_(1)
            found = (await self.store.read(lambda tx: tx.submissions.get(2)))[id]
            canceled = await cancel
            spooled = str(round_) in await self.spooled()
            outcomes.add(canceled)
            self.assertEqual(canceled, not spooled)
            self.assertEqual(found.undo_status, "canceled" if canceled else "final")
        self.assertEqual(outcomes, {True, False})
        names = await self.spooled()
        self.assertEqual(len(names), len(set(names)))


class OutgoingTests(Post):
    def outgoing(self, store: Any = None) -> Outgoing:
        envelopes = Envelopes(self.directory, "example.test", can_relay=False)
        allowances = Allowances(self.clock, 5)
        return Outgoing(store or self.store, self.intake, envelopes, allowances, 10)

    async def item(self, data: bytes) -> Item:
        body = await self.store.bodies.prepare(data)

        def unit(tx: ITransaction) -> Item:
            inbox = tx.folders.by_role(2, "inbox")
            assert inbox is not None
            tx.bodies.add(body)
            return add_item(tx, inbox.id, data, prefix=b"Received: here\r\n")

        return await self.store.write(unit)

    async def ready(self, data: bytes, store: Any = None) -> Ready:
        item = await self.item(data)
        account = await self.store.read(lambda tx: tx.accounts.get(2))
        assert account is not None
        outgoing = self.outgoing(store)
        return await outgoing.make_ready(account, item, describe(data), ANN, None, None)

    async def test_a_large_message_loses_its_bcc_and_nothing_else(self) -> None:
        more = "Bcc: bob@example.test\r\nX-Bcc: kept"
        data = message("large", ANN, ANN, body="x\n" * 2**20, more=more)
        ready = await self.ready(data)
        self.assertEqual([each.email for each in ready.recipients], [ANN, "bob@example.test"])
        self.assertIsNone(ready.prepared.body.data)  # it is in a file
        sent = ready.prepared.body
        await self.store.write(lambda tx: tx.bodies.hold(tx.bodies.add(sent)))
        wanted = data.replace(b"Bcc: bob@example.test\r\n", b"", 1)
        self.assertEqual(await self.store.bodies.read(sent.sha256), wanted)
        self.assertEqual(ready.prepared.facts.bcc, ())

    async def test_one_written_twice(self) -> None:
        ready = await self.ready(message("x", ANN, "bob@example.test, Bob@Example.Test"))
        self.assertEqual(
            ready.recipients,
            (
                Sending("bob@example.test", "bob@example.test"),
                Sending("Bob@Example.Test", "bob@example.test"),
            ),
        )

    async def test_who_may_not(self) -> None:
        await self.store.write(lambda tx: tx.accounts.update(2, enabled=False))
        with self.assertRaises(Unsendable) as caught:
            await self.ready(message("x", ANN))
        self.assertEqual(caught.exception.kind, "forbiddenToSend")

    async def test_a_mail_that_goes_in_circles(self) -> None:
        more = "Bcc: bob@example.test\r\n" + "\r\n".join(["Received: x"] * 101)
        with self.assertRaises(Unsendable) as caught:
            await self.ready(message("x", ANN, more=more))
        self.assertEqual(caught.exception.kind, "invalidEmail")

    async def test_a_copy_that_fails_leaves_nothing(self) -> None:
        data = message("x", ANN, ANN, body="x\n" * 2**18, more="Bcc: bob@example.test")
        await self.item(data)
        files = self.store.bodies._files
        before = sorted(files._directory.rglob("*"))

        async def broken(sha256: bytes, start: int = 0, end: int | None = None) -> Any:
            yield b"y" * 200_000
            raise StoreUnavailable("the disk is broken")

        self.patch(self.store.bodies, "stream", broken)
        with self.assertRaises(StoreUnavailable):
            await self.ready(data)
        await until(lambda: sorted(files._directory.rglob("*")) == before)  # a thread removes it


class WithoutBccTests(Post):
    def test_only_bcc_goes(self) -> None:
        for header, left in (
            (b"A: b\r\n\r\n", b"A: b\r\n\r\n"),
            (b"Bcc: x\r\n\r\n", b"\r\n"),
            (b"BCC :x,\r\n\ty,\r\n z\r\nTo: w\r\n\r\n", b"To: w\r\n\r\n"),
            (b"To: w\r\nbcc: x", b"To: w\r\n"),
            (b"Resent-Bcc: x\r\nBcc:\r\nBccx: y\r\n\r\n", b"Bccx: y\r\n\r\n"),
            (b"Subject: a\r\n Bcc: b\r\n\r\n", b"Subject: a\r\n Bcc: b\r\n\r\n"),
            (b"Bcc: x\n y\nTo: z\n\n", b"To: z\n\n"),
            (b"X-Bcc: x\r\nBcc x\r\n\r\n", b"X-Bcc: x\r\nBcc x\r\n\r\n"),
        ):
            self.assertEqual(without_bcc(header), left)

    def test_linear(self) -> None:
        for piece in (b"Bcc", b"Bcc: \n ", b"Bcc \t", b"\n\t", b"Bcc:\r\n"):
            without_bcc(piece * (2**20 // len(piece)))
