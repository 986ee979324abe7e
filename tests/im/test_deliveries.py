"""Messages that clients have to acknowledge (XEP-0198): who has them, where they go if not."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import TestCase

from mailim.errors import StoreUnavailable
from mailim.interfaces.im import OfflineStanza
from mailim.wire import ns
from mailim.wire.xml import Element
from tests.fakes.sinks import SlowSink
from tests.im.stages import Stage
from tests.im.test_notices import BOB, NoticesCase, text

HELLO = "<message to='bob@example.test' id='1' type='chat'><body>Hello</body></message>"


class DeliveryCase(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.stage = Stage(self)
        await self.stage.online("alice/desk")

    async def became(self) -> list[str]:
        return [leaf.body for leaf in await self.stage.leaves("disposition")]

    async def kept(self, name: str = "bob") -> Sequence[OfflineStanza]:
        account_id = await self.stage.account_id(name)
        return await self.stage.store.read(lambda tx: tx.im.offline(account_id, 1000))

    async def over(self, actor: str, sink: SlowSink) -> None:
        """A session is over; what it has not acknowledged is given back."""
        await self.stage.disconnect(actor)
        await sink.fail()

    def messages(self, actor: str) -> list[Element]:
        return [one for one in self.stage.drain(actor) if one.name == "message"]


class LiveTests(DeliveryCase):
    async def test_it_is_delivered_when_it_is_acknowledged(self) -> None:
        phone = await self.stage.slow("bob/phone")
        await self.stage.send("alice/desk", HELLO)
        self.assertEqual(len(phone.stanzas), 1)
        self.assertEqual(await self.became(), [])
        phone.acknowledge()
        self.assertEqual(await self.became(), ["delivered to bob@example.test/phone"])

    async def test_not_acknowledged_it_is_kept_with_its_time(self) -> None:
        phone = await self.stage.slow("bob/phone")
        await self.stage.send("alice/desk", HELLO)
        await self.over("bob/phone", phone)
        (said,) = await self.became()
        self.assertEqual(said, "stored, not acknowledged by bob@example.test/phone")
        await self.stage.connect("bob/web", "bob/web")
        await self.stage.send("bob/web", "<presence/>")
        (message,) = self.messages("bob/web")
        self.assertIsNotNone(message.find("delay", ns.DELAY))
        self.assertIsNotNone(message.find("stanza-id", ns.STANZA_ID))
        self.assertEqual(len(await self.stage.leaves("message")), 1)
        self.assertEqual([*await self.kept()], [])

    async def test_or_goes_to_another_client_once(self) -> None:
        phone = await self.stage.slow("bob/phone", "<presence><priority>5</priority></presence>")
        await self.stage.online("bob/web")
        await self.stage.send("alice/desk", HELLO)
        self.assertEqual(self.messages("bob/web"), [])
        await self.over("bob/phone", phone)
        (message,) = self.messages("bob/web")
        self.assertIsNotNone(message.find("delay", ns.DELAY))
        self.assertEqual([*await self.kept()], [])
        self.assertEqual(
            await self.became(),
            [
                "delivered to bob@example.test/web,"
                " not acknowledged by bob@example.test/phone"
            ],
        )  # fmt: skip

    async def test_nobody_gets_twice_what_another_client_has(self) -> None:
        phone = await self.stage.slow("bob/phone")
        await self.stage.online("bob/web")
        await self.stage.send("alice/desk", HELLO)
        self.assertEqual(len(self.messages("bob/web")), 1)
        await self.over("bob/phone", phone)
        self.assertEqual(self.messages("bob/web"), [])
        self.assertEqual([*await self.kept()], [])
        self.assertEqual(await self.became(), ["delivered to bob@example.test/web"])

    async def test_a_carbon_reaches_the_person_too(self) -> None:
        phone = await self.stage.slow("bob/phone", "<presence><priority>5</priority></presence>")
        web = await self.stage.slow("bob/web")
        self.stage.session("bob/web").carbons = True
        await self.stage.send("alice/desk", HELLO)
        await self.over("bob/phone", phone)
        self.assertEqual(await self.became(), [])
        web.acknowledge()
        self.assertEqual(
            await self.became(),
            [
                "delivered to bob@example.test/web as a copy,"
                " not acknowledged by bob@example.test/phone"
            ],
        )
        self.assertEqual([*await self.kept()], [])

    async def test_the_last_of_several_decides(self) -> None:
        phone, web = await self.stage.slow("bob/phone"), await self.stage.slow("bob/web")
        await self.stage.send("alice/desk", HELLO)
        await self.over("bob/phone", phone)
        self.assertEqual([*await self.kept()], [])
        await self.over("bob/web", web)
        self.assertEqual(len(await self.kept()), 1)

    async def test_to_one_client_alone_it_bounces_as_the_rules_say(self) -> None:
        """RFC 6121 section 8.5.3.2.1: chat is for the account, a normal message is not."""
        phone = await self.stage.slow("bob/phone")
        await self.stage.send(
            "alice/desk", HELLO.replace("'bob@example.test'", "'bob@example.test/phone'")
        )
        await self.stage.send(
            "alice/desk",
            "<message to='bob@example.test/phone' id='2'><body>Normal</body></message>",
        )
        await self.over("bob/phone", phone)
        self.assertEqual(len(await self.kept()), 1)
        self.assertEqual(self.stage.condition("alice/desk"), "cancel service-unavailable")

    async def test_a_headline_of_a_client_is_not_kept(self) -> None:
        phone = await self.stage.slow("bob/phone")
        await self.stage.send("alice/desk", HELLO.replace("chat", "headline"))
        await self.over("bob/phone", phone)
        self.assertEqual([*await self.kept()], [])
        self.assertEqual(
            await self.became(), ["ignored, not acknowledged by bob@example.test/phone"]
        )

    async def test_no_room_tells_the_sender(self) -> None:
        self.stage.im.offline.max_count = 0
        phone = await self.stage.slow("bob/phone")
        await self.stage.send("alice/desk", HELLO)
        await self.over("bob/phone", phone)
        self.assertEqual(self.stage.condition("alice/desk"), "cancel service-unavailable")

    async def test_an_account_deleted_meanwhile_has_nothing_kept(self) -> None:
        phone = await self.stage.slow("bob/phone")
        await self.stage.send("alice/desk", HELLO)
        account_id = await self.stage.account_id("bob")
        await self.stage.store.write(lambda tx: tx.accounts.delete(account_id))
        await self.over("bob/phone", phone)
        self.assertEqual(self.stage.condition("alice/desk"), "cancel service-unavailable")
        self.assertEqual(
            await self.became(),
            ["bounced: service-unavailable, not acknowledged by bob@example.test/phone"],
        )

    async def test_what_fails_for_a_reason_nobody_foresaw_is_told(self) -> None:
        async def failing(*_: object) -> bool:
            raise ValueError("nobody foresaw this")

        phone = await self.stage.slow("bob/phone")
        await self.stage.send("alice/desk", HELLO)
        self.stage.im.offline.keep_late = failing  # type: ignore[method-assign,assignment]
        await self.over("bob/phone", phone)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(self.stage.condition("alice/desk"), "cancel internal-server-error")
        self.assertEqual(
            await self.became(),
            ["bounced: internal-server-error, not acknowledged by bob@example.test/phone"],
        )

    async def test_the_senders_other_clients_have_one_copy(self) -> None:
        await self.stage.online("alice/phone")
        self.stage.session("alice/phone").carbons = True
        phone = await self.stage.slow("bob/phone")
        await self.stage.send("alice/desk", HELLO)
        await self.over("bob/phone", phone)
        self.assertEqual(len(self.messages("alice/phone")), 1)


class KeptTests(DeliveryCase):
    async def wait(self, count: int) -> None:
        for number in range(count):
            await self.stage.send("alice/desk", HELLO.replace("Hello", str(number)))

    async def idle(self) -> None:
        for _ in range(6):
            await self.stage.store.write(lambda tx: None)

    async def test_kept_until_it_is_acknowledged(self) -> None:
        await self.wait(3)
        phone = await self.stage.slow("bob/phone", "<presence type='unavailable'/>")
        await self.stage.send("bob/phone", "<presence/>")
        self.assertEqual(len(self.messages("bob/phone")), 3)
        self.assertEqual(len(await self.kept()), 3)
        phone.receipts.popleft().arrived()
        await self.over("bob/phone", phone)
        self.assertEqual(len(await self.kept()), 2)
        await self.stage.connect("bob/web", "bob/web")
        await self.stage.send("bob/web", "<presence/>")
        self.assertEqual([text(one) for one in self.messages("bob/web")], ["1", "2"])
        self.assertEqual([*await self.kept()], [])

    async def test_one_batch_at_a_time_and_to_one_client(self) -> None:
        await self.wait(150)
        phone = await self.stage.slow("bob/phone", "<presence type='unavailable'/>")
        await self.stage.send("bob/phone", "<presence/>")
        await self.stage.online("bob/web")
        self.assertEqual(len(self.messages("bob/phone")), 100)
        phone.acknowledge()
        await self.idle()
        self.assertEqual(len(self.messages("bob/phone")), 50)
        phone.acknowledge()
        await self.idle()
        self.assertEqual([*await self.kept()], [])
        self.assertEqual(self.messages("bob/web"), [])

    async def test_who_is_there_gets_what_another_gave_back(self) -> None:
        await self.wait(2)
        phone = await self.stage.slow("bob/phone", "<presence type='unavailable'/>")
        await self.stage.send("bob/phone", "<presence/>")
        await self.stage.connect("bob/web", "bob/web")
        await self.stage.send("bob/web", "<presence/>")
        self.assertEqual(self.messages("bob/web"), [])
        await self.over("bob/phone", phone)
        self.assertEqual([text(one) for one in self.messages("bob/web")], ["0", "1"])
        self.assertEqual([*await self.kept()], [])


class NoticeTests(NoticesCase):
    async def test_a_notice_stays_until_it_is_acknowledged(self) -> None:
        phone = await self.stage.slow("bob/phone")
        self.start()
        new, other = self.new(body="Ring"), self.new("carol@example.test")
        await self.sent(new)
        await self.sent(other)  # a second look finds the first again, and leaves it alone
        self.assertEqual(len(phone.stanzas), 1)
        self.assertFalse((await self.state(new)).over)
        phone.acknowledge()
        await self.store.write(lambda tx: None)
        state = await self.state(new)
        self.assertEqual((state.over, state.outcome), (True, f"delivered to {BOB}/phone"))
        self.assertEqual(self.notices._in_flight, set())

    async def test_written_to_a_dead_socket_it_comes_at_the_next_sign_in(self) -> None:
        phone = await self.stage.slow("bob/phone")
        self.start()
        new = self.new(body="Ring")
        await self.sent(new)
        await self.stage.disconnect("bob/phone")
        await phone.fail()
        self.assertEqual((await self.state(new)).outcome, "stored")
        await self.stage.connect("bob/web", "bob/web")
        await self.stage.send("bob/web", "<presence/>")
        (message,) = [one for one in self.stage.drain("bob/web") if one.name == "message"]
        self.assertEqual((message.get("type"), text(message)), ("chat", "Ring"))
        self.assertEqual(len(await self.stage.leaves("message")), 1)

    async def test_killed_before_it_is_acknowledged(self) -> None:
        """After the crash the row has its leaf and is not over: a new server keeps it."""
        await self.stage.slow("bob/phone")
        self.start()
        new = self.new(body="Ring")
        await self.sent(new)
        await self.notices.stopService()
        await self.stage.disconnect("bob/phone")
        self.notices._in_flight.clear()  # the memory of the server that was killed
        self.start()
        await self.idle()
        self.assertEqual((await self.state(new)).outcome, "stored")
        self.assertEqual(len(await self.stage.leaves("message")), 1)
        self.assertEqual(len(await self.kept()), 1)

    async def test_not_acknowledged_while_nothing_can_be_written(self) -> None:
        phone = await self.stage.slow("bob/phone")
        self.start()
        new = self.new(body="Ring")
        await self.sent(new)
        await self.stage.disconnect("bob/phone")
        offline = self.stage.im.offline
        real = offline.keep_late

        async def failing(*_: object) -> bool:
            raise StoreUnavailable("the disk is full")

        offline.keep_late = failing  # type: ignore[method-assign,assignment]
        await phone.fail()
        await self.idle()
        self.assertFalse((await self.state(new)).over)
        offline.keep_late = real  # type: ignore[method-assign]
        for wait in (1, 2, 5, 10):
            self.stage.clock.advance(wait)
            await self.idle()
        self.assertTrue((await self.state(new)).over)
        self.assertEqual(len(await self.kept()), 1)
