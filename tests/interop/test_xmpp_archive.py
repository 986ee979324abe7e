"""slixmpp asks the archive (XEP-0313), discovers (XEP-0030) and pings (XEP-0199)."""

from __future__ import annotations

import datetime
from typing import Any

from slixmpp.exceptions import IqError

from tests.fakes.site import DOMAIN
from tests.interop.xmpp_office import Person, XmppCase, played


async def archive(person: Person, **query: Any) -> list[Any]:
    """Give the archived messages slixmpp's iteration finds."""
    mam = person.plugin["xep_0313"]
    return [one["mam_result"]["forwarded"] async for one in mam.iterate(**query)]


def bodies(found: list[Any]) -> list[str]:
    return [one["stanza"]["body"] for one in found]


class ArchiveTests(XmppCase):
    async def _talk(self, count: int) -> tuple[Person, Person, Person]:
        """Give three people; the first has heard from both others in turn."""
        names = [self.account(word) for word in ("alice", "bob", "carol")]
        alice, bob, carol = await self.signed_in(*names)
        for number in range(count):
            sender = (bob, carol)[number % 2]
            sender.say(alice.boundjid.bare, f"number {number}")
            await alice.next("message")
        return alice, bob, carol

    @played
    async def test_pages_in_order(self) -> None:
        alice, _, _ = await self._talk(25)
        expected = [f"number {number}" for number in range(25)]
        self.assertEqual(bodies(await archive(alice, rsm={"max": 10})), expected)
        self.assertEqual(bodies(await archive(alice, rsm={"max": 7})), expected)
        # Backwards: slixmpp's own iteration takes a server's index for the end of the
        # archive and stops after a page; so the pages after the first one by hand.
        mam = alice.plugin["xep_0313"]
        page = [one async for one in mam.iterate(rsm={"max": 10}, reverse=True)][::-1]
        found = [one["mam_result"]["forwarded"] for one in page]
        while len(page) == 10:
            first = page[0]["mam_result"]["id"]
            iq = await mam.retrieve(rsm={"max": 10, "before": first}, timeout=60)
            page = iq["mam"]["results"]
            found = [one["mam_result"]["forwarded"] for one in page] + found
        self.assertEqual(bodies(found), expected)

    @played
    async def test_one_page_tells_its_size_and_ends(self) -> None:
        alice, _, _ = await self._talk(6)
        iq = await alice.plugin["xep_0313"].retrieve(rsm={"max": 4})
        fin = iq["mam_fin"]
        self.assertEqual(len(iq["mam"]["results"]), 4)
        self.assertNotEqual(fin.xml.get("complete"), "true")
        self.assertEqual(fin["rsm"]["count"], "6")
        iq = await alice.plugin["xep_0313"].retrieve(rsm={"max": 4, "after": fin["rsm"]["last"]})
        self.assertEqual(len(iq["mam"]["results"]), 2)
        self.assertEqual(iq["mam_fin"].xml.get("complete"), "true")

    @played
    async def test_with_one_contact(self) -> None:
        alice, bob, _ = await self._talk(10)
        found = await archive(alice, with_jid=bob.boundjid.bare)
        self.assertEqual(bodies(found), [f"number {number}" for number in range(0, 10, 2)])
        for one in found:
            self.assertEqual(one["stanza"]["from"], bob.boundjid.full)
        alice.say(bob.boundjid.bare, "an answer")
        await bob.next("message")
        self.assertEqual(bodies(await archive(alice, with_jid=bob.boundjid.bare))[-1], "an answer")
        self.assertEqual(bodies(await archive(bob))[-1], "an answer")

    @played
    async def test_between_times(self) -> None:
        alice, bob, _ = await self._talk(4)
        middle = datetime.datetime.now(datetime.UTC)
        for number in range(4, 6):
            bob.say(alice.boundjid.bare, f"number {number}")
            await alice.next("message")
        self.assertEqual(bodies(await archive(alice, start=middle)), ["number 4", "number 5"])
        self.assertEqual(len(await archive(alice, end=middle)), 4)
        for one in await archive(alice, start=middle):
            self.assertGreaterEqual(one["delay"]["stamp"], middle.replace(microsecond=0))

    @played
    async def test_an_archived_message_has_the_id_it_was_delivered_with(self) -> None:
        alice, bob = await self.pair()
        bob.say(alice.boundjid.bare, "stamped")
        heard = await alice.next("message")
        stamp = heard["stanza_id"]
        self.assertEqual(stamp["by"], alice.boundjid.bare)
        iq = await alice.plugin["xep_0313"].retrieve()
        [result] = iq["mam"]["results"]
        self.assertEqual(result["mam_result"]["id"], stamp["id"])

    @played
    async def test_nobody_reads_anothers_archive(self) -> None:
        alice, bob = await self.pair()
        with self.assertRaises(IqError) as caught:
            await alice.plugin["xep_0313"].retrieve(jid=bob.boundjid.bare, timeout=60)
        self.assertIn(caught.exception.condition, ("forbidden", "service-unavailable"))


class DiscoveryTests(XmppCase):
    @played
    async def test_the_server_names_what_it_can(self) -> None:
        [alice] = await self.signed_in(self.account("alice"))
        disco = alice.plugin["xep_0030"]
        info = (await disco.get_info(jid=DOMAIN, timeout=60))["disco_info"]
        self.assertIn(("server", "im"), {(one[0], one[1]) for one in info["identities"]})
        for feature in (
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items",
            "urn:xmpp:ping",
            "urn:xmpp:carbons:2",
            "jabber:iq:version",
        ):
            self.assertIn(feature, info["features"])
        own = (await disco.get_info(jid=alice.boundjid.bare, timeout=60))["disco_info"]
        self.assertIn("urn:xmpp:mam:2", own["features"])
        self.assertIn("urn:xmpp:sid:0", own["features"])
        await disco.get_items(jid=DOMAIN, timeout=60)

    @played
    async def test_ping_and_version(self) -> None:
        [alice] = await self.signed_in(self.account("alice"))
        await alice.ping_server()
        version = await alice.plugin["xep_0092"].get_version(DOMAIN, timeout=60)
        self.assertEqual(version["software_version"]["name"], "mailim")

    @played
    async def test_a_request_reaches_a_client_that_shows_its_presence(self) -> None:
        alice, bob = await self.pair()
        ping = alice.plugin["xep_0199"].send_ping
        with self.assertRaises(IqError) as caught:  # for all she knows, nobody is there
            await ping(bob.boundjid.full, timeout=60)
        self.assertEqual(caught.exception.condition, "service-unavailable")
        bob.send_presence(pto=alice.boundjid.full)
        await alice.presence_of(bob.boundjid.full)
        answer = await ping(bob.boundjid.full, timeout=60)  # slixmpp answers
        self.assertEqual(answer["from"], bob.boundjid.full)

    @played
    async def test_what_nobody_knows_is_answered(self) -> None:
        [alice] = await self.signed_in(self.account("alice"))
        iq = alice.make_iq_get(queryxmlns="urn:example:unknown", ito=DOMAIN)
        with self.assertRaises(IqError) as caught:
            await iq.send(timeout=60)
        self.assertEqual(caught.exception.condition, "service-unavailable")
