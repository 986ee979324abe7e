"""Everything is recorded before it is delivered, and what became of it afterwards."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailim.errors import RecordUnavailable
from mailim.interfaces.im import StreamInfo
from mailim.interfaces.record import Leaf
from mailim.record.entries import details_of, opened
from tests.fakes.sinks import Sink
from tests.im.stages import Stage

HI = "<message to='bob@example.test' id='1' type='chat'><body>Hi</body></message>"
WAIT = "wait resource-constraint"


def told(leaf: Leaf) -> tuple[str, str, str, str]:
    return leaf.kind, leaf.sender, leaf.recipient, leaf.body


class BeforeDeliveryTests(TestCase):
    async def test_nothing_is_delivered_before_it_is_durable(self) -> None:
        stage = Stage(self)
        await stage.given("bob sees alice")
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        stage.record.closed = True
        delivered = []
        for xml in (
            HI,
            "<presence><show>away</show></presence>",
            "<presence to='bob@example.test'><status>psst</status></presence>",
            "<presence to='bob@example.test' type='subscribed'/>",
            "<presence type='unavailable'/>",
        ):
            working = stage.start("alice/desk", xml)
            self.assertEqual(len(stage.record.held), 1, xml)
            self.assertEqual(stage.drain("bob/phone"), [], xml)
            self.assertEqual(stage.drain("alice/desk"), [], xml)
            stage.record.release()
            await working
            stage.record.closed = True
            stage.drain("alice/desk")
            delivered.append(len(stage.drain("bob/phone")))
        self.assertEqual(delivered, [1, 1, 1, 0, 1])

    async def test_leaves_of_one_session_share_commits(self) -> None:
        """All are with the record before the first is durable, and are delivered in order."""
        stage = Stage(self)
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        stage.record.closed = True
        working = [
            stage.start("alice/desk", HI.replace("'1'", f"'{number}'")) for number in range(20)
        ]
        self.assertEqual(len(stage.record.held), 20)
        stage.record.release()
        for one in working:
            await one
        ids = [stanza.get("id") for stanza in stage.drain("bob/phone")]
        self.assertEqual(ids, [str(number) for number in range(20)])

    async def test_record_that_cannot_be_written(self) -> None:
        stage = Stage(self)
        await stage.given("alice and bob see each other")
        await stage.given("alice sees carol")
        await stage.online("bob/phone")
        await stage.online("alice/desk")
        stage.drain("bob/phone")
        size = len(await stage.leaves())
        stage.record.failing = True
        for xml in (
            HI,
            "<message to='nobody@example.test' type='chat'><body>Hi</body></message>",
            "<presence><show>away</show></presence>",
            "<presence to='carol@example.test'/>",
            "<presence to='dave@example.test' type='subscribe'/>",
            "<presence to='bob@example.test' type='unsubscribed'/>",
            "<presence type='unavailable'/>",
            "<iq type='set' id='1'><query xmlns='jabber:iq:roster'>"
            "<item jid='bob@example.test' subscription='remove'/></query></iq>",
        ):
            await stage.send("alice/desk", xml)
            self.assertEqual(stage.condition("alice/desk"), WAIT, xml)
            self.assertEqual(stage.drain("alice/desk"), [], xml)
            self.assertEqual(stage.drain("bob/phone"), [], xml)
        self.assertTrue(stage.session("alice/desk").available)
        # it recovers by itself
        stage.record.failing = False
        self.assertEqual(len(await stage.leaves()), size)
        await stage.send("alice/desk", HI)
        self.assertEqual(len(stage.drain("bob/phone")), 1)
        await stage.send("alice/desk", "<presence><show>away</show></presence>")
        self.assertEqual(len(stage.drain("bob/phone")), 1)

    async def test_login_needs_the_record(self) -> None:
        stage = Stage(self)
        await stage.people()
        stage.record.failing = True
        with self.assertRaises(RecordUnavailable):
            await stage.connect("alice/desk", "alice/desk")
        self.assertEqual(len(stage.im.sessions), 0)
        stage.record.failing = False
        await stage.connect("alice/desk", "alice/desk")
        self.assertEqual(len(stage.im.sessions), 1)

    async def test_stream_that_breaks_off_while_its_login_is_recorded(self) -> None:
        stage = Stage(self)
        await stage.online("bob/phone")
        stage.record.closed = True
        account = stage.session("bob/phone").account
        info = StreamInfo("xmpp", "192.0.2.1", 0)
        session = stage.im.sessions.bind(account, "pad", Sink(), info)
        binding = Deferred.fromCoroutine(stage.im.router.bound(session))
        ending = Deferred.fromCoroutine(stage.im.router.unbound(session, "lost"))
        stage.record.release()
        await binding
        await ending
        self.assertEqual(
            [leaf.kind for leaf in await stage.leaves("login", "logout")],
            ["login", "login", "logout"],
        )
        self.assertEqual(list(stage.im.router._lanes), [stage.session("bob/phone").id])
        self.assertEqual(len(stage.im.sessions), 1)

    async def test_login_fails_and_the_stream_ends_twice(self) -> None:
        stage = Stage(self)
        await stage.online("bob/phone")
        account = stage.session("bob/phone").account
        info = StreamInfo("xmpp", "192.0.2.1", 0)
        session = stage.im.sessions.bind(account, "pad", Sink(), info)
        stage.record.failing = True
        with self.assertRaises(RecordUnavailable):
            await stage.im.router.bound(session)
        await stage.im.router.unbound(session, "no")
        await stage.im.router.unbound(session, "no")
        self.assertEqual(len(stage.im.router._lanes), 1)

    async def test_contacts_hear_of_the_end_even_if_it_cannot_be_recorded(self) -> None:
        """The one exception: a ghost would be worse, and nobody said anything."""
        stage = Stage(self)
        await stage.given("bob sees alice")
        await stage.online("bob/phone")
        await stage.online("alice/desk")
        stage.drain("bob/phone")
        stage.record.failing = True
        await stage.disconnect("alice/desk")
        (farewell,) = stage.drain("bob/phone")
        self.assertEqual(farewell.get("type"), "unavailable")
        self.assertEqual(len(stage.im.sessions), 1)


class LeavesTests(TestCase):
    async def test_life_of_a_session(self) -> None:
        stage = Stage(self)
        await stage.connect("alice/desk", "alice/desk")
        await stage.send("alice/desk", "<presence><show>dnd</show><status>Busy</status></presence>")
        # the same status with another hash is no change of status
        await stage.send(
            "alice/desk",
            "<presence><show>dnd</show><status>Busy</status>"
            "<x xmlns='vcard-temp:x:update'/></presence>",
        )
        await stage.disconnect("alice/desk")
        await stage.disconnect("alice/desk")
        login, presence, logout = await stage.leaves()
        alice = "alice@example.test"
        self.assertEqual(told(login), ("login", alice, "", ""))
        self.assertEqual(
            details_of(login),
            {"resource": "desk", "protocol": "xmpp", "peer": "192.0.2.1", "tls": ""},
        )
        self.assertEqual(told(presence), ("presence", alice, "", "Busy"))
        self.assertEqual(details_of(presence)["show"], "dnd")
        self.assertEqual(told(logout), ("logout", alice, "", ""))
        self.assertEqual(details_of(logout)["reason"], "connection lost")
        self.assertEqual(login.time, 1_800_000_000_000_000)

    async def test_message_and_what_became_of_it(self) -> None:
        stage = Stage(self)
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        await stage.online("bob/web")
        for xml in (
            HI,
            "<message to='bob@example.test/web' type='chat'><body>A</body></message>",
            "<message to='carol@example.test' type='chat'><body>B</body></message>",
            "<message to='nobody@example.test'><body>C</body></message>",
            "<message to='bob@elsewhere.example'><body>D</body></message>",
            "<message to='carol@example.test' type='headline'><body>E</body></message>",
        ):
            await stage.send("alice/desk", xml)
        leaves = await stage.leaves("message", "disposition")
        messages = [leaf for leaf in leaves if leaf.kind == "message"]
        self.assertEqual([leaf.body for leaf in messages], ["Hi", "A", "B", "C", "D", "E"])
        self.assertEqual(messages[0].sender, "alice@example.test")
        self.assertEqual(messages[1].recipient, "bob@example.test")
        self.assertEqual(details_of(messages[1])["to"], "bob@example.test/web")
        self.assertEqual(
            opened(messages[0])["stanza"],
            '<message xmlns="jabber:client" to="bob@example.test" id="1" type="chat" '
            'from="alice@example.test/desk"><body>Hi</body></message>',
        )
        became = {leaf.refers: leaf.body for leaf in leaves if leaf.kind == "disposition"}
        self.assertEqual(
            [became[leaf.seq] for leaf in messages],
            [
                "delivered to bob@example.test/phone, bob@example.test/web",
                "delivered to bob@example.test/web",
                "stored",
                "bounced: service-unavailable",
                "refused: remote-server-not-found",
                "ignored",
            ],
        )

    async def test_delivery_from_the_store_is_recorded(self) -> None:
        stage = Stage(self)
        await stage.online("alice/desk")
        await stage.send("alice/desk", HI)
        await stage.online("bob/phone")
        (message,) = await stage.leaves("message")
        became = [leaf for leaf in await stage.leaves("disposition") if leaf.refers == message.seq]
        self.assertEqual(
            [leaf.body for leaf in became], ["stored", "delivered to bob@example.test/phone"]
        )

    async def test_chat_states_are_not_recorded(self) -> None:
        stage = Stage(self)
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        await stage.send(
            "alice/desk",
            "<message to='bob@example.test' type='chat'>"
            "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        )
        self.assertEqual(len(stage.drain("bob/phone")), 1)
        self.assertEqual(await stage.leaves("message"), [])

    async def test_subscriptions(self) -> None:
        stage = Stage(self)
        await stage.online("alice/desk")
        await stage.send("alice/desk", "<presence to='bob@example.test' type='subscribe'/>")
        await stage.send("alice/desk", "<presence to='nobody@example.test' type='subscribe'/>")
        await stage.send(
            "alice/desk",
            "<iq type='set' id='1'><query xmlns='jabber:iq:roster'>"
            "<item jid='bob@example.test' subscription='remove'/></query></iq>",
        )
        asked, refused, removed = await stage.leaves("subscription")
        self.assertEqual(told(asked)[1:3], ("alice@example.test", "bob@example.test"))
        self.assertEqual(details_of(asked)["type"], "subscribe")
        (became,) = await stage.leaves("disposition")
        self.assertEqual((became.refers, became.body), (refused.seq, "refused: item-not-found"))
        self.assertEqual(details_of(removed)["type"], "remove")

    async def test_impostor(self) -> None:
        """RFC 6120 section 8.1.2.1: the stream ends; who tried it is on record."""
        stage = Stage(self)
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        await stage.send(
            "alice/desk", HI.replace("<message ", "<message from='carol@example.test' ")
        )
        self.assertEqual(await stage.ended("alice/desk"), "invalid-from")
        self.assertEqual(stage.drain("bob/phone"), [])
        (refusal,) = await stage.leaves("refusal")
        self.assertEqual(refusal.sender, "alice@example.test")
        self.assertEqual(details_of(refusal)["claimed"], "carol@example.test")

    async def test_own_addresses_are_no_imposture(self) -> None:
        stage = Stage(self)
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        for claimed in ("alice@example.test", "alice@example.test/desk", "Alice@example.TEST/desk"):
            await stage.send("alice/desk", HI.replace("<message ", f"<message from='{claimed}' "))
        self.assertEqual(
            [stanza.get("from") for stanza in stage.drain("bob/phone")],
            ["alice@example.test/desk"] * 3,
        )
