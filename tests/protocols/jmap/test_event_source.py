"""The event source (RFC 8620 section 7.3)."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase

from mailim.events import AccountsChanged, ItemsChanged, MailDelivered, ObjectsChanged
from mailim.protocols.jmap.event_source import SETTLE_SECONDS, TOGETHER_SECONDS
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.push import TYPES
from tests.protocols.jmap.kit import ALICE, BOB, Kit


class Listener:
    """A client: asks for the next event, moves the clock, looks whether it came."""

    def __init__(self, kit: Kit, body: Any) -> None:
        self.kit = kit
        self.body = body
        self.next: Deferred[bytes] | None = None

    def ask(self) -> Deferred[bytes]:
        if self.next is None:
            self.next = Deferred.fromCoroutine(self.body.__anext__())
        return self.next

    def nothing(self) -> None:
        assert not self.ask().called

    def take(self) -> bytes:
        """Give the event that must have come."""
        found, self.next = self.ask(), None
        return self.kit.case.successResultOf(found)

    def state(self) -> tuple[str, dict[str, str]]:
        """Give the id and the states of the event that must have come."""
        id, kind, data, *_ = self.take().decode().split("\n")
        assert kind == "event: state"
        value = json.loads(data.removeprefix("data: "))
        assert value["@type"] == "StateChange"
        ((account, states),) = value["changed"].items()
        assert account == self.kit.account_id
        return id.removeprefix("id: "), states

    def ended(self) -> bool:
        found, self.next = self.ask(), None
        failure = self.kit.case.failureResultOf(found)
        return failure.check(StopAsyncIteration, CancelledError) is StopAsyncIteration


class EventSourceTests(TestCase):
    async def listen(
        self, kit: Kit, query: str = "types=*&closeafter=no&ping=0", **named: Any
    ) -> Listener:
        response = await kit.ask("GET", f"/jmap/eventsource?{query}", **named)
        self.assertEqual(response.content_type, "text/event-stream")
        listener = Listener(kit, response.body)
        self.assertEqual(listener.take(), b": listening\n\n")
        listener.nothing()
        return listener

    def settle(self, kit: Kit) -> None:
        kit.clock.advance(SETTLE_SECONDS)

    async def test_a_change(self) -> None:
        kit = await Kit.start(self)
        listener = await self.listen(kit)
        await kit.add()
        self.settle(kit)
        state = (await kit.call("Email/get", ids=[]))["state"]
        self.assertEqual(
            listener.state(), (state, {"Mailbox": state, "Email": state, "Thread": state})
        )
        kit.clock.advance(1)
        listener.nothing()

    async def test_changes_close_together_are_one_event(self) -> None:
        kit = await Kit.start(self)
        listener = await self.listen(kit)
        kit.site.events.publish(ItemsChanged(kit.alice.id, 50))
        self.settle(kit)
        self.assertEqual(listener.state()[0], "50")
        for modseq in (51, 52, 53):
            kit.site.events.publish(ItemsChanged(kit.alice.id, modseq))
        self.settle(kit)
        listener.nothing()
        kit.clock.advance(TOGETHER_SECONDS)
        self.assertEqual(listener.state()[0], "53")

    async def test_while_nobody_looks(self) -> None:
        kit = await Kit.start(self)
        listener = await self.listen(kit)
        kit.site.events.publish(ItemsChanged(kit.alice.id, 50))
        self.settle(kit)
        listener.take()
        for modseq in (51, 52):  # the client has not taken the last event yet
            kit.site.events.publish(ItemsChanged(kit.alice.id, modseq))
        listener.nothing()
        kit.clock.advance(TOGETHER_SECONDS)
        self.assertEqual(listener.state()[0], "52")

    async def test_types(self) -> None:
        kit = await Kit.start(self)
        listener = await self.listen(kit, "types=Mailbox,EmailDelivery,Nothing")
        kit.site.events.publish(ItemsChanged(kit.alice.id, 50))
        kit.site.events.publish(MailDelivered(kit.alice.id, 1, 1))
        self.settle(kit)
        self.assertEqual(listener.state(), ("50", {"Mailbox": "50", "EmailDelivery": "50"}))
        none = await self.listen(kit, "types=Nothing")
        kit.site.events.publish(ItemsChanged(kit.alice.id, 51))
        kit.clock.advance(1)
        none.nothing()

    async def test_objects_that_are_no_items(self) -> None:
        kit = await Kit.start(self)
        listener = await self.listen(kit, "types=Email,EmailSubmission")
        kit.site.events.publish(ObjectsChanged(kit.alice.id, "Identity", 50))
        kit.clock.advance(1)
        listener.nothing()
        kit.site.events.publish(ObjectsChanged(kit.alice.id, "EmailSubmission", 51))
        self.settle(kit)
        self.assertEqual(listener.state(), ("51", {"EmailSubmission": "51"}))

    async def test_only_deliveries(self) -> None:
        kit = await Kit.start(self)
        listener = await self.listen(kit, "types=EmailDelivery")
        kit.site.events.publish(ItemsChanged(kit.alice.id, 50))
        kit.clock.advance(1)
        listener.nothing()
        kit.site.events.publish(MailDelivered(kit.alice.id, 1, 1))
        self.settle(kit)
        self.assertEqual(listener.state(), ("50", {"EmailDelivery": "50"}))

    async def test_changes_of_others_are_not_told(self) -> None:
        kit = await Kit.start(self)
        listener = await self.listen(kit)
        kit.site.events.publish(ItemsChanged(kit.alice.id + 1, 50))
        kit.site.events.publish(MailDelivered(kit.alice.id + 1, 1, 1))
        kit.clock.advance(1)
        listener.nothing()

    async def test_last_event_id(self) -> None:
        kit = await Kit.start(self)
        state = (await kit.call("Email/get", ids=[]))["state"]
        up_to_date = await self.listen(kit, headers={"Last-Event-ID": state})
        kit.clock.advance(1)
        up_to_date.nothing()
        behind = await self.listen(kit, headers={"Last-Event-ID": str(int(state) - 1)})
        self.settle(kit)
        id, states = behind.state()
        self.assertEqual((id, set(states)), (state, set(TYPES)))
        odd = await self.listen(kit, headers={"Last-Event-ID": "nonsense"})
        kit.clock.advance(1)
        odd.nothing()

    async def test_close_after_state(self) -> None:
        kit = await Kit.start(self)
        listener = await self.listen(kit, "types=*&closeafter=state&ping=0")
        kit.site.events.publish(ItemsChanged(kit.alice.id, 50))
        self.settle(kit)
        listener.state()
        self.assertTrue(listener.ended())

    async def test_ping(self) -> None:
        kit = await Kit.start(self)
        listener = await self.listen(kit, "types=*&closeafter=no&ping=30")
        kit.clock.advance(29)
        listener.nothing()
        kit.clock.advance(1)
        self.settle(kit)
        self.assertEqual(listener.take(), b'event: ping\ndata: {"interval": 30}\n\n')
        often = await self.listen(kit, "ping=1")
        kit.clock.advance(4.9)
        often.nothing()
        kit.clock.pump([0.1, SETTLE_SECONDS])
        self.assertIn(b'"interval": 5', often.take())
        quiet = await self.listen(kit, "ping=0")
        kit.clock.pump([60, SETTLE_SECONDS])
        self.assertEqual(quiet.take(), b":\n\n")

    async def test_bad_variables(self) -> None:
        kit = await Kit.start(self)
        for query in ("closeafter=never", "ping=x", "ping=-1", "ping=9999999999999", "ping=%C2%B2"):
            answer = await kit.answer("GET", f"/jmap/eventsource?{query}")
            self.assertEqual(answer.status, 400, query)
        self.assertEqual(kit.jmap.push.count, 0)

    async def test_limits(self) -> None:
        kit = await Kit.start(self, JmapLimits(streams=2, streams_in_all=3))
        first = await self.listen(kit)
        await self.listen(kit)
        answer = await kit.answer("GET", "/jmap/eventsource")
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (429, "30"))
        await self.listen(kit, who=BOB)
        self.assertEqual((await kit.answer("GET", "/jmap/eventsource", who=BOB)).status, 429)
        await first.body.aclose()
        await first.body.aclose()
        self.assertEqual(kit.jmap.push.count, 2)
        await self.listen(kit)

    async def test_it_ends_when_the_account_changes(self) -> None:
        kit = await Kit.start(self)
        alice, bob = await self.listen(kit), await self.listen(kit, who=BOB)
        kit.site.events.publish(AccountsChanged(ALICE))
        self.settle(kit)
        self.assertTrue(alice.ended())
        bob.nothing()
        kit.site.events.publish(AccountsChanged(""))
        self.settle(kit)
        self.assertTrue(bob.ended())

    async def test_it_does_not_last_for_ever(self) -> None:
        kit = await Kit.start(self, JmapLimits(stream_seconds=100))
        listener = await self.listen(kit, "ping=60")
        kit.clock.pump([60, SETTLE_SECONDS])
        listener.take()
        listener.nothing()
        kit.clock.pump([60, SETTLE_SECONDS])
        listener.take()
        self.assertTrue(listener.ended())

    async def test_the_end_of_the_server(self) -> None:
        kit = await Kit.start(self)
        listener = await self.listen(kit)
        kit.jmap.close()
        self.settle(kit)
        self.assertTrue(listener.ended())

    async def test_a_client_that_goes(self) -> None:
        kit = await Kit.start(self)
        listener = await self.listen(kit)
        waiting = listener.ask()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        await listener.body.aclose()
        self.assertEqual(kit.jmap.push.count, 0)
        self.assertEqual(kit.clock.getDelayedCalls(), [])

    async def test_head_opens_nothing(self) -> None:
        kit = await Kit.start(self)
        response = await kit.ask("HEAD", "/jmap/eventsource")
        self.assertEqual(response.status, 200)
        self.assertEqual(kit.jmap.push.count, 0)
