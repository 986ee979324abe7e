"""Client streams over real sockets: TLS, SASL, bind, and what breaks their rules."""

from __future__ import annotations

import base64

from twisted.trial.unittest import TestCase

from mailim.composition.server import Server
from mailim.interfaces.record import RecordQuery
from mailim.record.query import search
from mailim.wire import ns
from mailim.wire.scram_client import ScramClient
from mailim.wire.xml import Element, StreamClose
from tests.fakes.inside import PASSWORD, serve
from tests.fakes.raw_xmpp import CLOSED, RawClient, connect
from tests.fakes.waiting import until


class StreamCase(TestCase):
    """A server with alice and bob, connections that end with the test."""

    changes: dict[str, object] = {}

    async def serve(self) -> Server:
        self.server = await serve(self, "alice", "bob", changes=dict(self.changes))
        return self.server

    async def connect(self, name: str = "xmpp") -> RawClient:
        port = self.server.listeners.port(name)
        assert port is not None
        client = await connect(port, tls=name == "xmpps")
        self.addCleanup(client.transport.abortConnection)  # type: ignore[union-attr]
        return client

    async def inside_tls(self) -> RawClient:
        client = await self.connect()
        await client.start_tls()
        await client.features()
        return client


class NegotiationTests(StreamCase):
    async def test_starttls_is_required_and_nothing_else_offered(self) -> None:
        await self.serve()
        features = await (await self.connect()).features()
        self.assertEqual([one.name for one in features.elements()], ["starttls"])
        starttls = features.find("starttls", ns.TLS)
        assert starttls is not None
        self.assertIsNotNone(starttls.find("required", ns.TLS))  # RFC 6120 5.3.1

    async def test_a_password_before_tls_is_refused(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.features()
        client.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>AGEAYg==</auth>")
        self.assertEqual(await client.error(), "policy-violation")

    async def test_a_stanza_before_login_is_refused(self) -> None:
        await self.serve()
        client = await self.inside_tls()
        client.send("<message to='bob@example.test'><body>hi</body></message>")
        self.assertEqual(await client.error(), "not-authorized")

    async def test_a_stanza_before_bind_is_refused(self) -> None:
        await self.serve()
        client = await self.inside_tls()
        await client.plain("alice", PASSWORD)
        client.restart()
        await client.features()
        client.send("<message to='bob@example.test'><body>hi</body></message>")
        self.assertEqual(await client.error(), "not-authorized")

    async def test_bytes_behind_starttls_end_the_connection(self) -> None:
        """Injected before TLS, they would be taken for words said inside it."""
        await self.serve()
        for behind in (
            "<x/>",
            " ",
            "<iq",
            f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>AA==</auth>",
        ):
            client = await self.connect()
            await client.features()
            client.send(f"<starttls xmlns='{ns.TLS}'/>{behind}")
            self.assertEqual(await client.next(), CLOSED, behind)

    async def test_direct_tls(self) -> None:
        await self.serve()
        client = await self.connect("xmpps")
        features = await client.features()
        self.assertIsNotNone(features.find("mechanisms", ns.SASL))
        self.assertEqual((await client.plain("alice", PASSWORD)).name, "success")

    async def test_bind_takes_the_asked_resource_and_takes_over_a_used_one(self) -> None:
        await self.serve()
        first, second = await self.connect(), await self.connect()
        self.assertEqual(await first.sign_in("alice", PASSWORD, "desk"), "alice@example.test/desk")
        self.assertEqual(await second.sign_in("alice", PASSWORD, "desk"), "alice@example.test/desk")
        self.assertEqual(await first.error(), "conflict")  # RFC 6120 7.7.2.2

    async def test_closing_is_answered(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.sign_in("alice", PASSWORD)
        client.send("</stream:stream>")
        self.assertIsInstance(await client.next(), StreamClose)
        self.assertEqual(await client.next(), CLOSED)
        await until(lambda: len(self.server.im.sessions) == 0)

    async def test_unknown_host(self) -> None:
        await self.serve()
        client = await self.connect()
        client.open("elsewhere.test")
        self.assertEqual(await client.error(), "host-unknown")

    async def test_somebody_elses_from_ends_the_stream(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.sign_in("alice", PASSWORD)
        client.send("<message from='bob@example.test' to='alice@example.test'/>")
        self.assertEqual(await client.error(), "invalid-from")  # RFC 6120 8.1.2.1
        (leaf,) = await search(self.server.core.store, RecordQuery(kinds=("refusal",)))
        self.assertEqual((leaf["from"], leaf["body"]), ("alice@example.test", "invalid-from"))
        self.assertEqual(leaf["details"]["claimed"], "bob@example.test")


class SaslTests(StreamCase):
    async def test_mechanisms_offered(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.start_tls()
        features = await client.features()
        mechanisms = features.find("mechanisms", ns.SASL)
        assert mechanisms is not None
        self.assertEqual(
            [one.text for one in mechanisms.elements()],
            ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"],
        )
        types = features.find("sasl-channel-binding", ns.SASL_CHANNEL_BINDING)  # XEP-0440
        assert types is not None
        self.assertIn("tls-exporter", [one.get("type") for one in types.elements()])

    async def scram(self, mechanism: str, password: str = PASSWORD, name: str = "alice") -> Element:
        client = await self.connect()
        await client.start_tls()
        await client.features()
        binding: dict[str, object] = {}
        if mechanism.endswith("-PLUS"):
            handle = client.transport.getHandle()  # type: ignore[union-attr]
            data = handle.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
            binding = {"binding": "tls-exporter", "binding_data": data}
        scram = ScramClient(mechanism, name, password, "clientnonce", **binding)  # type: ignore[arg-type]
        first = base64.b64encode(scram.first()).decode()
        client.send(f"<auth xmlns='{ns.SASL}' mechanism='{mechanism}'>{first}</auth>")
        challenge = await client.next()
        self.assertEqual(challenge.name, "challenge")
        final = base64.b64encode(scram.final(base64.b64decode(challenge.text))).decode()
        client.send(f"<response xmlns='{ns.SASL}'>{final}</response>")
        answer: Element = await client.next()
        if answer.name == "success":
            scram.verify(base64.b64decode(answer.text))
        return answer

    async def test_scram(self) -> None:
        await self.serve()
        for mechanism in (
            "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS",
        ):  # fmt: skip
            self.assertEqual((await self.scram(mechanism)).name, "success", mechanism)

    async def test_scram_wrong_password_and_unknown_user_look_alike(self) -> None:
        await self.serve()
        wrong = await self.scram("SCRAM-SHA-256", "not the password")
        unknown = await self.scram("SCRAM-SHA-256", name="nobody")
        for answer in (wrong, unknown):
            self.assertEqual(answer.name, "failure")
        self.assertEqual(wrong, unknown)

    async def test_a_disabled_account_is_refused(self) -> None:
        server = await self.serve()
        await server.core.accounts.disable("alice@example.test")
        self.assertEqual((await self.scram("SCRAM-SHA-256")).name, "failure")

    async def test_authzid_of_somebody_else_is_refused(self) -> None:
        await self.serve()
        client = await self.inside_tls()
        message = base64.b64encode(f"bob@example.test\0alice\0{PASSWORD}".encode()).decode()
        client.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{message}</auth>")
        answer = await client.next()
        self.assertIsNotNone(answer.find("invalid-authzid", ns.SASL))

    async def test_a_stream_to_one_domain_takes_no_login_of_another(self) -> None:
        server = await self.serve()
        await server.core.accounts.add_domain("second.test")
        await server.core.accounts.add("kim@second.test", PASSWORD)
        client = await self.inside_tls()
        self.assertEqual((await client.plain("kim@second.test", PASSWORD)).name, "failure")
        self.assertEqual((await client.plain("alice@example.test", PASSWORD)).name, "success")

    async def test_attempts_are_limited(self) -> None:
        await self.serve()
        client = await self.inside_tls()
        for _ in range(5):
            self.assertEqual((await client.plain("alice", "wrong password")).name, "failure")
        self.assertEqual(await client.error(), "policy-violation")

    async def test_the_one_limiter_stops_every_protocol(self) -> None:
        server = await self.serve()
        for _ in range(10):
            server.core.limiter.failed("alice@example.test", "127.0.0.1")
        client = await self.inside_tls()
        answer = await client.plain("alice", PASSWORD)
        self.assertIsNotNone(answer.find("temporary-auth-failure", ns.SASL))

    async def test_malformed_sasl_gets_the_named_failure(self) -> None:
        await self.serve()
        client = await self.inside_tls()
        for element, condition in (
            (f"<auth xmlns='{ns.SASL}' mechanism='NTLM'/>", "invalid-mechanism"),
            (f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>%%%</auth>", "incorrect-encoding"),
            (f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>AAA=</auth>", "malformed-request"),
            (f"<response xmlns='{ns.SASL}'>AAA=</response>", "malformed-request"),
        ):
            client.send(element)
            answer = await client.next()
            self.assertIsNotNone(answer.find(condition, ns.SASL), condition)


class HostileTests(StreamCase):
    async def test_each_kind_of_bad_xml_gets_its_stream_error(self) -> None:
        await self.serve()
        header = (
            f"<stream:stream to='example.test' version='1.0' xmlns='{ns.CLIENT}'"
            f" xmlns:stream='{ns.STREAM}'>"
        )
        doctype = b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]>"
        for data, condition in (
            (doctype + header.encode(), "restricted-xml"),
            (header.encode() + b"<!-- x -->", "restricted-xml"),
            (header.encode() + b"<iq><a></b></iq>", "not-well-formed"),
            (header.encode() + b"<iq>\xff\xfe</iq>", "unsupported-encoding"),
            (header.encode() + b"<a>" * 100, "policy-violation"),
            (header.encode() + b"<a>" + b"x" * 20_000, "policy-violation"),
            (header.encode() + b"<a b='" + b"x" * 20_000, "policy-violation"),
            (b"GET / HTTP/1.1\r\n\r\n", "not-well-formed"),
            (header.replace(ns.STREAM, "urn:x").encode(), "invalid-namespace"),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "unsupported-encoding"),
        ):  # fmt: skip
            client = await self.connect()
            client.send(data)
            events = []
            while True:
                event = await client.next()
                if event == CLOSED:
                    break
                events.append(event)
            errors = [one for one in events if isinstance(one, Element) and one.name == "error"]
            self.assertEqual(len(errors), 1, data[:60])
            conditions = [one.name for one in errors[0].elements(ns=ns.STREAM_ERRORS)]
            self.assertIn(conditions[0], (condition, "not-well-formed"), data[:60])

    async def test_signing_in_has_a_deadline(self) -> None:
        self.changes = {"im.login_seconds": 5}
        server = await self.serve()
        server.im  # noqa: B018 - the real clock runs: one short deadline
        client = await self.connect()
        await client.features()
        # connection-timeout, RFC 6120 4.9.3.4
        self.assertEqual((await client.next(60)).name, "error")

    async def test_connections_per_address_are_limited(self) -> None:
        self.changes = {"im.connections_per_address": 3}
        server = await self.serve()
        clients = [await self.connect() for _ in range(3)]
        for client in clients:
            await client.features()
        fourth = await self.connect()
        self.assertEqual(await fourth.next(), CLOSED)
        clients[0].transport.loseConnection()  # type: ignore[union-attr]
        await clients[0].next()
        await until(lambda: server._connections._total == 2)
        await (await self.connect()).features()

    async def test_a_fast_client_is_slowed_down_not_cut_off(self) -> None:
        self.changes = {"im.stanzas_per_second": 20}
        await self.serve()
        client = await self.connect()
        jid = await client.sign_in("alice", PASSWORD)
        count = 230  # a burst of 200 is allowed
        for number in range(count):
            client.send(
                f"<iq type='get' id='{number}' to='example.test'><ping xmlns='{ns.PING}'/></iq>"
            )
        for number in range(count):
            answer = await client.next()
            self.assertEqual((answer.get("id"), answer.get("type")), (str(number), "result"))
        self.assertIn("alice", jid)

    async def test_a_client_that_does_not_read_is_cut_off(self) -> None:
        server = await self.serve()
        settings = server._connections.settings
        from dataclasses import replace

        server._connections.settings = replace(settings, unread_octets=200_000)
        deaf, bob = await self.connect(), await self.connect()
        await deaf.sign_in("alice", PASSWORD)
        deaf.send("<presence/>")
        await bob.sign_in("bob", PASSWORD)
        deaf.transport.pauseProducing()  # type: ignore[union-attr]
        text = "x" * 50_000
        for _ in range(200):
            bob.send(
                f"<message to='alice@example.test/test' type='chat'><body>{text}</body></message>"
            )
        await until(lambda: len(server.im.sessions) == 1)
