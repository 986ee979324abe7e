"""An administrator gives a user the contact list back, with and without a server (KIM-25 to 27)."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from mailim.wire.xml import Element
from tests.fakes.raw_xmpp import RawClient, connect
from tests.fakes.site import DOMAIN, RunningSite

PASSWORD = "correct horse battery"
ALICE, BOB, CAROL = (f"{name}@{DOMAIN}" for name in ("alice", "bob", "carol"))
FRIEND = "friend@elsewhere.example"

Seen = dict[str, tuple[str, list[str]]]
AS_MADE: Seen = {BOB: ("bob", ["Colleagues"]), CAROL: ("carol", ["Colleagues"])}


class RestoringTests(TestCase):
    def setUp(self) -> None:
        people = dict.fromkeys(("alice", "bob", "carol"), PASSWORD)
        self.site = RunningSite(people)
        self.addCleanup(self.site.stop)

    async def come(self) -> RawClient:
        client = await connect(self.site.ports["xmpp"])
        self.addCleanup(client.transport.abortConnection)  # type: ignore[union-attr]
        await client.sign_in("alice", PASSWORD, "desk")
        return client

    async def roster(self, client: RawClient) -> Seen:
        """Give name and groups by address, as the server lists them."""
        client.send("<iq type='get' id='get'><query xmlns='jabber:iq:roster'/></iq>")
        return _items(await self.until(client, "get"))

    async def change(self, client: RawClient, item: str) -> None:
        client.send(f"<iq type='set' id='set'><query xmlns='jabber:iq:roster'>{item}</query></iq>")
        self.assertEqual((await self.until(client, "set")).get("type"), "result")

    async def until(self, client: RawClient, number: str) -> Element:
        while (answer := await client.next(30)).get("id") != number:
            pass
        assert isinstance(answer, Element)
        return answer

    async def spoil(self) -> RawClient:
        """Alice throws Bob out, renames Carol, and adds a friend elsewhere."""
        client = await self.come()
        self.assertEqual(await self.roster(client), AS_MADE)
        await self.change(client, f"<item jid='{BOB}' subscription='remove'/>")
        await self.change(client, f"<item jid='{CAROL}' name='Caro'><group>Mine</group></item>")
        await self.change(client, f"<item jid='{FRIEND}' name='Fred'/>")
        spoilt = {CAROL: ("Caro", ["Mine", "Colleagues"]), FRIEND: ("Fred", [])}
        self.assertEqual(await self.roster(client), spoilt)
        return client

    async def test_who_is_signed_in_sees_it_at_once(self) -> None:
        client = await self.spoil()
        self.assertEqual(self.site.json("im", "restore", ALICE), {"restored": 2})
        pushed: Seen = {}
        while len(pushed) < 2:
            pushed |= _items(await client.next(30))
        self.assertEqual(pushed, AS_MADE)
        self.assertEqual(await self.roster(client), {**AS_MADE, FRIEND: ("Fred", [])})
        [done] = self.site.json("record", "search", "--kind", "operation", "im.restore")
        self.assertEqual(done["details"]["address"], ALICE)
        self.assertEqual(self.site.json("im", "restore", ALICE), {"restored": 0})

    async def test_without_a_server(self) -> None:
        await self.spoil()
        self.site.end()
        self.assertEqual(self.site.json("im", "restore", ALICE), {"restored": 2})
        refused = self.site.command("im", "restore", f"nobody@{DOMAIN}")
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.site.start()
        self.assertEqual(await self.roster(await self.come()), {**AS_MADE, FRIEND: ("Fred", [])})


def _items(iq: Element) -> Seen:
    """Give name and groups by address of what a result or a push lists."""
    found = {}
    for query in iq.elements():
        for item in query.elements():
            groups = [group.text for group in item.elements()]
            found[item.attrs["jid"]] = (item.get("name") or "", groups)
    return found
