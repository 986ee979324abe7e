"""The queue and other servers: slow ones keep nothing else, none gets a mail again in vain."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from mailim.errors import StoreUnavailable
from mailim.interfaces.relay import Handed
from mailim.interfaces.spool import SpoolEntry
from mailim.mail import queue as module
from mailim.mail.backoff import WAITS
from mailim.mail.delivery import Delivered, LocalDelivery
from mailim.mail.queue import NO_ROOM_SECONDS, RECIPIENTS_AT_ONCE, TROUBLE_SECONDS
from tests.fakes.relay import RememberingRelay
from tests.mail.post import Post
from tests.mail.test_queue import FailingStore
from tests.store.mails import message


class WayOutTest(Post):
    async def test_what_another_server_has_is_not_sent_again_while_the_disk_is_full(self) -> None:
        store, relay = FailingStore(self.store), RememberingRelay()
        store.writes = 5
        self.start(relay=relay, store=store)  # type: ignore[arg-type]
        await self.send("carl@example.org", sender="ann@example.test")
        while store.writes:
            await self.store.read(lambda tx: None)
            self.clock.advance(TROUBLE_SECONDS)
        await self.later(TROUBLE_SECONDS)
        await self.later(WAITS[0])
        self.assertEqual(relay.sent, [("ann@example.test", "carl@example.org")])
        self.assertEqual((await self.waiting(), self.queue._handed), ([], {}))
        self.flushLoggedErrors(StoreUnavailable)

    async def test_mail_for_here_does_not_wait_for_slow_servers(self) -> None:
        relay = SlowRelay()
        self.start(relay=relay, at_once=2)
        for number in range(5):
            await self.send("carl@example.org", data=message(f"Number {number}"))
        await self.send("bob")
        while not await self.mail_of(1):
            await self.store.read(lambda tx: None)
        self.assertEqual(len(await self.waiting()), 5)
        relay.answer.callback(None)
        await self.settle()
        self.assertEqual((len(relay.sent), await self.waiting()), (5, []))
        self.assertEqual((self.queue.busy, self.queue._away), (0, {}))

    async def test_who_is_here_does_not_wait_for_others_of_the_same_mail(self) -> None:
        """Neither those a group stands for, nor those behind many others."""
        relay = SlowRelay()
        self.start(relay=relay)
        many = [f"x{number}@example.org" for number in range(RECIPIENTS_AT_ONCE)]
        await self.send(*many, "robert", "mixed")
        while not (await self.mail_of(1) and await self.mail_of(2)):
            await self.store.read(lambda tx: None)
        (entry,) = await self.waiting()
        self.assertEqual(len(entry.recipients), RECIPIENTS_AT_ONCE + 1)
        relay.answer.callback(None)
        await self.settle()
        told = [to for _, to in relay.sent]
        self.assertEqual(sorted(told), sorted([*many, "carl@example.org"]))
        self.assertEqual(await self.waiting(), [])

    async def test_what_is_held_or_removed_meanwhile_is_not_sent(self) -> None:
        relay, store = RememberingRelay(), self.store
        for act in ("hold", "remove"):

            class Acting(LocalDelivery):
                async def deliver(self, entry: SpoolEntry, *more: Any, **named: Any) -> Delivered:
                    done = await super().deliver(entry, *more, **named)
                    if act == "hold":  # noqa: B023
                        await store.write(lambda tx: tx.spool.hold(entry.id, True, "Stop."))
                    else:
                        await store.write(lambda tx: tx.spool.remove(entry.id))
                    return done

            queue = self.start(relay=relay, delivery=Acting(store))
            await self.send("bob", "carl@example.org", data=message(act))
            await self.settle()
            await queue.stopService()
        self.assertEqual((relay.sent, len(await self.mail_of(1))), ([], 2))
        self.assertEqual([each.recipients[0].held for each in await self.waiting()], [True])

    async def test_only_so_many_are_at_slow_servers(self) -> None:
        self.patch(module, "RELAYED_AT_ONCE", 3)
        relay = SlowRelay()
        self.start(relay=relay, at_once=2)
        for number in range(5):
            await self.send("carl@example.org", "dan@example.org", data=message(f"No. {number}"))
        while sum(bool(one.recipients[0].last_error) for one in await self.waiting()) < 2:
            await self.store.read(lambda tx: None)
        late = [each for one in (await self.waiting())[3:] for each in one.recipients]
        self.assertEqual({(one.attempts, one.held) for one in late}, {(0, False)})
        relay.answer.callback(None)
        await self.settle()
        self.assertEqual(len(relay.sent), 6)
        await self.later(NO_ROOM_SECONDS)
        self.assertEqual((len(relay.sent), await self.waiting()), (10, []))


class SlowRelay(RememberingRelay):
    """A relay whose servers all take their time."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Deferred[None] = Deferred()

    async def send(self, *arguments: Any) -> Handed:
        if not self.answer.called:
            mine: Deferred[None] = Deferred()
            self.answer.chainDeferred(mine)
            await mine
        return await super().send(*arguments)
