"""slixmpp loses its network and comes back (XEP-0198); a server that is killed meanwhile."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from tests.fakes.site import DOMAIN, RunningSite
from tests.interop.xmpp_office import PASSWORD, Person, XmppCase, played


class Mobile(Person):
    """A client with stream management."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.register_plugin("xep_0198")
        for event in ("session_resumed", "sm_enabled", "sm_failed"):
            queue = self.heard[event] = asyncio.Queue()
            self.add_event_handler(event, queue.put_nowait)

    async def lose_network(self) -> None:
        """Lose the connection without a word."""
        self.transport.abort()
        await self.next("disconnected")

    def go_deaf(self) -> None:
        """Keep the connection and read nothing from it any more, as behind a dead network."""
        self.transport.pause_reading()


class ResumingTests(XmppCase):
    def mobile(self, name: str, **more: Any) -> Mobile:
        one = Mobile(self.site, name, **more)
        self.people.append(one)
        return one

    @played
    async def test_what_was_said_in_between_arrives_once(self) -> None:
        for direct in (False, True):
            [alice] = await self.signed_in(self.account("alice"))
            bob = self.mobile(self.account("bob"), direct=direct)
            await bob.sign_in()
            await bob.next("sm_enabled")
            alice.send_presence(pto=bob.boundjid.full)
            bob.send_presence(pto=alice.boundjid.full)
            await alice.presence_of(bob.boundjid.full)
            full = bob.boundjid.full
            alice.say(full, "before")
            self.assertEqual((await bob.next("message"))["body"], "before")
            for turn in range(3):
                await bob.lose_network()
                said = [f"{turn} {number}" for number in range(20)]
                for text in said:
                    alice.say(full, text)
                await alice.settle()
                await bob.begin()
                await bob.next("session_resumed")
                self.assertEqual([(await bob.next("message"))["body"] for _ in said], said)
            bob.say(alice.boundjid.full, "back again")
            self.assertEqual((await alice.next("message"))["body"], "back again")
            self.assertEqual(bob.boundjid.full, full)
            self.assertTrue(bob.nothing("message"))
            self.assertTrue(alice.nothing("presence_unavailable"))
            self.assertTrue(bob.nothing("sm_failed"))

    @played
    async def test_the_record_says_delivered_when_it_is_acknowledged(self) -> None:
        [alice] = await self.signed_in(self.account("alice"))
        bob = await self.mobile(self.account("bob")).sign_in()
        alice.say(bob.boundjid.full, "received")
        await bob.next("message")
        query = {"kind": "message", "from": alice.boundjid.bare}
        became = await self.until(lambda: self.recorded(**query)[-1]["disposition"])
        self.assertEqual(became, f"delivered to {bob.boundjid.full}")

    @played
    async def test_one_that_comes_too_late_gets_it_as_kept(self) -> None:
        name = self.account("bob")
        [alice] = await self.signed_in(self.account("alice"))
        bob = await self.mobile(name).sign_in()
        await bob.lose_network()
        alice.say(bob.boundjid.bare, "while away")
        await alice.settle()
        self.site.call("im.kick", jid=bob.boundjid.full)
        await bob.begin()
        await bob.next("sm_failed")
        await bob.next("sm_enabled")
        bob.send_presence()
        heard = await bob.next("message")
        self.assertEqual((heard["body"], heard["delay"]["from"]), ("while away", DOMAIN))


class NoticeTests(XmppCase):
    """With a server of its own, that is killed."""

    def setUp(self) -> None:
        self.people: list[Person] = []
        self.site = RunningSite({"admin": PASSWORD, "bob": PASSWORD})
        self.addCleanup(self.site.stop)

    async def survives(self, kill: signal.Signals) -> None:
        bob = Mobile(self.site, "bob", resource="phone")
        self.people.append(bob)
        await bob.sign_in()
        await bob.settle()
        bob.go_deaf()
        sent = await asyncio.to_thread(
            self.site.call, "im.send", to=f"bob@{DOMAIN}", body="The house is on fire"
        )
        self.assertEqual(sent["became"], "sent, not acknowledged yet")
        await asyncio.to_thread(self.site.end, kill)
        bob.abort()
        await asyncio.to_thread(self.site.start)
        again = await self.person("bob", resource="desk").sign_in()
        self.assertEqual((await again.next("message"))["body"], "The house is on fire")
        await again.settle()
        self.assertTrue(again.nothing("message"))
        found = self.recorded(kind="message", text="on fire")
        self.assertEqual(len(found), 1)
        self.assertIn("stored", found[0]["disposition"])

    @played
    async def test_a_notice_to_a_dead_socket_survives_kill_9(self) -> None:
        await self.survives(signal.SIGKILL)

    @played
    async def test_and_the_end_of_the_server(self) -> None:
        await self.survives(signal.SIGTERM)
