"""TLS as far as it goes, as much as is demanded; passwords only inside it."""

from __future__ import annotations

import base64
import os
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from mailim.tls import Certificates, self_signed, write_private
from mailim.wire.scram import ScramExchange, derive_keys, parse_client_first
from tests.fakes.smtp_server import Session
from tests.fakes.store import short_directory
from tests.remote.relay.kit import RelayCase


class TlsCase(RelayCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        directory = short_directory(self)
        self.pem, key = self_signed(("mx.example.org",))
        write_private(directory / "certificate.pem", self.pem)
        write_private(directory / "key.pem", key)
        self.server.tls = Certificates(directory / "certificate.pem", directory / "key.pem")
        self.server.offers = ["PIPELINING", "STARTTLS", "AUTH PLAIN"]
        self.protection: list[str] = []

    def relay(self, *args: Any, **rules: Any) -> Any:
        made = super().relay(*args, **rules)
        enter = self.door.enter

        async def noting(host: Any) -> Any:
            session = await enter(host)
            self.protection.append(session.protection)
            return session

        self.patch(self.door, "enter", noting)
        return made


class OpportunisticTest(TlsCase):
    async def test_taken_where_it_is_offered(self) -> None:
        self.assertEqual(await self.outcome(self.relay()), "sent")
        self.assertEqual(self.protection, ["TLSv1.3, certificate not verified"])
        self.assertEqual(self.server.verbs()[:3], ["EHLO", "STARTTLS", "EHLO"])

    async def test_verified_if_possible(self) -> None:
        file = short_directory(self) / "ca.pem"
        file.write_bytes(self.pem)
        os.putenv("SSL_CERT_FILE", str(file))
        self.addCleanup(os.unsetenv, "SSL_CERT_FILE")
        self.assertEqual(await self.outcome(self.relay()), "sent")
        self.assertEqual(self.protection, ["TLSv1.3, certificate verified"])

    async def test_a_host_that_is_an_address(self) -> None:
        """A smarthost may be one, and so are the exchangers of domains that know no better."""
        self.assertEqual(await self.outcome(self.relay(host="127.0.0.1")), "sent")
        self.assertEqual(self.protection, ["TLSv1.3, certificate not verified"])

    async def test_not_offered(self) -> None:
        self.server.offers = []
        self.assertEqual(await self.outcome(self.relay()), "sent")
        self.assertEqual(self.protection, ["no TLS"])

    async def test_refused(self) -> None:
        self.refuse("STARTTLS", "454 4.7.0 not now")
        self.assertEqual(await self.outcome(self.relay()), "sent")
        self.assertEqual(self.protection, ["no TLS"])

    async def test_a_handshake_that_fails(self) -> None:
        """RFC 7435: then without; the mail is not lost for a broken certificate."""

        @implementer(IOpenSSLServerConnectionCreator)
        class Broken:
            def serverConnectionForTLS(self, protocol: Any) -> Any:
                return SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD))  # no certificate

        self.server.tls = Broken()
        self.assertEqual(await self.outcome(self.relay()), "sent")
        self.assertEqual(self.protection, ["no TLS"])
        self.assertIn("later", await self.outcome(self.relay(security="starttls", ca=self.pem)))

    async def test_injected_behind_starttls(self) -> None:
        """What came in the clear must not be taken for a reply inside TLS."""
        self.refuse("STARTTLS", "220 go\r\n250-mx.example.org\r\n250 AUTH PLAIN")
        found = await self.outcome(self.relay())
        self.assertTrue(found.startswith("later: mx.example.org: "), found)
        self.assertIn("before TLS", found)
        self.assertEqual(self.server.taken, [])


class DemandedTest(TlsCase):
    async def test_verified(self) -> None:
        relay = self.relay(security="starttls", ca=self.pem)
        self.assertEqual(await self.outcome(relay), "sent")
        self.assertEqual(self.protection, ["certificate verified"])

    async def test_not_trusted(self) -> None:
        found = await self.outcome(self.relay(security="starttls"))
        self.assertTrue(found.startswith("later: mx.example.org"), found)
        self.assertEqual(self.server.taken, [])

    async def test_for_another_name(self) -> None:
        self.dns.a("other.example.org", "127.0.0.1")
        self.dns.mx("example.org", (10, "other.example.org"))
        found = await self.outcome(self.relay(security="starttls", ca=self.pem))
        self.assertTrue(found.startswith("later: other.example.org"), found)
        self.assertEqual(self.server.taken, [])

    async def test_stripped(self) -> None:
        self.server.offers = ["PIPELINING"]
        found = await self.outcome(self.relay(security="starttls", ca=self.pem))
        self.assertIn("offers no TLS, which is demanded", found)
        self.server.offers = ["STARTTLS"]
        self.refuse("STARTTLS", "454 4.7.0 not now")
        found = await self.outcome(self.relay(security="starttls", ca=self.pem))
        self.assertIn("refuses TLS", found)
        self.assertEqual(self.server.taken, [])

    async def test_from_the_first_octet(self) -> None:
        plain: Any = Factory.forProtocol(type("Session", (Session,), {"server": self.server}))
        factory: Any = TLSMemoryBIOFactory(self.server.tls, False, plain)
        listening: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        port = listening.getHost().port
        relay = self.relay(host="mx.example.org", port=port, security="tls", ca=self.pem)
        self.assertEqual(await self.outcome(relay), "sent")
        self.assertEqual(self.protection, ["certificate verified"])


class SigningInTest(TlsCase):
    RULES = {"host": "mx.example.org", "security": "starttls", "user": "kate", "password": "geheim"}

    async def test_plain(self) -> None:
        self.assertEqual(await self.outcome(self.relay(**self.RULES, ca=self.pem)), "sent")
        self.assertIn(base64.b64encode(b"\0kate\0geheim").decode(), self.server.commands)

    async def test_never_without_tls(self) -> None:
        self.server.offers = ["AUTH PLAIN"]
        rules = {**self.RULES, "security": "opportunistic"}
        found = await self.outcome(self.relay(**rules))
        self.assertIn("the password is not sent without TLS", found)
        self.assertNotIn("AUTH", self.server.verbs())

    async def test_refused(self) -> None:
        """A wrong password is this site's fault: mail waits, it is not sent back."""
        self.refuse("AUTH", "535 5.7.8 wrong")
        found = await self.outcome(self.relay(**self.RULES, ca=self.pem))
        self.assertEqual(
            found, "later: mx.example.org: the server does not let us sign in: 535 5.7.8 wrong"
        )
        self.assertNotIn("geheim", found)

    async def test_no_way(self) -> None:
        self.server.offers = ["STARTTLS", "AUTH CRAM-MD5"]
        found = await self.outcome(self.relay(**self.RULES, ca=self.pem))
        self.assertIn("no way to sign in", found)

    async def test_not_signed_in_enough(self) -> None:
        for reply in ("530 5.7.0 sign in", "535 5.7.8 who"):
            self.refuse("MAIL", reply)
            found = await self.outcome(self.relay(**self.RULES, ca=self.pem))
            self.assertEqual(found, f"later: mx.example.org said: {reply}")

    async def scram(self, server_password: str, lie: bool = False) -> str:
        """Sign in to a server that knows a password, or only says so."""
        self.server.offers = ["STARTTLS", "AUTH PLAIN SCRAM-SHA-256"]
        keys = derive_keys(server_password, "SCRAM-SHA-256", b"0123456789abcdef", 4096)

        def auth(session: Any, arguments: str) -> str:
            def first(line: bytes) -> str:
                found = parse_client_first(base64.b64decode(line), "SCRAM-SHA-256")
                exchange = ScramExchange(found, keys, "servernonce", {}, False)
                session.answering = lambda line: final(exchange, line)
                return "334 " + base64.b64encode(exchange.server_first()).decode()

            def final(exchange: ScramExchange, line: bytes) -> str:
                if lie:
                    return "235 2.7.0 of course"
                try:
                    outcome = exchange.finish(base64.b64decode(line))
                except Exception:
                    return "535 5.7.8 wrong"
                session.answering = lambda line: "235 2.7.0 welcome"
                return "334 " + base64.b64encode(outcome).decode()

            session.answering = first
            return "334 "

        self.patch(Session, "do_auth", auth)
        return await self.outcome(self.relay(**self.RULES, ca=self.pem))

    async def test_scram(self) -> None:
        self.assertEqual(await self.scram("geheim"), "sent")

    async def test_scram_wrong(self) -> None:
        self.assertIn("535 5.7.8 wrong", await self.scram("other"))

    async def test_scram_server_that_does_not_know_the_password(self) -> None:
        self.assertIn("did not prove", await self.scram("other", lie=True))
        self.assertEqual(self.server.taken, [])
