"""XMPP over WebSocket (RFC 7395): framing, sign-in with a token, and broken peers."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet import reactor
from twisted.trial.unittest import TestCase
from wsproto.events import AcceptConnection, CloseConnection, RejectConnection

from mailim.accounts.passwords import CHAT
from mailim.accounts.web_sessions import WebSessions
from mailim.composition.server import Server
from mailim.wire import ns
from mailim.wire.xml import Element
from tests.fakes.inside import PASSWORD, serve
from tests.fakes.raw_websocket import CLOSED, RawWebSocket, connect
from tests.fakes.waiting import until


class WebSocketCase(TestCase):
    """A server with alice and bob, WebSockets that end with the test."""

    async def serve(self) -> Server:
        self.server = await serve(self, "alice", "bob")
        return self.server

    async def connect(self) -> RawWebSocket:
        port = self.server.listeners.port("https")
        assert port is not None
        client = await connect(port)
        self.addCleanup(client.abort)
        return client

    async def upgraded(self) -> RawWebSocket:
        client = await self.connect()
        answer = await client.upgrade(["xmpp"])
        self.assertIsInstance(answer, AcceptConnection)
        self.assertEqual(answer.subprotocol, "xmpp")  # RFC 7395 3.1
        return client

    async def condition(self, client: RawWebSocket) -> str:
        """Expect a stream error, `<close/>` and the WebSocket's end."""
        event = await client.next()
        if event.name == "open":
            event = await client.next()
        assert isinstance(event, Element) and event.name == "error", event
        found = next(event.elements(ns=ns.STREAM_ERRORS)).name
        self.assertEqual((await client.next()).name, "close")
        while await client.next() != CLOSED:
            pass
        return found


class WebSocketTests(WebSocketCase):
    async def test_without_the_subprotocol_it_is_refused(self) -> None:
        await self.serve()
        for subprotocols in ([], ["chat"]):
            answer = await (await self.connect()).upgrade(subprotocols)
            self.assertIsInstance(answer, RejectConnection)
            self.assertEqual(answer.status_code, 400)

    async def test_sasl_is_offered_at_once_and_no_starttls(self) -> None:
        await self.serve()
        client = await self.upgraded()
        features = await client.open()
        self.assertEqual([one.name for one in features.elements()], ["mechanisms"])
        mechanisms = [one.text for one in features.elements()][0:0] + [
            one.text for one in next(features.elements()).elements()
        ]
        self.assertEqual(mechanisms, ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"])

    async def test_chat_between_two_pages(self) -> None:
        await self.serve()
        alice, bob = await self.upgraded(), await self.upgraded()
        await alice.sign_in("alice", PASSWORD)
        jid = await bob.sign_in("bob", PASSWORD)
        body = "<body>hü &amp; 🙂</body>"
        alice.send(f"<message xmlns='{ns.CLIENT}' to='{jid}' type='chat' id='1'>{body}</message>")
        message = await bob.next()
        self.assertEqual(message.ns, ns.CLIENT)
        self.assertEqual(message.find("body").text, "hü & 🙂")
        self.assertEqual(message.get("from"), "alice@example.test/web")

    async def test_a_one_time_token_signs_in_once(self) -> None:
        server = await self.serve()
        account = await server.core.accounts.show("alice@example.test")
        token = server.core.tokens.issue(account, CHAT)
        client = await self.upgraded()
        await client.sign_in("alice", token)
        again = await self.upgraded()
        with self.assertRaises(AssertionError):
            await again.sign_in("alice", token)

    async def test_what_a_token_opened_ends_with_the_browser_session(self) -> None:
        server = await self.serve()
        core = server.core
        account = await core.accounts.show("alice@example.test")
        browsers = WebSessions(reactor, core.store, core.directory)
        cookies = [await browsers.create(account, "127.0.0.1", "test") for _ in "ab"]
        clients = []
        for cookie in cookies:
            found = await browsers.find(cookie)
            assert found is not None
            token = core.tokens.issue(account, CHAT, session=found[1].token_hash)
            waiting = core.tokens.issue(account, CHAT, session=found[1].token_hash)
            clients.append(await self.upgraded())
            await clients[-1].sign_in("alice", token, f"page{len(clients)}")
        other = await self.upgraded()
        await other.sign_in("alice", PASSWORD)
        await browsers.end(cookies[0])
        self.assertEqual(await self.condition(clients[0]), "reset")
        self.assertEqual(len(server.im.sessions), 2)  # another browser, another program
        await browsers.end_all(account.id)
        self.assertEqual(await self.condition(clients[1]), "reset")
        self.assertIsNone(core.tokens.redeem(waiting, CHAT))

    async def test_cookies_mean_nothing(self) -> None:
        await self.serve()
        client = await self.upgraded()
        await client.open()
        client.send(f"<message xmlns='{ns.CLIENT}' to='bob@example.test'/>")
        self.assertEqual(await self.condition(client), "not-authorized")

    async def test_closing_is_answered(self) -> None:
        await self.serve()
        client = await self.upgraded()
        await client.sign_in("alice", PASSWORD)
        client.send(f"<close xmlns='{ns.FRAMING}'/>")
        self.assertEqual((await client.next()).name, "close")  # RFC 7395 3.6
        self.assertIsInstance(await client.next(), CloseConnection)
        await until(lambda: len(self.server.im.sessions) == 0)

    async def test_broken_frames_get_their_stream_error(self) -> None:
        await self.serve()
        for frame, condition in (
            ("<open", "not-well-formed"),
            ("<!DOCTYPE x><open/>", "restricted-xml"),
            ("<?xml version='1.0'?><!-- --><open/>", "restricted-xml"),
            ("<a>" * 100, "policy-violation"),
            (f"<x xmlns='{ns.FRAMING}'/>", "unsupported-stanza-type"),
            ("x" * 20_000, "policy-violation"),
            ("", "not-well-formed"),
        ):
            client = await self.upgraded()
            client.send(frame)
            self.assertEqual(await self.condition(client), condition, frame[:30])

    async def test_a_binary_message_is_refused(self) -> None:
        await self.serve()
        client = await self.upgraded()
        client.send_bytes(b"<open/>")
        self.assertEqual(await self.condition(client), "unsupported-encoding")

    async def test_broken_framing_ends_the_connection(self) -> None:
        await self.serve()
        client = await self.upgraded()
        client.send_raw(b"\xff\xff\xff\xff" * 8)
        while await client.next() != CLOSED:
            pass

    async def test_a_silent_peer_is_pinged_and_a_dead_one_ended(self) -> None:
        server = await self.serve()
        server._connections.settings = replace(server._connections.settings, ping_seconds=0.2)
        alive, dead = await self.upgraded(), await self.upgraded()
        await alive.sign_in("alice", PASSWORD)
        dead.answers_pings = False
        await dead.sign_in("bob", PASSWORD)
        self.assertEqual(await dead.next(), CLOSED)
        self.assertGreaterEqual(dead.pings, 1)
        self.assertEqual(
            [str(one.jid) for one in server.im.sessions.all()], ["alice@example.test/web"]
        )
