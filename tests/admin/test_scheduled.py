"""Mail that waits for the time its sender named, as an administrator sees it in `queue`."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from mailim.admin.display import shown
from mailim.admin.queue_acts import QueueActs
from mailim.errors import Invalid, NotFound
from mailim.interfaces.spool import NewMail
from mailim.interfaces.store import ITransaction
from mailim.interfaces.submissions import NewSubmission, Sending
from mailim.mail.holding import Holding
from mailim.mail.submission import Submitting
from tests.fakes.waiting import until
from tests.mail.post import Post
from tests.store.mails import message

ANN, BOB, CARL = "ann@example.test", "bob@example.test", "carl@example.org"


class ScheduledTest(Post):
    async def act(self, name: str, /, **values: Any) -> Any:
        acts = QueueActs(self.store, self.intake.now).acts()
        return await acts[f"queue.{name}"](values, ANN)

    async def fails(self, error: type[Exception], name: str, **values: Any) -> None:
        await self.assertFailure(Deferred.fromCoroutine(self.act(name, **values)), error)

    async def over_smtp(self, seconds: int, *recipients: str) -> str:
        """Take a mail to be sent later; gives its number."""
        mail = NewMail(ANN, recipients, "submission", "ann at [192.0.2.7]", self.intake.now(), 2)
        prepared = await self.intake.prepare(message("later", ANN, message_id="1@x"))
        release = self.intake.now() + seconds * 1_000_000
        await Holding(self.store, self.intake).keep(mail, prepared, release)
        number: str = max(one["id"] for one in await self.act("list", scheduled=True))
        return number

    async def by_jmap(self, seconds: int) -> str:
        prepared = await self.intake.prepare(message("later", ANN))
        now = self.intake.now()

        def unit(tx: ITransaction) -> int:
            body_id, to = tx.bodies.add(prepared.body), (Sending(CARL, CARL),)
            due = now + seconds * 1_000_000
            new = NewSubmission(2, 1, 1, 1, body_id, ANN, to, {"rcptTo": []}, now, due)
            return tx.submissions.add(new, prepared.facts).id

        return f"s{await self.store.write(unit)}"

    async def status(self, number: str) -> str:
        found = await self.store.read(lambda tx: tx.submissions.get(2))
        return found[int(number[1:])].undo_status

    async def test_listed_by_the_time_they_go(self) -> None:
        late = await self.over_smtp(200, BOB, CARL)
        soon = await self.by_jmap(100)
        rows = await self.act("list", scheduled=True)
        self.assertEqual(
            [(one["id"], one["state"], one["from"], one["to"]) for one in rows],
            [(soon, "scheduled", ANN, [CARL]), (late, "scheduled", ANN, [BOB, CARL])],
        )
        self.assertLess(rows[0]["next_attempt"], rows[1]["next_attempt"])
        self.assertEqual([one["id"] for one in await self.act("list", scheduled=True, limit=1)],
                         [soon])  # fmt: skip
        self.assertEqual(await self.act("list"), [])
        self.assertIn(f"\n{late} ", shown(rows, False))

    async def test_shown(self) -> None:
        number = await self.over_smtp(200, BOB, CARL)
        found = await self.act("show", id=number)
        (row,) = await self.act("list", scheduled=True)
        self.assertEqual(found["size"], row["size"])
        self.assertEqual((found["account"], found["source"]), (ANN, "ann at [192.0.2.7]"))
        self.assertEqual((found["subject"], found["message_id"]), ("later", "1@x"))
        self.assertEqual([one["address"] for one in found["recipients"]], [BOB, CARL])
        self.assertIn(f"next attempt {row['next_attempt']}", found["text"])

    async def test_released(self) -> None:
        for number in (await self.over_smtp(200, BOB, CARL), await self.by_jmap(200)):
            self.assertGreater((await self.act("release", id=number))["released"], 0)
        service = Submitting(self.clock, self.store, self.events, self.intake)
        service.startService()
        self.addCleanup(service.stopService)
        await until(lambda: not service.busy)
        self.assertEqual(len(await self.waiting()), 2)
        self.assertEqual(await self.act("list", scheduled=True), [])
        self.assertEqual(await self.status(number), "final")
        await self.fails(NotFound, "release", id=number)

    async def test_a_release_wakes_what_sends(self) -> None:
        number = await self.over_smtp(200, BOB)
        service = Submitting(self.clock, self.store, self.events, self.intake)
        service.startService()
        self.addCleanup(service.stopService)
        await until(lambda: not service.busy)
        await self.act("release", id=number)
        await until(lambda: not service.busy)
        self.assertEqual(len(await self.waiting()), 1)

    async def test_removed(self) -> None:
        for number in (await self.over_smtp(200, BOB), await self.by_jmap(200)):
            await self.act("remove", id=number)
            await self.fails(NotFound, "show", id=number)
            await self.fails(NotFound, "remove", id=number)
        self.assertEqual(await self.act("list", scheduled=True), [])
        self.assertEqual(await self.status(number), "canceled")

    async def test_what_makes_no_sense(self) -> None:
        number = await self.over_smtp(200, BOB)
        for name in ("hold", "retry"):
            await self.fails(Invalid, name, id=number)
        for bad in ("s", "s0", "s-1", "s٣", "S1", "s" + "9" * 5000):
            await self.fails(Invalid, "show", id=bad)
        await self.fails(NotFound, "show", id="s999")
        await self.fails(Invalid, "list", scheduled=True, limit=0)
