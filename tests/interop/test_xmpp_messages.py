"""slixmpp sends messages: both ways, to clients and accounts, offline, copies, order, texts."""

from __future__ import annotations

import datetime
from typing import Any

from tests.fakes.site import DOMAIN
from tests.interop.xmpp_office import XmppCase, played

TEXTS = (
    "plain",
    "Grüße aus Köln",
    "😀👩‍👩‍👧‍👦🏳️‍🌈 emoji",
    "שלום עולם — مرحبا بالعالم",
    "  leading and trailing blanks  ",
    "one\ntwo\n\nfour",
    "<script>alert(1)</script> & \"quotes\" 'and' ]]> <![CDATA[",
    "e\u0301 is not \u00e9: nobody may normalise this",
    "\u202eright to left override\u202c\u200b\ufeff",
    "tab\there",
    "\U00010348\uffe6\ud7ff\ue000",
    "long " * 10_000,
)


class MessageTests(XmppCase):
    async def _became(self, query: dict[str, str], disposition: str) -> None:
        """Wait for the one message of a query to have this disposition."""

        def found() -> str:
            [one] = self.recorded(kind="message", **query)
            return str(one["disposition"] or "")

        self.assertEqual(await self.until(found), disposition)

    @played
    async def test_both_ways(self) -> None:
        alice, bob = await self.pair()
        alice.say(bob.boundjid.bare, "Hello Bob")
        heard = await bob.next("message")
        self.assertEqual((heard["body"], heard["from"]), ("Hello Bob", alice.boundjid.full))
        bob.say(heard["from"], "Hello Alice")
        self.assertEqual((await alice.next("message"))["body"], "Hello Alice")

    @played
    async def test_texts_arrive_byte_for_byte_and_stand_so_in_the_record(self) -> None:
        alice, bob = await self.pair()
        for text in TEXTS:
            alice.say(bob.boundjid.bare, text)
            heard = await bob.next("message")
            self.assertEqual(heard["body"].encode(), text.encode())
        addresses = {"from": alice.boundjid.bare, "to": bob.boundjid.bare}
        bodies = [one["body"] for one in self.recorded(kind="message", **addresses)]
        self.assertEqual(bodies, [*TEXTS])
        found = self.recorded(text="Köln", **addresses)
        self.assertEqual([one["body"] for one in found], ["Grüße aus Köln"])

    @played
    async def test_a_client_or_an_account(self) -> None:
        name = self.account("bob")
        desk = await self.person(name, resource="desk").sign_in()
        phone = await self.person(name, resource="phone").sign_in()
        [alice] = await self.signed_in(self.account("alice"))
        alice.say(f"{name}@{DOMAIN}/phone", "only the phone")
        self.assertEqual((await phone.next("message"))["body"], "only the phone")
        alice.say(f"{name}@{DOMAIN}", "everywhere")
        for client in (desk, phone):
            self.assertEqual((await client.next("message"))["body"], "everywhere")
        self.assertTrue(desk.nothing("message"))

    @played
    async def test_a_negative_priority_gets_nothing_sent_to_the_account(self) -> None:
        name = self.account("bob")
        desk = await self.person(name, resource="desk").sign_in()
        robot = await self.person(name, resource="robot").sign_in()
        robot.send_presence(ppriority=-1)
        await robot.settle()
        [alice] = await self.signed_in(self.account("alice"))
        alice.say(f"{name}@{DOMAIN}", "for people")
        self.assertEqual((await desk.next("message"))["body"], "for people")
        await robot.settle()
        self.assertTrue(robot.nothing("message"))

    @played
    async def test_500_in_order(self) -> None:
        alice, bob = await self.pair()
        sent = [f"number {number}" for number in range(500)]
        for text in sent:
            alice.say(bob.boundjid.bare, text)
        got = [(await bob.next("message"))["body"] for _ in sent]
        self.assertEqual(got, sent)
        found: list[dict[str, Any]] = []
        before: dict[str, Any] = {}
        while len(found) < 500:  # the record in pages, newest first
            page = self.site.call("record.search", kind="message", limit=200,
                                  **{"from": alice.boundjid.bare}, **before)  # fmt: skip
            found += page
            before = {"before": int(page[-1]["id"])}
        self.assertEqual([one["body"] for one in found], sent[::-1])

    @played
    async def test_no_such_recipient(self) -> None:
        [alice] = await self.signed_in(self.account("alice"))
        alice.say(f"no-one-here@{DOMAIN}", "hello?")
        error = await alice.next("message_error")
        self.assertEqual(error["error"]["condition"], "service-unavailable")
        await self._became({"from": alice.boundjid.bare}, "bounced: service-unavailable")

    @played
    async def test_another_domain(self) -> None:
        [alice] = await self.signed_in(self.account("alice"))
        alice.say("somebody@elsewhere.example", "hello?")
        error = await alice.next("message_error")
        self.assertEqual(error["error"]["condition"], "remote-server-not-found")
        await self._became({"from": alice.boundjid.bare}, "refused: remote-server-not-found")

    @played
    async def test_chat_states_and_receipts_pass(self) -> None:
        alice, bob = await self.pair()
        message = alice.make_message(bob.boundjid.full, "did you get it?", mtype="chat")
        message["request_receipt"] = True
        message["chat_state"] = "active"
        message.send()
        heard = await bob.next("message")
        self.assertEqual(heard["chat_state"], "active")
        receipt = await alice.next("receipt_received")  # slixmpp answers by itself
        self.assertEqual(receipt["receipt"], message["id"])

    @played
    async def test_what_happened_to_it_is_on_record(self) -> None:
        alice, bob = await self.pair()
        alice.say(bob.boundjid.bare, "to be found")
        await bob.next("message")
        query = {"from": alice.boundjid.bare, "text": "found"}
        await self._became(query, f"delivered to {bob.boundjid.full}")


class OfflineTests(XmppCase):
    @played
    async def test_delivered_at_the_next_login_with_its_time(self) -> None:
        name = self.account("bob")
        [alice] = await self.signed_in(self.account("alice"))
        before = datetime.datetime.now(datetime.UTC)
        for text in ("first", "second"):
            alice.say(f"{name}@{DOMAIN}", text)
        await alice.settle()
        after = datetime.datetime.now(datetime.UTC)
        bob = await self.person(name, resource="x").sign_in()
        for text in ("first", "second"):
            heard = await bob.next("message")
            self.assertEqual((heard["body"], heard["from"]), (text, alice.boundjid.full))
            self.assertEqual(heard["delay"]["from"], DOMAIN)
            stamp = heard["delay"]["stamp"]
            # Stamps may be cut to whole seconds (XEP-0082).
            self.assertGreaterEqual(stamp, before.replace(microsecond=0))
            self.assertLessEqual(stamp, after)
        await bob.leave()
        again = await self.person(name).sign_in()
        await again.settle()
        self.assertTrue(again.nothing("message"))
        for one in self.recorded(kind="message", to=f"{name}@{DOMAIN}"):
            self.assertEqual(one["disposition"], f"stored; delivered to {name}@{DOMAIN}/x")

    @played
    async def test_a_client_that_is_not_available_gets_none(self) -> None:
        name = self.account("bob")
        [alice] = await self.signed_in(self.account("alice"))
        bob = await self.person(name).sign_in(available=False)
        alice.say(f"{name}@{DOMAIN}", "are you there?")
        await alice.settle()
        await bob.settle()
        self.assertTrue(bob.nothing("message"))
        bob.send_presence()
        self.assertEqual((await bob.next("message"))["body"], "are you there?")


class CarbonTests(XmppCase):
    @played
    async def test_two_clients_of_one_account_see_everything(self) -> None:
        name = self.account("bob")
        desk = await self.person(name, resource="desk").sign_in()
        phone = await self.person(name, resource="phone").sign_in()
        for client in (desk, phone):
            await client.plugin["xep_0280"].enable(timeout=60)
        [alice] = await self.signed_in(self.account("alice"))
        alice.say(f"{name}@{DOMAIN}/desk", "to the desk")
        await desk.next("message")
        copy = await phone.next("carbon_received")
        inner = copy["carbon_received"]
        self.assertEqual((inner["body"], inner["from"]), ("to the desk", alice.boundjid.full))
        desk.say(alice.boundjid.full, "from the desk")
        await alice.next("message")
        copy = await phone.next("carbon_sent")
        inner = copy["carbon_sent"]
        self.assertEqual((inner["body"], inner["to"]), ("from the desk", alice.boundjid.full))
        self.assertEqual(copy["from"].bare, f"{name}@{DOMAIN}")
        # What is marked private is not copied (XEP-0280 section 9).
        message = desk.make_message(alice.boundjid.full, "between us", mtype="chat")
        message.enable("carbon_private")
        message.send()
        self.assertEqual((await alice.next("message"))["body"], "between us")
        await phone.settle()
        self.assertTrue(phone.nothing("carbon_sent"))
        await phone.plugin["xep_0280"].disable(timeout=60)
        desk.say(alice.boundjid.full, "again")
        await alice.next("message")
        await phone.settle()
        self.assertTrue(phone.nothing("carbon_sent"))
