"""`trace`: the way of a mail through a real queue, told; and finding mails."""

from __future__ import annotations

from typing import Any

from mailim.admin.display import shown
from mailim.admin.queue_acts import QueueActs
from mailim.admin.trace_acts import TraceActs
from mailim.errors import Invalid, NotFound, Unavailable
from mailim.interfaces.mail_events import AUTOREPLY, FILTERED
from mailim.mail.bounce import Bounces
from tests.fakes.relay import RememberingRelay
from tests.mail.post import Post
from tests.store.mails import message


class TraceActsTest(Post):
    async def trace(self, *mail: str, **values: Any) -> Any:
        if mail:
            values["mail"] = mail[0]
        act = TraceActs(self.store).acts()["trace"]
        return await act(values, "anna@example.test")

    async def lines(self, mail: str) -> list[str]:
        """Give what is told but for times and message ids."""
        text: str = (await self.trace(mail))["text"]
        return [line[27:] if line.startswith("  ") else line for line in text.split("\n")]

    def bounces(self) -> Bounces:
        return Bounces(self.store, self.intake, "mail.example.test", "example.test")

    async def test_alias_group_local_relayed_later(self) -> None:
        await self.store.write(
            lambda tx: tx.accounts.add_alias("people@example.test", "mixed@example.test")
        )
        self.start(relay=RememberingRelay(Unavailable("mx.example.org said: 451 4.7.1 Later")))
        data = message(message_id="lunch@example.org")
        spool_id = await self.send("people", data=data)
        await self.settle()
        waiting = await self.trace("lunch@example.org")
        await self.later(60)
        first, *lines = await self.lines("<lunch@example.org>")
        self.assertEqual(
            first.rpartition(",")[0],
            f"mail {spool_id} <lunch@example.org> from carl@example.org",
        )
        self.assertEqual(lines[0], "accepted   from another server, [192.0.2.1]")
        self.assertEqual(
            lines[1], "expanded   people@example.test: ann@example.test, carl@example.org"
        )
        self.assertEqual(
            {line for line in lines[2:] if "waits" not in line},
            {
                "delivered  ann@example.test: ann@example.test, Inbox, item 1",
                "relayed    carl@example.org: mx.example.org said: 250 2.0.0 Ok",
            },
        )
        (waits,) = (line for line in lines if line.startswith("waits"))
        self.assertIn("carl@example.org: mx.example.org said: 451 4.7.1 Later; next", waits)
        (mail,) = waiting["mails"]
        self.assertEqual(
            [(one["address"], one["state"], one["reason"]) for one in mail["waiting"]],
            [("carl@example.org", "waiting", "mx.example.org said: 451 4.7.1 Later")],
        )

    async def test_failure_and_its_notice(self) -> None:
        self.start(relay=RememberingRelay(), bounces=self.bounces())
        await self.send("nobody", "bob", data=message(message_id="one@x"))
        await self.settle()
        lines = await self.lines("one@x")
        self.assertIn("failed     nobody@example.test: There is no such address here.", lines)
        self.assertIn("notice     failed: told carl@example.org (mail 2)", lines)
        about = [line for line in lines if line.startswith("mail 2 <")]
        self.assertIn("from <>,", about[0])
        self.assertIn("accepted   made here, about mail 1", lines)
        self.assertIn("relayed    carl@example.org: mx.example.org said: 250 2.0.0 Ok", lines)

    async def test_administrators_decisions(self) -> None:
        self.start()
        spool_id = await self.send("nobody")
        await self.settle()
        acts = QueueActs(self.store, self.intake.now).acts()
        for verb in ("release", "hold", "remove"):
            await acts[f"queue.{verb}"]({"id": str(spool_id)}, "anna@example.test")
            await self.settle()
        lines = await self.lines(str(spool_id))
        self.assertEqual(
            lines[2:],
            [
                "held       nobody@example.test: There is no such address here.",
                "released   by anna@example.test",
                "held       nobody@example.test: There is no such address here.",
                "held       Held by anna@example.test",
                "removed    nobody@example.test: by anna@example.test",
            ],
        )

    async def test_held_and_due(self) -> None:
        spool_id = await self.send("bob", "ann")
        entry = (await self.waiting())[0]
        held = entry.recipients[1].id
        await self.store.write(lambda tx: tx.spool.hold_recipient(held, "odd"))
        self.assertEqual(
            (await self.lines(str(spool_id)))[-2:],
            [
                "waiting    bob@example.test: due 2023-11-14 22:13:20.000",
                "held       ann@example.test: is held",
            ],
        )

    async def test_collected_mail_shows_its_box(self) -> None:
        self.start()
        source = "pop.example.org as kate"
        await self.send("x@example.org", origin="multipop", source=source, account_id=1)
        await self.settle()
        lines = await self.lines("1")
        self.assertEqual(lines[1], "accepted   collected from a box, pop.example.org as kate")
        self.assertEqual(lines[2], "delivered  x@example.org: bob@example.test, Inbox, item 1")

    async def test_same_message_id_twice(self) -> None:
        data = message(message_id="twin@x")
        ids = [await self.send("bob", data=data) for _ in range(2)]
        self.assertEqual([one["id"] for one in (await self.trace("twin@x"))["mails"]], ids)

    async def test_what_it_caused_comes_with_it_once(self) -> None:
        """Also if mails cause each other in a circle, which they never should."""
        first, second = await self.send("bob"), await self.send("ann")

        def circle(tx: Any) -> None:
            tx.mail_events.add(first, AUTOREPLY, "bob@x", "", second)
            tx.mail_events.add(second, AUTOREPLY, "ann@x", "", first)

        await self.store.write(circle)
        found = await self.trace(str(first))
        self.assertEqual([one["id"] for one in found["mails"]], [first, second])
        self.assertFalse(found["cut"])

    async def test_too_long_a_way_is_cut(self) -> None:
        spool_id = await self.send("bob")

        def noise(tx: Any) -> None:
            for _ in range(2100):
                tx.mail_events.add(spool_id, FILTERED)

        await self.store.write(noise)
        found = await self.trace(str(spool_id))
        self.assertEqual((len(found["mails"][0]["events"]), found["cut"]), (2000, True))
        self.assertTrue(found["text"].endswith("(there is more than is shown)"))

    async def test_list(self) -> None:
        self.start()
        await self.send("bob", sender="Kim@Example.net", data=message(message_id="a@x"))
        await self.settle()
        await self.send("nobody", "ann", sender="", data=message(message_id="b@x"))
        await self.settle()

        async def ids(**values: Any) -> list[int]:
            return [one["id"] for one in (await self.trace(**values))["mails"]]

        self.assertEqual(await ids(), [2, 1])
        self.assertEqual(await ids(**{"from": "kim@example.net"}), [1])
        self.assertEqual(await ids(**{"from": "<Kim@example.net>"}), [1])
        self.assertEqual(await ids(**{"from": "<>"}), [2])
        self.assertEqual(await ids(to="nobody@example.test"), [2])
        self.assertEqual(await ids(to="example.test", since="2023-11-14", limit=1), [2])
        self.assertEqual(await ids(before=2), [1])
        self.assertEqual(await ids(since="2023-11-15"), [])
        found = await self.trace()
        first, second = found["text"].split("\n")
        self.assertEqual(
            first[25:],
            "mail 2  <> -> ann@example.test, nobody@example.test  held, under way  <b@x>",
        )
        self.assertEqual(
            second[25:],
            "mail 1  kim@example.net -> bob@example.test  delivered  <a@x>",
        )
        self.assertEqual((await self.trace(to="nobody.example"))["text"], "(none)")

    async def test_wrong_arguments(self) -> None:
        for values in (
            {"mail": ""}, {"mail": "<>"}, {"mail": "a\nb@x"}, {"mail": "x" * 999},
            {"mail": "a@x", "to": "b@x"}, {"mail": "a@x", "limit": 1},
            {"limit": 0}, {"limit": 1001}, {"before": 0}, {"before": 2**63},
            {"from": ""}, {"to": "<>"}, {"to": " "}, {"to": "a\x1b[1m@x"},
            {"since": "yesterday"}, {"until": "2026-13-01"},
        ):  # fmt: skip
            with self.assertRaises(Invalid, msg=str(values)):
                await self.trace(**values)

    async def test_unknown(self) -> None:
        await self.send("bob")
        for name in ("4711", "' OR 1=1 --", "%", "\U0001f600@x", "9" * 900, "<no@x>"):
            with self.assertRaises(NotFound, msg=name):
                await self.trace(name)

    async def test_strangers_cannot_fake_a_line(self) -> None:
        spool_id = await self.send("bob", source="[192.0.2.1]\n  2026 delivered")

        def unit(tx: Any) -> None:
            tx.mail_events.add(spool_id, FILTERED, "a\nb@x", "one\n  two\x1b[31m\r\n  three")

        await self.store.write(unit)
        text = shown(await self.trace(str(spool_id)), as_json=False)
        self.assertEqual(len(text.split("\n")), 4)
        self.assertIn("\\x1b[31m\\r", text)
        self.assertNotIn("\x1b", text)
