"""Streams at awkward moments: accounts that change, peers that end or pipeline, limits met."""

from __future__ import annotations

import base64
from dataclasses import replace

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from wsproto.events import CloseConnection

from mailim.interfaces.accounts import Account
from mailim.protocols.xmpp.connections import Connections
from mailim.protocols.xmpp.settings import StreamSettings
from mailim.tls import end_point_binding, self_signed
from mailim.wire import ns
from mailim.wire.scram_client import ScramClient
from mailim.wire.xml import Element, StreamClose, StreamOpen
from tests.fakes.inside import DOMAIN, PASSWORD
from tests.fakes.raw_xmpp import CLOSED, RawClient
from tests.fakes.waiting import until
from tests.protocols.xmpp.test_streams import StreamCase
from tests.protocols.xmpp.test_websocket import WebSocketCase

ALICE = f"alice@{DOMAIN}"


def pause(seconds: float = 0.1) -> Deferred[None]:
    return deferLater(reactor, seconds, lambda: None)


class AccountTests(StreamCase):
    async def authenticated(self) -> RawClient:
        """Give a client that has proven who it is and bound nothing yet."""
        client = await self.inside_tls()
        self.assertEqual((await client.plain("alice", PASSWORD)).name, "success")
        client.restart()
        await client.features()
        return client

    async def refused(self, client: RawClient) -> str:
        client.send(f"<iq type='set' id='b'><bind xmlns='{ns.BIND}'/></iq>")
        return await client.error()

    async def test_one_disabled_after_its_password_was_checked_gets_no_session(self) -> None:
        server = await self.serve()
        client = await self.authenticated()
        await server.core.accounts.disable(ALICE)
        self.assertEqual(await self.refused(client), "not-authorized")
        self.assertEqual(len(server.im.sessions), 0)

    async def test_one_deleted_and_made_anew_is_another(self) -> None:
        server = await self.serve()
        client = await self.authenticated()
        await server.core.accounts.delete(ALICE)
        await server.core.accounts.add(ALICE, "another password")
        self.assertEqual(await self.refused(client), "not-authorized")

    async def test_a_new_password_ends_what_the_old_one_opened(self) -> None:
        server = await self.serve()
        bound, unbound = await self.authenticated(), await self.authenticated()
        await bound.bind("desk")
        token = server.core.tokens.issue(await self.account("alice"), "chat")
        other = await self.inside_tls()
        await other.plain("bob", PASSWORD)
        other.restart()
        await other.features()
        await other.bind("desk")
        await server.core.accounts.passwd(ALICE, "another password")
        self.assertEqual(await bound.error(), "reset")  # RFC 6120 4.9.3.16
        self.assertEqual(await unbound.error(), "reset")
        self.assertEqual((await (await self.inside_tls()).plain("alice", token)).name, "failure")
        self.assertEqual([one.jid.local for one in server.im.sessions.all()], ["bob"])

    async def account(self, name: str) -> Account:
        found = await self.server.core.directory.find(f"{name}@{DOMAIN}")
        assert found is not None
        return found


class LimiterTests(StreamCase):
    async def test_many_exchanges_at_once_are_not_many_guesses(self) -> None:
        await self.serve()
        guesses = []
        for _ in range(14):
            client = await self.inside_tls()
            scram = ScramClient("SCRAM-SHA-1", "alice", "a guess", "clientnonce")
            first = base64.b64encode(scram.first()).decode()
            client.send(f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-1'>{first}</auth>")
            challenge = await client.next()
            final = base64.b64encode(scram.final(base64.b64decode(challenge.text))).decode()
            guesses.append((client, final))
        conditions = []
        for client, final in guesses:
            client.send(f"<response xmlns='{ns.SASL}'>{final}</response>")
            answer = await client.next()
            conditions.append(next(answer.elements(ns=ns.SASL)).name)
        self.assertEqual(conditions[:10], ["not-authorized"] * 10)
        self.assertEqual(conditions[10:], ["temporary-auth-failure"] * 4)

    def test_one_network_is_one_peer(self) -> None:
        connections = Connections(StreamSettings(connections_per_address=2))
        peers = ["2001:db8::1", "2001:db8::2", "2001:db8::3"]
        self.assertEqual([connections.enter(peer) for peer in peers], [True, True, False])
        self.assertTrue(connections.enter("2001:db8:0:1::1"))
        connections.leave(peers[0])
        self.assertTrue(connections.enter(peers[2]))


class ReloadTests(StreamCase):
    async def test_a_connection_is_bound_to_the_certificate_it_was_shown(self) -> None:
        server = await self.serve()
        client = await self.connect()
        await client.start_tls()
        handle = client.transport.getHandle()  # type: ignore[union-attr]
        shown = await until(handle.get_peer_certificate)  # it is there after the handshake
        site = server.core.site
        certificate, key = self_signed(("another",))
        site.path(site.config.tls.certificate).write_bytes(certificate)
        site.path(site.config.tls.key).write_bytes(key)
        await server.reload()
        scram = ScramClient(
            "SCRAM-SHA-256-PLUS", "alice", PASSWORD, "clientnonce",
            binding="tls-server-end-point",
            binding_data=end_point_binding(shown.to_cryptography()),
        )  # fmt: skip
        await client.features()
        answer = await exchange(client, scram, "SCRAM-SHA-256-PLUS")
        self.assertEqual(answer.name, "success")


async def exchange(client: RawClient, scram: ScramClient, mechanism: str) -> Element:
    """Go through a SCRAM exchange; gives the last answer."""
    first = base64.b64encode(scram.first()).decode()
    client.send(f"<auth xmlns='{ns.SASL}' mechanism='{mechanism}'>{first}</auth>")
    challenge = await client.next()
    final = base64.b64encode(scram.final(base64.b64decode(challenge.text))).decode()
    client.send(f"<response xmlns='{ns.SASL}'>{final}</response>")
    answer: Element = await client.next()
    return answer


class HeaderTests(StreamCase):
    async def test_an_error_after_starttls_stands_in_a_stream(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.start_tls()
        client.send("<nonsense")
        client.send(" <")
        self.assertIsInstance(await client.next(), StreamOpen)  # RFC 6120 4.9.1.1
        error = await client.next()
        self.assertEqual(error.name, "error")

    async def test_what_came_before_the_end_is_done(self) -> None:
        server = await self.serve()
        client = await self.inside_tls()
        await client.plain("alice", PASSWORD)
        client.restart()
        await client.features()
        client.send(
            f"<iq type='set' id='b'><bind xmlns='{ns.BIND}'/></iq>"
            f"<message to='bob@{DOMAIN}' type='chat'><body>last words</body></message>"
            "</stream:stream>"
        )
        events = []
        while (event := await client.next()) != CLOSED:
            events.append(event)
        self.assertIsInstance(events[0], Element)
        self.assertIsInstance(events[-1], StreamClose)
        bob = await server.core.directory.find(f"bob@{DOMAIN}")
        assert bob is not None
        kept = await until(lambda: server.core.store.read(lambda tx: tx.im.offline(bob.id, 10)))
        self.assertEqual(len(kept), 1)


class HandshakeTests(WebSocketCase):
    async def status(self, method: bytes, field: bytes) -> bytes:
        client = await self.connect()
        answer: Deferred[bytes] = Deferred()
        client.dataReceived = answer.callback  # type: ignore[method-assign,assignment]
        client.send_raw(
            method + b" /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + field + b"\r\n\r\n"
        )
        return (await answer)[9:12]

    async def test_odd_handshakes_are_refused(self) -> None:
        await self.serve()
        for method, field, status in (
            (b"GET", b"Sec-WebSocket-Protocol: xmpp", b"101"),
            (b"HEAD", b"Sec-WebSocket-Protocol: xmpp", b"426"),
            (b"GET", b"Sec-WebSocket-Protocol: \xff\xfe", b"426"),
            (b"GET", b"Sec-WebSocket-Protocol: xmpp\r\nConnection: \xff", b"426"),
        ):
            self.assertEqual(await self.status(method, field), status, field)
        self.assertEqual(self.flushLoggedErrors(), [])


class PageTests(WebSocketCase):
    async def test_another_open_in_an_open_stream_ends_it(self) -> None:
        await self.serve()
        client = await self.upgraded()
        await client.sign_in("alice", PASSWORD)
        client.send(f"<open xmlns='{ns.FRAMING}' to='{DOMAIN}' version='1.0'/>")
        self.assertEqual(await self.condition(client), "policy-violation")

    async def test_empty_pieces_of_a_message_do_not_pile_up(self) -> None:
        await self.serve()
        client = await self.upgraded()
        await client.sign_in("alice", PASSWORD)
        client.send_raw(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 300_000)
        self.assertEqual(await self.condition(client), "policy-violation")

    async def test_who_closes_the_websocket_is_gone_at_once(self) -> None:
        server = await self.serve()
        client = await self.upgraded()
        await client.sign_in("alice", PASSWORD)
        gone = []
        self.patch(client.transport, "loseConnection", lambda: gone.append(1))
        client._write(client._wire.send(CloseConnection(1001)))
        await until(lambda: len(server.im.sessions) == 0, 20)  # a ping would come after 30

    async def test_a_peer_we_do_not_read_is_not_taken_for_dead(self) -> None:
        server = await self.serve()
        server._connections.settings = replace(
            server._connections.settings, ping_seconds=1.0, stanzas_per_second=5.0
        )
        client = await self.upgraded()
        await client.sign_in("alice", PASSWORD)
        for number in range(66):  # a burst of 50 is allowed, then we pause for three seconds
            client.send(
                f"<iq xmlns='{ns.CLIENT}' type='get' id='{number}' to='{DOMAIN}'>"
                "<ping xmlns='urn:xmpp:ping'/></iq>"
            )
        answered = 0
        while answered < 66:
            event = await client.next()
            self.assertIsInstance(event, Element)
            answered += 1
        await pause(2.5)
        self.assertEqual(len(server.im.sessions), 1)
