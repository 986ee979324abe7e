"""How a session with stream management ends, and where goes what its client never got."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mailim.admin.im_acts import ImActs
from mailim.interfaces.im import Session
from mailim.times import micros
from mailim.wire import ns
from mailim.wire.xml import Element
from tests.fakes.dead_network import DeadNetwork
from tests.fakes.inside import DOMAIN, PASSWORD
from tests.fakes.raw_xmpp import CLOSED, RawClient, connect
from tests.fakes.waiting import until
from tests.protocols.xmpp.test_stream_management import SM, ManagedCase, body, say


class DeadNetworkTests(ManagedCase):
    """Half-open connections: the client is gone, and the server is told nothing."""

    async def half_open(self) -> tuple[RawClient, str]:
        """Have the network of bob's phone die; gives alice's client, and what resumes his."""
        desk = await self.plain("alice")
        port = self.server.listeners.port("xmpp")
        assert port is not None
        network = DeadNetwork(self, port)
        phone = await connect(network.port)
        await phone.sign_in("bob", PASSWORD, "phone")
        id = (await self.enable(phone)).attrs["id"]
        phone.send("<presence/>")
        await self.upto(phone, "presence")
        network.die()
        phone.transport.abortConnection()  # type: ignore[union-attr]
        desk.send(say("bob", "one"))
        await self.settled(desk)
        self.assertEqual(len(self.server.im.sessions), 2)
        return desk, id

    async def comes_back(self, desk: RawClient, id: str) -> None:
        again = await self.authenticated("bob")
        self.assertEqual((await self.resume(again, id, 1)).name, "resumed")
        desk.send(say("bob", "two"))
        self.assertEqual(
            [body(await self.upto(again, "message")) for _ in range(2)], ["one", "two"]
        )
        await until(lambda: self.server._connections._total == 2)

    async def test_it_comes_back_before_anybody_notices(self) -> None:
        await self.serve()
        desk, id = await self.half_open()
        self.assertEqual(len(self.server._streams.managed), 0)
        await self.comes_back(desk, id)

    async def test_it_comes_back_after_the_connection_was_given_up(self) -> None:
        await self.serve()
        self.settings(acknowledgement_seconds=2)
        desk, id = await self.half_open()
        await until(lambda: len(self.server._streams.managed) == 1)
        await self.comes_back(desk, id)


class EndTests(ManagedCase):
    def time_is_over(self) -> None:
        """Let the time pass that sessions wait for their clients."""
        for managed in self.server._streams.managed._asleep:
            assert managed._timer is not None
            managed._timer.reset(0)

    async def test_time_is_over(self) -> None:
        await self.serve()
        desk = await self.plain("alice")
        phone, id = await self.managed("bob")
        await self.upto(desk, "presence")
        await self.cut(phone)
        desk.send(say("bob", "one"))
        await self.settled(desk)
        self.time_is_over()
        gone = await self.upto(desk, "presence")
        self.assertEqual(gone.get("type"), "unavailable")
        await self.idle()
        self.assertEqual(len(await self.kept("bob")), 1)
        again = await self.authenticated("bob")
        failed = await self.resume(again, id, 1)
        self.assertEqual((self.condition(failed), failed.get("h")), ("item-not-found", "1"))
        await again.bind("phone")
        again.send("<presence/>")
        message = await self.upto(again, "message")
        self.assertEqual(body(message), "one")
        self.assertIsNotNone(message.find("delay", ns.DELAY))

    async def test_the_connection_is_lost_before_the_last_words(self) -> None:
        await self.serve()
        phone, id = await self.managed("bob")
        router = self.server._streams.router
        real, gate = router.route, Deferred[None]()

        async def held(session: Session, stanza: Element) -> None:
            await gate
            await real(session, stanza)

        self.patch(router, "route", held)
        phone.send(say("alice", "one") + "</stream:stream>")
        managed = self.server._streams.managed.find(id, await self.account("bob"))
        assert managed is not None
        await until(lambda: len(managed._waiting) == 1)
        phone.transport.abortConnection()  # type: ignore[union-attr]
        await until(lambda: managed.over)
        gate.callback(None)
        await self.idle()
        left = [call for call in reactor.getDelayedCalls() if "abort" in str(call)]
        self.assertEqual(left, [], "a connection that is gone is not closed again")

    async def test_without_resumption_it_ends_with_the_connection(self) -> None:
        await self.serve()
        desk = await self.plain("alice")
        phone = await self.connect()
        await phone.sign_in("bob", PASSWORD)
        await self.enable(phone, "")
        phone.send("<presence/>")
        await self.upto(phone, "presence")
        desk.send(say("bob", "one"))
        await self.upto(phone, "message")
        phone.transport.abortConnection()  # type: ignore[union-attr]
        await until(lambda: len(self.server.im.sessions) == 1)
        await self.idle()
        self.assertEqual(len(await self.kept("bob")), 1)

    async def test_a_client_that_does_not_answer_is_dead(self) -> None:
        await self.serve()
        self.settings(acknowledgement_seconds=0.2)
        phone, id = await self.managed("bob")
        while await phone.next() != CLOSED:
            pass
        self.assertEqual(len(self.server.im.sessions), 1)
        again = await self.authenticated("bob")
        self.assertEqual((await self.resume(again, id, 1)).name, "resumed")

    async def test_too_much_waits(self) -> None:
        await self.serve()
        self.settings(unacknowledged_stanzas=3)
        desk = await self.plain("alice")
        phone, _ = await self.managed("bob")
        desk.send(say("bob", "one", "two", "three"))
        self.assertEqual(await self.ended(phone), "resource-constraint")
        await self.settled(desk)
        await self.idle()
        self.assertEqual(len(await self.kept("bob")), 3)

    async def test_too_much_waits_for_one_that_is_gone(self) -> None:
        await self.serve()
        self.settings(unacknowledged_stanzas=3)
        desk = await self.plain("alice")
        phone, _ = await self.managed("bob")
        await self.cut(phone)
        desk.send(say("bob", "one", "two", "three", "four"))
        await self.settled(desk)
        await self.idle()
        self.assertEqual(len(await self.kept("bob")), 4)
        self.assertEqual(len(self.server.im.sessions), 1)

    async def ends(self, act: Callable[[], Any]) -> None:
        """What `act` does ends a session that waits, and what it never got is kept."""
        desk = await self.plain("alice")
        phone, id = await self.managed("bob")
        await self.cut(phone)
        desk.send(say("bob", "one"))
        await self.settled(desk)
        self.assertEqual([*await self.kept("bob")], [])
        result = act()
        if result is not None:
            await result
        await self.idle()
        self.assertEqual(len(await self.kept("bob")), 1)
        self.assertIsNone(self.server._streams.managed.find(id, await self.account("bob")))

    async def account(self, name: str) -> Any:
        return await self.server.core.directory.find(f"{name}@{DOMAIN}")

    def acts(self) -> ImActs:
        im = self.server.im
        return ImActs(im.sessions, im.notices, DOMAIN, self.server.core.intake.now)

    async def test_a_kick_ends_it(self) -> None:
        await self.serve()
        await self.ends(lambda: self.acts().kick({"jid": f"bob@{DOMAIN}/phone"}, "console"))

    async def test_administrators_see_who_waits(self) -> None:
        await self.serve()
        before = self.server.core.intake.now()
        phone, id = await self.managed("bob")
        (shown,) = await self.acts().connections({}, "console")
        self.assertEqual((shown["state"], shown["waiting_since"]), ("connected", None))
        await self.cut(phone)
        (shown,) = await self.acts().connections({}, "console")
        self.assertEqual(shown["state"], "waiting to be resumed")
        self.assertGreaterEqual(micros(shown["waiting_since"], "waiting_since"), before)
        again = await self.authenticated("bob")
        self.assertEqual((await self.resume(again, id, 1)).name, "resumed")
        (shown,) = await self.acts().connections({}, "console")
        self.assertEqual((shown["state"], shown["waiting_since"]), ("connected", None))

    async def test_a_new_password_ends_it(self) -> None:
        await self.serve()
        await self.ends(lambda: self.server.core.accounts.passwd(f"bob@{DOMAIN}", "another one"))

    async def test_the_end_of_the_server_ends_it(self) -> None:
        await self.serve()
        await self.ends(self.server._streams.end_all)

    async def test_a_client_that_takes_its_place_gets_what_it_missed(self) -> None:
        await self.serve()
        desk = await self.plain("alice")
        phone, _ = await self.managed("bob")
        await self.cut(phone)
        desk.send(say("bob", "one"))
        await self.settled(desk)
        again = await self.connect()
        await again.sign_in("bob", PASSWORD, "phone")
        await self.idle()
        again.send("<presence/>")
        self.assertEqual(body(await self.upto(again, "message")), "one")

    async def test_nothing_comes_before_the_result_of_binding(self) -> None:
        await self.serve()
        desk = await self.plain("alice")
        phone, _ = await self.managed("bob")
        await self.cut(phone)
        desk.send(f"<message to='bob@{DOMAIN}/phone' id='m' type='chat'><body>one</body></message>")
        await self.settled(desk)
        again = await self.authenticated("bob")
        self.assertEqual(await again.bind("phone"), f"bob@{DOMAIN}/phone")
        self.assertEqual(body(await self.upto(again, "message")), "one")

    async def test_who_lost_all_places_may_come_in(self) -> None:
        self.changes = {"im.resources_per_account": 2}
        await self.serve()
        for number in range(4):
            phone, _ = await self.managed("bob", f"phone{number}")
            await self.cut(phone)
        await self.plain("bob")
        await self.idle()
        self.assertEqual(len(self.server.im.sessions), 2)

    async def test_so_many_of_an_account_may_wait(self) -> None:
        await self.serve()
        self.settings(resumable_per_account=2)
        for number in range(3):
            phone, _ = await self.managed("bob", f"phone{number}")
            phone.transport.abortConnection()  # type: ignore[union-attr]
            await until(lambda: all(not s.sink._stream for s in self.server.im.sessions.all()))  # type: ignore[attr-defined]
        await self.idle()
        names = [one.jid.resource for one in self.server.im.sessions.all()]
        self.assertEqual(names, ["phone1", "phone2"])

    async def test_a_request_it_never_got_is_answered(self) -> None:
        await self.serve()
        desk = await self.plain("alice")
        phone, _ = await self.managed("bob")
        await self.cut(phone)
        desk.send(
            f"<iq type='get' id='v' to='bob@{DOMAIN}/phone'><query xmlns='{ns.VERSION}'/></iq>"
        )
        await until(lambda: len(next(iter(self.server._streams.managed._asleep)).outgoing) == 3)
        self.time_is_over()
        answer = await self.upto(desk, "iq")
        self.assertEqual((answer.get("type"), answer.get("id")), ("error", "v"))

    async def test_switched_off(self) -> None:
        self.changes = {"im.stream_management": False}
        await self.serve()
        client = await self.authenticated("alice")
        client.send(f"<enable {SM}/>")
        self.assertEqual(await self.ended(client), "unsupported-stanza-type")
