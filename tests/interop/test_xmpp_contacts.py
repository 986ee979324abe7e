"""slixmpp and its contacts: roster, colleagues, versioning, subscriptions, presence."""

from __future__ import annotations

from typing import Any

from slixmpp.xmlstream import ET

from tests.fakes.site import DOMAIN
from tests.interop.xmpp_office import Person, XmppCase, played

ROSTER = "{jabber:iq:roster}"


def item(person: Person, jid: str) -> dict[str, Any]:
    """Give what a client's roster holds of somebody."""
    if jid not in person.client_roster:
        return {}
    held = person.client_roster[jid]
    return {
        "name": held["name"],
        "groups": list(held["groups"]),
        "to": held["to"],
        "from": held["from"],
        "asked": held["pending_out"],
    }


class RosterTests(XmppCase):
    @played
    async def test_own_contacts_are_kept_pushed_and_removed(self) -> None:
        name = self.account("dora")
        desk = await self.person(name, resource="desk").sign_in()
        phone = await self.person(name, resource="phone").sign_in()
        await phone.next("roster_update")
        friend = "Frïend@elsewhere.example"
        await desk.update_roster(friend, name="A friend 😀", groups=["Pals", "Office ä"])
        await phone.next("roster_update")
        bare = friend.lower()
        for client in (desk, phone, await self.person(name, resource="later").sign_in()):
            await client.settle()
            held = item(client, bare)
            self.assertEqual(held["name"], "A friend 😀")
            self.assertEqual(sorted(held["groups"]), ["Office ä", "Pals"])
            self.assertEqual((held["to"], held["from"]), (False, False))
        await desk.del_roster_item(bare)
        await phone.next("roster_update")
        self.assertNotIn(bare, phone.client_roster)

    @played
    async def test_colleagues_are_there_by_themselves(self) -> None:
        ann, ben = self.account("ann", published=True), self.account("ben", published=True)
        hidden = self.account("hidden")
        self.site.call("user.set", address=f"{ben}@{DOMAIN}", name="Ben Fröhlich")
        [client] = await self.signed_in(ann)
        held = item(client, f"{ben}@{DOMAIN}")
        self.assertEqual(held["groups"], ["Colleagues"])
        self.assertEqual(held["name"], "Ben Fröhlich")
        self.assertEqual((held["to"], held["from"]), (True, True))
        self.assertEqual(item(client, f"{hidden}@{DOMAIN}"), {})
        # Each sees the other come and go without ever having asked.
        other = await self.person(ben, resource="x").sign_in()
        await client.presence_of(f"{ben}@{DOMAIN}")
        await other.presence_of(f"{ann}@{DOMAIN}")
        await other.leave()
        await client.presence_of(f"{ben}@{DOMAIN}", "presence_unavailable")

    @played
    async def test_a_new_colleague_is_pushed(self) -> None:
        [client] = await self.signed_in(self.account("ann", published=True))
        newcomer = self.account("newcomer", published=True)
        await self.until_in_roster(client, f"{newcomer}@{DOMAIN}")

    async def until_in_roster(self, client: Person, jid: str) -> None:
        while not item(client, jid):
            await client.next("roster_update")

    async def _roster(self, client: Person, version: str) -> tuple[str | None, int]:
        """Ask for the roster as of a version; gives its version and number of items."""
        iq = client.make_iq_get()
        iq.append(ET.Element(f"{ROSTER}query", {"ver": version}))
        answer = await iq.send(timeout=60)
        query = answer.xml.find(f"{ROSTER}query")
        if query is None:
            return None, 0
        return query.get("ver"), len(query.findall(f"{ROSTER}item"))

    @played
    async def test_an_unchanged_roster_is_not_sent_again(self) -> None:
        name = self.account("dora")
        [client] = await self.signed_in(name)
        self.assertIn("rosterver", client.features)
        await client.update_roster("one@elsewhere.example", name="One")
        version, items = await self._roster(client, "")
        self.assertEqual(items, 1)
        assert version
        self.assertEqual(await self._roster(client, version), (None, 0))
        await client.update_roster("two@elsewhere.example", name="Two")
        # What changed since comes by itself (RFC 6121 2.6.3).
        client.forget("roster_update")
        self.assertEqual(await self._roster(client, version), (None, 0))
        push = await client.next("roster_update")
        self.assertEqual([*push["roster"]["items"]], ["two@elsewhere.example"])
        self.assertNotEqual(push["roster"]["ver"], version)
        # A version nobody ever gave out gets everything.
        self.assertEqual((await self._roster(client, "no such version"))[1], 2)


class SubscriptionTests(XmppCase):
    @played
    async def test_asking_approving_and_taking_back(self) -> None:
        eve, fay = await self.pair()
        fays, eves = fay.boundjid.bare, eve.boundjid.bare
        eve.send_presence_subscription(pto=fays)
        asked = await fay.next("presence_subscribe")
        self.assertEqual(asked["from"], eves)
        await eve.settle()
        self.assertTrue(item(eve, fays)["asked"])
        fay.send_presence_subscription(pto=eves, ptype="subscribed")
        await eve.next("presence_subscribed")
        here = await eve.presence_of(fays)  # the contact's presence follows (RFC 6121 3.1.5)
        self.assertEqual(here["from"], fay.boundjid.full)
        await eve.settle()
        await fay.settle()
        self.assertEqual((item(eve, fays)["to"], item(eve, fays)["from"]), (True, False))
        self.assertEqual((item(fay, eves)["to"], item(fay, eves)["from"]), (False, True))
        # One way only: Fay does not see Eve.
        eve.send_presence(pshow="away", pstatus="lunch")
        await eve.settle()
        await fay.settle()
        self.assertTrue(fay.nothing("presence_available"))
        # Both ways after the other has asked too.
        fay.send_presence_subscription(pto=eves)
        await eve.next("presence_subscribe")
        eve.send_presence_subscription(pto=fays, ptype="subscribed")
        seen = await fay.presence_of(eves)
        self.assertEqual((seen["show"], seen["status"]), ("away", "lunch"))
        # Eve does not want to see Fay any more, and loses nothing else.
        eve.send_presence_subscription(pto=fays, ptype="unsubscribe")
        await fay.next("presence_unsubscribe")
        await eve.presence_of(fays, "presence_unavailable")
        await eve.settle()
        self.assertEqual((item(eve, fays)["to"], item(eve, fays)["from"]), (False, True))
        # Removing the contact ends the rest (RFC 6121 2.5.2).
        await eve.del_roster_item(fays)
        await fay.next("presence_unsubscribed")
        await fay.presence_of(eves, "presence_unavailable")
        await fay.settle()
        self.assertEqual((item(fay, eves)["to"], item(fay, eves)["from"]), (False, False))
        kinds = [one["kind"] for one in self.recorded(**{"from": eves, "to": fays})]
        self.assertGreaterEqual(kinds.count("subscription"), 3)

    @played
    async def test_a_request_waits_for_who_is_away(self) -> None:
        away = self.account("fay")
        [eve] = await self.signed_in(self.account("eve"))
        eve.send_presence_subscription(pto=f"{away}@{DOMAIN}")
        await eve.settle()
        for _ in range(2):  # at every login until it is answered (RFC 6121 3.1.3)
            [fay] = await self.signed_in(away)
            asked = await fay.next("presence_subscribe")
            self.assertEqual(asked["from"], eve.boundjid.bare)
            await fay.leave()
        [fay] = await self.signed_in(away)
        await fay.next("presence_subscribe")
        fay.send_presence_subscription(pto=eve.boundjid.bare, ptype="unsubscribed")
        await eve.next("presence_unsubscribed")
        await eve.settle()
        self.assertFalse(item(eve, fay.boundjid.bare)["asked"])
        await fay.leave()
        [fay] = await self.signed_in(away)
        await fay.settle()
        self.assertTrue(fay.nothing("presence_subscribe"))

    @played
    async def test_strangers_see_nothing(self) -> None:
        eve, fay = await self.pair()
        eve.send_presence(pto=None, pstatus="here I am")
        await eve.settle()
        await fay.settle()
        self.assertTrue(fay.nothing("presence_available"))
        # ... but directed presence reaches them, and the end of it too (RFC 6121 4.6).
        eve.send_presence(pto=fay.boundjid.full, pstatus="only you")
        seen = await fay.presence_of(eve.boundjid.full)
        self.assertEqual(seen["status"], "only you")
        await eve.leave()
        await fay.presence_of(eve.boundjid.full, "presence_unavailable")


class PresenceTests(XmppCase):
    @played
    async def test_a_lost_connection_is_seen(self) -> None:
        ann, ben = self.account("ann", published=True), self.account("ben", published=True)
        here, there = await self.signed_in(ann, ben)
        await here.presence_of(there.boundjid.full)
        there.abort()
        await here.presence_of(there.boundjid.full, "presence_unavailable")

    @played
    async def test_show_status_and_priority_arrive_as_sent(self) -> None:
        ann, ben = self.account("ann", published=True), self.account("ben", published=True)
        here, there = await self.signed_in(ann, ben)
        await here.presence_of(there.boundjid.full)
        there.send_presence(pshow="dnd", pstatus="שלום 😀 <&>", ppriority=-7)
        seen = await here.presence_of(there.boundjid.full)
        self.assertEqual((seen["show"], seen["status"]), ("dnd", "שלום 😀 <&>"))
        self.assertEqual(seen["priority"], -7)
        [one] = [c for c in self.site.call("im.connections") if c["jid"] == str(there.boundjid)]
        self.assertEqual((one["show"], one["status"], one["priority"]),
                         ("dnd", "שלום 😀 <&>", -7))  # fmt: skip
