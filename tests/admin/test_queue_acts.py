"""Operations on the queue: seeing what waits and why, and deciding what becomes of it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from mailim.admin.display import shown
from mailim.admin.queue_acts import QueueActs
from mailim.errors import Invalid, NotFound
from mailim.interfaces.spool import NewMail, SpoolEntry
from mailim.wire.message import describe
from tests.fakes.store import open_store
from tests.store.mails import message, prepared

NOW = 10_000_000


class QueueActsTest(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.store = open_store(self)
        self.acts = QueueActs(self.store, lambda: NOW).acts()

    async def add(self, *recipients: str, sender: str = "carl@example.org", **other: Any) -> int:
        """Put a mail into the spool, received at second 1."""
        data = message(**other)
        mail = NewMail(sender, recipients, "smtp", "[192.0.2.1]", 1_000_000)

        def unit(tx: Any) -> int:
            spooled: int = tx.spool.add(mail, tx.bodies.add(prepared(data)), b"", describe(data))
            return spooled

        return await self.store.write(unit)

    async def entry(self, spool_id: int) -> SpoolEntry:
        entry = await self.store.read(lambda tx: tx.spool.get(spool_id))
        assert entry is not None
        return entry

    async def act(self, name: str, /, **values: Any) -> Any:
        return await self.acts[f"queue.{name}"](values, "anna@example.test")

    async def wait_until(self, spool_id: int, time: int, reason: str) -> None:
        """Let the first recipient of a mail wait."""
        first = (await self.entry(spool_id)).recipients[0]
        await self.store.write(lambda tx: tx.spool.retry(first.id, time, reason))

    async def test_list(self) -> None:
        waiting = await self.add("bob@example.test", "ann@example.test")
        held = await self.add("nobody@example.test", sender="")
        partly = await self.add("a@x.test", "b@x.test")
        await self.wait_until(waiting, 60_000_000, "busy")
        await self.store.write(lambda tx: tx.spool.hold(held, True, "No such address."))
        second = (await self.entry(partly)).recipients[1]
        await self.store.write(lambda tx: tx.spool.hold_recipient(second.id, "odd"))
        rows = await self.act("list")
        self.assertEqual(
            [(one["id"], one["state"], one["from"], one["reason"]) for one in rows],
            [
                (waiting, "waiting", "carl@example.org", "busy"),
                (held, "held", "<>", "No such address."),
                (partly, "partly held", "carl@example.org", "odd"),
            ],
        )
        self.assertEqual(rows[0]["to"], ["bob@example.test", "ann@example.test"])
        self.assertEqual(rows[0]["received"], "1970-01-01T00:00:01.000000Z")
        self.assertEqual(rows[1]["next_attempt"], None)
        only_held = [one["id"] for one in await self.act("list", held=True)]
        self.assertEqual(only_held, [held, partly])

    async def test_list_in_pages(self) -> None:
        ids = [await self.add("bob@example.test") for _ in range(5)]
        await self.store.write(lambda tx: tx.spool.hold(ids[4], True, "odd"))
        first = await self.act("list", limit=3)
        rest = await self.act("list", limit=3, after=first[-1]["id"])
        self.assertEqual([one["id"] for one in [*first, *rest]], ids)
        self.assertEqual([one["id"] for one in await self.act("list", held=True)], ids[4:])
        for values in ({"limit": 0}, {"limit": 1001}, {"after": -1}, {"after": 1 << 70}):
            await self.assertFailure(self.deferred("list", **values), Invalid)

    async def test_many_recipients_do_not_fill_the_screen(self) -> None:
        await self.add(*(f"{at}@x.test" for at in range(200)))
        (row,) = await self.act("list")
        self.assertEqual((row["recipients"], len(row["to"])), (200, 5))

    async def test_show(self) -> None:
        spool_id = await self.add("bob@example.test", "ann@example.test", message_id="1@x")
        await self.wait_until(spool_id, 60_000_000, "451 busy")
        found = await self.act("show", id=str(spool_id))
        self.assertEqual((found["subject"], found["message_id"]), ("Lunch", "1@x"))
        self.assertEqual((found["origin"], found["source"]), ("smtp", "[192.0.2.1]"))
        first, second = found["recipients"]
        self.assertEqual(
            first,
            {
                "address": "bob@example.test",
                "state": "waiting",
                "attempts": 1,
                "next_attempt": "1970-01-01T00:01:00.000000Z",
                "reason": "451 busy",
            },
        )
        self.assertEqual((second["state"], second["next_attempt"]), ("due", None))
        lines = shown(found, False).splitlines()
        self.assertIn("subject     Lunch", lines)
        self.assertIn("            451 busy", lines)

    async def test_strangers_cannot_fake_a_line(self) -> None:
        spool_id = await self.add("bob@example.test")
        await self.wait_until(spool_id, 60_000_000, "451 busy\nfrom        boss\x1b[2J")
        lines = shown(await self.act("show", id=str(spool_id)), False).splitlines()
        self.assertEqual(sum(line.startswith("from") for line in lines), 1)
        self.assertFalse(any("\x1b" in line for line in lines))

    async def test_hold_and_release(self) -> None:
        spool_id = await self.add("bob@example.test", "ann@example.test")
        await self.wait_until(spool_id, 60_000_000, "busy")
        await self.act("hold", id=str(spool_id), reason="ask first")
        entry = await self.entry(spool_id)
        self.assertEqual(
            {(each.held, each.last_error) for each in entry.recipients},
            {(True, "Held by anna@example.test: ask first")},
        )
        self.assertEqual(await self.act("release", id=str(spool_id)), {"released": 2})
        entry = await self.entry(spool_id)
        self.assertEqual(
            {(each.held, each.attempts, each.next_attempt) for each in entry.recipients},
            {(False, 0, 0)},
        )
        await self.assertFailure(self.deferred("release", id=str(spool_id)), Invalid)

    async def test_retry(self) -> None:
        first, second = await self.add("bob@example.test"), await self.add("bob@example.test")
        for each in (first, second):
            await self.wait_until(each, 60_000_000, "busy")
        self.assertEqual(await self.act("retry", id=str(first)), {"due": 1})
        due = await self.store.read(lambda tx: tx.spool.due(NOW, 9))
        self.assertEqual([each.id for each in due], [first])
        self.assertEqual(due[0].recipients[0].attempts, 1)
        self.assertEqual(await self.act("retry"), {"due": 2})
        await self.act("hold", id=str(first))
        await self.assertFailure(self.deferred("retry", id=str(first)), Invalid)
        self.assertEqual(await self.act("retry"), {"due": 1})

    async def test_remove(self) -> None:
        spool_id = await self.add("bob@example.test")
        await self.act("remove", id=str(spool_id))
        self.assertEqual(await self.act("list"), [])

    async def test_wrong_numbers(self) -> None:
        for name in ("show", "hold", "release", "retry", "remove"):
            await self.assertFailure(self.deferred(name, id="999"), NotFound)
            for bad in ("", "x", "-1", "0", "1.5", "٣", "9" * 30, "9" * 5000):
                await self.assertFailure(self.deferred(name, id=bad), Invalid)

    def deferred(self, name: str, /, **values: Any) -> Any:
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine(self.act(name, **values))
