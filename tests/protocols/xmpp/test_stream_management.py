"""Stream management over real sockets (XEP-0198): counts, lost connections, coming back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mailim.accounts.passwords import CHAT
from mailim.events import WebSessionsEnded
from mailim.interfaces.im import OfflineStanza
from mailim.interfaces.record import RecordQuery
from mailim.record.query import search
from mailim.wire import ns
from mailim.wire.xml import Element, StreamClose
from tests.fakes.inside import DOMAIN, PASSWORD
from tests.fakes.raw_websocket import RawWebSocket
from tests.fakes.raw_websocket import connect as connect_page
from tests.fakes.raw_xmpp import CLOSED, RawClient
from tests.fakes.waiting import until
from tests.protocols.xmpp.test_streams import StreamCase

SM = f"xmlns='{ns.STREAM_MANAGEMENT}'"


class ManagedCase(StreamCase):
    """People whose clients use stream management."""

    def settings(self, **changes: Any) -> None:
        connections = self.server._connections
        connections.settings = replace(connections.settings, **changes)

    async def enable(self, client: Any, more: str = "resume='true'") -> Element:
        client.send(f"<enable {SM} {more}/>")
        return await self.upto(client, "enabled")

    async def managed(self, name: str, resource: str = "phone") -> tuple[RawClient, str]:
        """Sign in, enable, be available; gives the client and what it resumes with."""
        client = await self.connect()
        await client.sign_in(name, PASSWORD, resource)
        enabled = await self.enable(client)
        client.send("<presence/>")
        await self.upto(client, "presence")
        return client, enabled.attrs["id"]

    async def plain(self, name: str, resource: str = "desk") -> RawClient:
        """Sign in without stream management."""
        client = await self.connect()
        await client.sign_in(name, PASSWORD, resource)
        client.send("<presence/>")
        await self.upto(client, "presence")
        return client

    async def upto(self, client: Any, name: str) -> Element:
        """Give the next element of this name, passing over others."""
        while True:
            event = await client.next()
            assert isinstance(event, Element), event
            if event.name == name:
                return event
            assert event.name != "error", [child.name for child in event.elements()]

    async def error(self, client: RawClient) -> Element:
        """Give the stream error, passing over all before it."""
        event: Any = None
        while not isinstance(event, Element) or event.name != "error":
            event = await client.next()
            assert event != CLOSED
        return event

    async def ended(self, client: RawClient) -> str:
        """Give the condition of the stream error."""
        return next((await self.error(client)).elements(ns=ns.STREAM_ERRORS)).name

    async def authenticated(self, name: str) -> RawClient:
        client = await self.connect()
        await client.start_tls()
        await client.features()
        await client.plain(name, PASSWORD)
        client.restart()
        await client.features()
        return client

    async def resume(self, client: Any, id: str, h: int | str) -> Element:
        """Ask to resume; gives the answer."""
        client.send(f"<resume {SM} previd='{id}' h='{h}'/>")
        answer: Element = await client.next()
        return answer

    async def cut(self, client: RawClient) -> None:
        """Lose the connection, and wait until the server knows."""
        asleep = len(self.server._streams.managed)
        client.transport.abortConnection()  # type: ignore[union-attr]
        await until(lambda: len(self.server._streams.managed) > asleep)

    async def kept(self, name: str) -> Sequence[OfflineStanza]:
        account = await self.server.core.directory.find(f"{name}@{DOMAIN}")
        assert account is not None
        return await self.server.core.store.read(lambda tx: tx.im.offline(account.id, 1000))

    async def idle(self) -> None:
        await self.server._streams.idle(10)

    def condition(self, failed: Element) -> str:
        assert failed.name == "failed", failed.name
        return next(failed.elements(ns=ns.STANZA_ERRORS)).name

    async def settled(self, client: RawClient) -> None:
        """Wait until all the client has sent is handled."""
        client.send(f"<iq type='get' id='settled' to='{DOMAIN}'><ping xmlns='{ns.PING}'/></iq>")
        await self.upto(client, "iq")


def say(to: str, *texts: str) -> str:
    return "".join(
        f"<message to='{to}@{DOMAIN}' type='chat'><body>{text}</body></message>" for text in texts
    )


def body(message: Element) -> str:
    found = message.find("body")
    assert found is not None
    return found.text


class CountTests(ManagedCase):
    async def test_offered_after_signing_in(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.start_tls()
        features = await client.features()
        self.assertIsNone(features.find("sm", ns.STREAM_MANAGEMENT))
        await client.plain("alice", PASSWORD)
        client.restart()
        features = await client.features()
        self.assertIsNotNone(features.find("sm", ns.STREAM_MANAGEMENT))
        client.send(f"<enable {SM}/>")
        self.assertEqual(self.condition(await client.next()), "unexpected-request")
        await client.bind("desk")
        client.send(f"<r {SM}/>")
        self.assertEqual(self.condition(await client.next()), "unexpected-request")
        client.send(f"<enable {SM} max='-3'/>")
        self.assertEqual(self.condition(await client.next()), "bad-request")
        enabled = await self.enable(client, "")
        self.assertEqual(enabled.attrs, {})
        client.send(f"<resume {SM} previd='x' h='0'/>")
        self.assertEqual(self.condition(await client.next()), "unexpected-request")
        client.send(f"<enable {SM}/>")
        self.assertEqual(await self.ended(client), "policy-violation")

    async def test_how_long_it_may_be_resumed(self) -> None:
        await self.serve()
        for more, seconds in (("", "300"), ("max='20'", "20"), ("max='4000'", "300")):
            client = await self.connect()
            await client.sign_in("alice", PASSWORD)
            enabled = await self.enable(client, f"resume='1' {more}")
            self.assertEqual((enabled.get("resume"), enabled.get("max")), ("true", seconds))
            self.assertGreaterEqual(len(enabled.attrs["id"]), 32)

    async def test_what_came_is_counted_once_it_is_recorded(self) -> None:
        await self.serve()
        client, _ = await self.managed("alice")
        client.send(say("bob", "one", "two") + f"<r {SM}/>")
        answer = await self.upto(client, "a")
        self.assertEqual(answer.get("h"), "3")
        said = await search(self.server.core.store, RecordQuery(kinds=("message",)))
        self.assertEqual([one["body"] for one in said], ["two", "one"])

    async def test_the_server_asks_and_records_the_answer(self) -> None:
        await self.serve()
        phone, _ = await self.managed("bob")
        desk = await self.plain("alice")
        desk.send(say("bob", "one"))
        await self.upto(phone, "r")  # after a short silence, or with the fifth
        (said,) = await search(self.server.core.store, RecordQuery(kinds=("message",)))
        self.assertEqual(said["disposition"], "")
        phone.send(f"<a {SM} h='3'/>")  # presence of both, and the message

        def delivered() -> bool:
            return not len(next(iter(self.server.im.sessions.of(jid))).sink.outgoing)  # type: ignore[attr-defined]

        jid = self.server.im.sessions.all()[0].jid.bare  # type: ignore[index]
        await until(delivered)
        await self.server.core.store.write(lambda tx: None)
        (said,) = await search(self.server.core.store, RecordQuery(kinds=("message",)))
        self.assertEqual(said["disposition"], f"delivered to bob@{DOMAIN}/phone")

    async def test_more_than_was_sent(self) -> None:
        """XEP-0198 section 6."""
        await self.serve()
        client, _ = await self.managed("alice")
        client.send(f"<a {SM} h='9'/>")
        error = await self.error(client)
        self.assertIsNotNone(error.find("undefined-condition", ns.STREAM_ERRORS))
        high = error.find("handled-count-too-high", ns.STREAM_MANAGEMENT)
        assert high is not None
        self.assertEqual(high.attrs, {"h": "9", "send-count": "1"})

    async def test_garbage(self) -> None:
        await self.serve()
        for text in (
            "<a {}/>", "<a {} h=''/>", "<a {} h='x'/>", "<a {} h='-1'/>", "<a {} h='4294967296'/>",
            "<a {} h='" + "9" * 5000 + "'/>", "<a {} h='1.5'/>",
        ):  # fmt: skip
            client, _ = await self.managed("alice")
            client.send(text.format(SM))
            self.assertEqual(await self.ended(client), "bad-format", text[:40])
        client, _ = await self.managed("alice")
        client.send(f"<enabled {SM}/>")
        self.assertEqual(await self.ended(client), "unsupported-stanza-type")
        client = await self.connect()
        await client.features()
        client.send(f"<resume {SM} previd='x' h='0'/>")
        self.assertEqual(await self.ended(client), "not-authorized")

    async def test_the_last_word_before_the_end(self) -> None:
        """XEP-0198 section 7: a clean end says what was handled, and cannot be resumed."""
        await self.serve()
        client, id = await self.managed("alice")
        client.send(say("bob", "last words") + "</stream:stream>")
        answer = await self.upto(client, "a")
        self.assertEqual(answer.get("h"), "2")
        self.assertIsInstance(await client.next(), StreamClose)
        again = await self.authenticated("alice")
        failed = await self.resume(again, id, 0)
        self.assertEqual((self.condition(failed), failed.get("h")), ("item-not-found", "2"))


class ResumingTests(ManagedCase):
    async def test_nobody_notices_and_nothing_is_lost(self) -> None:
        await self.serve()
        desk = await self.plain("alice")
        phone, id = await self.managed("bob")
        await self.upto(desk, "presence")
        phone.send(say("alice", "before"))
        await self.upto(desk, "message")
        await self.cut(phone)
        desk.send(say("bob", "one", "two"))
        await self.settled(desk)
        again = await self.authenticated("bob")
        resumed = await self.resume(again, id, 1)  # its own presence
        self.assertEqual((resumed.name, resumed.attrs), ("resumed", {"previd": id, "h": "2"}))
        self.assertIsNotNone((await self.upto(again, "presence")).find("delay", ns.DELAY))
        for text in ("one", "two"):
            message = await self.upto(again, "message")
            self.assertEqual(body(message), text)
            self.assertIsNotNone(message.find("delay", ns.DELAY))
        again.send(f"<a {SM} h='4'/>" + say("alice", "behind"))
        self.assertEqual(body(await self.upto(desk, "message")), "behind")  # no presence between
        self.assertEqual([*await self.kept("bob")], [])
        self.assertEqual(len(self.server.im.sessions), 2)
        logins = await search(self.server.core.store, RecordQuery(kinds=("login",)))
        self.assertEqual(logins[0]["details"]["resumed"], "yes")

    async def test_what_was_acknowledged_is_not_sent_again(self) -> None:
        await self.serve()
        desk = await self.plain("alice")
        phone, id = await self.managed("bob")
        desk.send(say("bob", "one", "two"))
        await self.upto(phone, "message")
        await self.upto(phone, "message")
        await self.cut(phone)
        again = await self.authenticated("bob")
        # Both presences and one message are there.
        self.assertEqual((await self.resume(again, id, 3)).name, "resumed")
        self.assertEqual(body(await self.upto(again, "message")), "two")

    async def test_the_old_connection_gives_way(self) -> None:
        await self.serve()
        phone, id = await self.managed("bob")
        again = await self.authenticated("bob")
        self.assertEqual((await self.resume(again, id, 1)).name, "resumed")
        self.assertEqual(await self.ended(phone), "conflict")
        self.assertEqual(len(self.server.im.sessions), 1)
        again.send(say("bob", "to myself"))
        self.assertEqual(body(await self.upto(again, "message")), "to myself")

    async def test_only_its_own_account_may(self) -> None:
        await self.serve()
        phone, id = await self.managed("bob")
        await self.cut(phone)
        alice = await self.authenticated("alice")
        for previd in (id, "", "x" * 5000, id[:-1]):
            failed = await self.resume(alice, previd, 1)
            self.assertEqual((self.condition(failed), failed.attrs), ("item-not-found", {}))
        for h in ("", "x", "-1", "4294967296"):
            self.assertEqual(self.condition(await self.resume(alice, id, h)), "bad-request")
        self.assertEqual(await alice.bind("desk"), f"alice@{DOMAIN}/desk")  # and may go on
        again = await self.authenticated("bob")
        self.assertEqual((await self.resume(again, id, 1)).name, "resumed")

    async def test_too_high_a_count_does_not_cost_the_session(self) -> None:
        await self.serve()
        phone, id = await self.managed("bob")
        await self.cut(phone)
        again = await self.authenticated("bob")
        again.send(f"<resume {SM} previd='{id}' h='77'/>")
        self.assertEqual(await self.ended(again), "undefined-condition")
        again = await self.authenticated("bob")
        self.assertEqual((await self.resume(again, id, 1)).name, "resumed")

    async def test_again_and_again(self) -> None:
        await self.serve()
        desk = await self.plain("alice")
        phone, id = await self.managed("bob")
        await self.settled(desk)
        seen = 2  # its own presence and that of alice
        for number in range(5):
            await self.cut(phone)
            desk.send(say("bob", str(number)))
            await self.settled(desk)
            phone = await self.authenticated("bob")
            self.assertEqual((await self.resume(phone, id, seen)).name, "resumed")
            self.assertEqual(body(await self.upto(phone, "message")), str(number))
            seen += 1


class PageTests(ManagedCase):
    async def page(self) -> RawWebSocket:
        port = self.server.listeners.port("https")
        assert port is not None
        page = await connect_page(port)
        self.addCleanup(page.abort)
        await page.upgrade(["xmpp"])
        return page

    async def test_a_page_and_a_program_resume_each_others_sessions(self) -> None:
        await self.serve()
        desk = await self.plain("alice")
        page = await self.page()
        await page.sign_in("bob", PASSWORD)
        id = (await self.enable(page)).attrs["id"]
        page.send(f"<presence xmlns='{ns.CLIENT}'/>")
        await self.upto(page, "presence")
        page.abort()
        await until(lambda: len(self.server._streams.managed) == 1)
        desk.send(say("bob", "one"))
        await self.settled(desk)
        program = await self.authenticated("bob")
        self.assertEqual((await self.resume(program, id, 1)).name, "resumed")
        self.assertEqual(body(await self.upto(program, "message")), "one")
        page = await self.page()
        await page.authenticate("bob", PASSWORD)
        self.assertEqual((await self.resume(page, id, 1)).name, "resumed")
        self.assertEqual(body(await self.upto(page, "message")), "one")
        self.assertEqual(await self.ended(program), "conflict")

    async def test_signing_out_ends_what_the_browser_left_open(self) -> None:
        await self.serve()
        account = await self.server.core.directory.find(f"bob@{DOMAIN}")
        assert account is not None
        token = self.server.core.tokens.issue(account, CHAT, session=b"browser")
        page = await self.page()
        await page.sign_in(f"bob@{DOMAIN}", token)
        await self.enable(page)
        page.abort()
        await until(lambda: len(self.server._streams.managed) == 1)
        self.server.core.events.publish(WebSessionsEnded((b"browser",)))
        await self.idle()
        self.assertEqual(len(self.server.im.sessions), 0)
