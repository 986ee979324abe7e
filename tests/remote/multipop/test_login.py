"""Connecting and signing in: TLS, STLS, certificates, refusals, closed networks."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet.address import IPv4Address, IPv6Address

from mailim.errors import Invalid
from mailim.tls import self_signed
from tests.fakes.pop3_server import Pop3Server, Session, mailbox
from tests.fakes.store import short_directory
from tests.remote.multipop.sites import SiteTest, message, settings

HOST = "localhost"


def expired(name: str) -> tuple[bytes, bytes]:
    """Give a certificate that was good until yesterday."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now - datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


class TlsTest(SiteTest):
    """What travels is protected, and the other side is who it should be."""

    def server(self, certificate: tuple[bytes, bytes], tls: bool) -> Pop3Server:
        server = Pop3Server(mailbox(message(1)), tls=tls, certificate=certificate)
        server.listen(self)
        return server

    def ca_file(self, data: bytes) -> str:
        path = short_directory(self) / "ca.pem"
        path.write_bytes(data)
        return str(path)

    async def refused(self, server: Pop3Server, words: str, **values: Any) -> None:
        """Collect; nothing may have been said that is secret."""
        self.config = settings(allow_plaintext=False)
        box = await self.box(server, **values)
        state = await self.collect(box)
        self.assertEqual(state.state, "waiting")
        self.assertRegex(state.box.last_error, words)
        self.assertTrue(self.logged("failed", state.box.last_error))
        self.assertEqual(server.secure_logins, [])
        self.assertFalse(any("secret" in line for line in [*server.heard, *self.log]))
        test = await self.multipop.test(box)
        self.assertFalse(test.ok)
        self.assertEqual(test.detail, state.box.last_error)

    async def accepted(self, server: Pop3Server, **values: Any) -> None:
        self.config = settings(allow_plaintext=False)
        box = await self.box(server, **values)
        state = await self.collect(box)
        self.assertEqual((state.state, state.box.last_error), ("idle", ""))
        self.assertEqual(await self.spooled(), [message(1)])
        self.assertEqual(server.secure_logins, [True])

    async def test_tls(self) -> None:
        made = self_signed((HOST,))
        server = self.server(made, True)
        await self.accepted(server, host=HOST, tls="tls", ca=self.ca_file(made[0]))

    async def test_tls_to_an_address(self) -> None:
        made = self_signed(("127.0.0.1",))
        server = self.server(made, True)
        await self.accepted(server, tls="tls", ca=self.ca_file(made[0]))

    async def test_stls(self) -> None:
        made = self_signed((HOST,))
        server = self.server(made, False)
        await self.accepted(server, host=HOST, tls="stls", ca=self.ca_file(made[0]))
        self.assertEqual(server.heard[0], "STLS")

    async def test_unknown_ca(self) -> None:
        for tls in (True, False):
            server = self.server(self_signed((HOST,)), tls)
            await self.refused(server, "not trusted", host=HOST, tls="tls" if tls else "stls")

    async def test_another_ca(self) -> None:
        other = self.ca_file(self_signed((HOST,))[0])
        server = self.server(self_signed((HOST,)), True)
        await self.refused(server, "not trusted", host=HOST, tls="tls", ca=other)

    async def test_another_name(self) -> None:
        for tls in (True, False):
            made = self_signed(("pop.example.org",))
            server = self.server(made, tls)
            ca = self.ca_file(made[0])
            kind = "tls" if tls else "stls"
            await self.refused(server, "another name", host=HOST, tls=kind, ca=ca)

    async def test_expired(self) -> None:
        made = expired(HOST)
        server = self.server(made, True)
        ca = self.ca_file(made[0])
        await self.refused(server, "expired", host=HOST, tls="tls", ca=ca)

    async def test_no_tls_on_this_port(self) -> None:
        server = Pop3Server(mailbox(message(1)))
        await self.refused(server, "does not speak TLS", tls="tls")

    async def test_stls_not_offered(self) -> None:
        server = Pop3Server(mailbox(message(1)))
        await self.refused(server, "offers no TLS .STLS", tls="stls")

    async def test_stls_refused(self) -> None:
        server = self.server(self_signed((HOST,)), False)
        server.acts["STLS"] = lambda session, _: session.say("-ERR not today")
        await self.refused(server, "offers no TLS .STLS", tls="stls")

    async def test_stls_injection(self) -> None:
        """Clear text behind STLS's +OK would be taken for an answer given inside TLS."""

        def inject(session: Session, _: str) -> None:
            session.say("+OK", "+OK trust me")
            session.start_tls()

        made = self_signed((HOST,))
        server = self.server(made, False)
        server.acts["STLS"] = inject
        ca = self.ca_file(made[0])
        await self.refused(server, "without being asked", host=HOST, tls="stls", ca=ca)

    async def test_stls_injection_in_pieces(self) -> None:
        """Octets that come a moment later go into the handshake, which fails."""

        async def inject(session: Session, _: str) -> None:
            session.say("+OK")
            await session.trickle(b"+OK trust me\r\n", 0.001)
            session.start_tls()

        made = self_signed((HOST,))
        server = self.server(made, False)
        server.acts["STLS"] = inject
        ca = self.ca_file(made[0])
        await self.refused(server, "TLS|without being asked", host=HOST, tls="stls", ca=ca)

    async def test_cut_off_inside_tls(self) -> None:
        """No close_notify in the middle of a message: it does not count as its end."""
        made = self_signed((HOST,))
        server = self.server(made, True)
        ca = self.ca_file(made[0])

        def truncate(session: Session, _: str) -> None:
            session.send(b"+OK\r\nSubject: half a\r\n\r\nmessage\r\n")
            session.wire.transport.loseConnection()  # the TCP below

        server.acts["RETR"] = truncate
        await self.box(server, host=HOST, tls="tls", ca=ca)
        state = await self.collect()
        self.assertEqual((state.state, await self.spooled()), ("waiting", []))
        self.assertRegex(state.box.last_error, "cut off|in the middle|lost")
        server.acts.clear()
        await self.collect()
        self.assertEqual(await self.spooled(), [message(1)])

    async def test_ca_file(self) -> None:
        server = self.server(self_signed((HOST,)), True)
        for ca, words in (
            (self.ca_file(b"no certificate"), "no PEM"),
            ("/nowhere/ca.pem", "cannot be read"),
            ("ca.pem", "full path"),
        ):
            with self.assertRaisesRegex(Invalid, words) as caught:
                await self.box(server, tls="tls", ca=ca)
            self.assertEqual(caught.exception.path, "ca")
        good = Path(self.ca_file(self_signed((HOST,))[0]))
        box = await self.box(server, tls="tls", ca=str(good))
        good.unlink()
        state = await self.collect(box)
        self.assertIn("CA file cannot be read", state.box.last_error)

    async def test_plaintext_switched_off_later(self) -> None:
        server = Pop3Server(mailbox(message(1)))
        await self.box(server)
        self.config = settings(allow_plaintext=False)
        state = await self.collect()
        self.assertIn("without TLS", state.box.last_error)
        self.assertEqual((server.sessions, server.heard), ([], []))
        with self.assertRaises(Invalid):
            await self.box(server, user="other")
        with self.assertRaises(Invalid):
            await self.multipop.change(1, {"tls": "none"})


class SignInTest(SiteTest):
    """Name and password."""

    async def test_auth_plain_and_user(self) -> None:
        for capabilities in (("SASL PLAIN LOGIN",), ("SASL CRAM-MD5", "USER"), ()):
            server = Pop3Server(mailbox(message(len(capabilities))))
            server.capabilities = capabilities
            await self.box(server)
            await self.multipop.run()
            self.assertEqual(server.mailbox.logins, 1)
            used = "AUTH" if "PLAIN" in str(capabilities) else "USER"
            self.assertEqual(server.heard[1].partition(" ")[0], used)

    async def test_without_capa(self) -> None:
        server = Pop3Server(mailbox(message(1)))
        server.acts["CAPA"] = lambda session, _: session.say("-ERR what")
        await self.box(server)
        await self.collect()
        self.assertEqual(await self.spooled(), [message(1)])

    async def test_utf8_password(self) -> None:
        server = Pop3Server(mailbox(message(1)), user="jörg", password="päss wörd ")
        server.capabilities = ("UTF8", "UIDL")
        server.acts["UTF8"] = lambda session, _: session.say("+OK")
        await self.box(server, user="jörg", password="päss wörd ")
        state = await self.collect()
        self.assertEqual((state.state, server.heard[1]), ("idle", "UTF8"))

    async def test_refused(self) -> None:
        server = Pop3Server(mailbox(message(1)), password="other")
        await self.box(server)
        state = await self.collect()
        self.assertIn("refused the name or the password: wrong name", state.box.last_error)
        self.assertFalse(any("secret" in line for line in self.log))
        test = await self.multipop.test(1)
        self.assertEqual((test.ok, "refused the name" in test.detail), (False, True))

    async def test_greeting_refused(self) -> None:
        server = Pop3Server(mailbox(message(1)))

        def busy(session: Session, _: str) -> None:
            session.say("-ERR [SYS/TEMP] too busy")
            session.drop()

        server.acts["greeting"] = busy
        await self.box(server)
        state = await self.collect()
        self.assertIn("does not want to talk: too busy", state.box.last_error)

    async def test_asked_again_and_again(self) -> None:
        server = Pop3Server(mailbox(message(1)))
        server.capabilities = ("SASL PLAIN",)

        def again(session: Session, _: str) -> None:
            session._sasl = False
            session.say("+ more", "+ more", "+ more")

        server.acts["AUTH"] = again
        await self.box(server)
        state = await self.collect()
        self.assertEqual(state.state, "waiting")
        self.assertTrue(state.box.last_error)

    async def test_nobody_listens(self) -> None:
        server = Pop3Server(mailbox())
        listener = self.reactor.listenTCP(0, server, interface="127.0.0.1")
        port = listener.getHost().port
        await listener.stopListening()
        await self.box(port)
        state = await self.collect()
        self.assertEqual(state.box.last_error, "The server refuses connections on this port.")

    async def test_no_such_host(self) -> None:
        await self.box(995, host="no-such-host.invalid", tls="tls")
        state = await self.collect()
        self.assertEqual(state.box.last_error, "The server's name could not be found.")


class PrivateHostsTest(SiteTest):
    """The switch against users who look around in our network."""

    async def test_closed(self) -> None:
        server = Pop3Server(mailbox(message(1)))
        server.listen(self)
        self.config = settings(allow_private_hosts=False)
        for host in ("127.0.0.1", "localhost"):
            box = await self.box(server, host=host)
            state = await self.collect(box)
            self.assertIn("private network", state.box.last_error)
            self.assertIn("private network", (await self.multipop.test(box)).detail)
        self.assertEqual(server.sessions, [])

    async def test_only_public_addresses_are_tried(self) -> None:
        """Of a name that means several, and whatever it means a moment later."""
        self.config = settings(allow_private_hosts=False)
        tried: list[str] = []
        site = PickyReactor(tried)
        self.reactor = site
        self.multipop = self.collector()
        box = await self.box(995, host="both.example.org")
        state = await self.collect(box)
        self.assertEqual(tried, ["93.184.216.34"])
        self.assertEqual(site.asked, ["both.example.org"])
        self.assertIn("cannot be reached", state.box.last_error)


class PickyReactor:
    """A reactor on which a name means one public and many private addresses."""

    def __init__(self, tried: list[str]) -> None:
        from twisted.internet import reactor
        from twisted.internet.interfaces import IReactorPluggableNameResolver
        from zope.interface import directlyProvides

        self._reactor = reactor
        self._tried = tried
        self.asked: list[str] = []
        directlyProvides(self, IReactorPluggableNameResolver)
        self.nameResolver = self

    def __getattr__(self, name: str) -> object:
        return getattr(self._reactor, name)

    def resolveHostName(self, receiver: object, name: str, *_: object) -> None:
        self.asked.append(name)
        receiver.resolutionBegan(self)  # type: ignore[attr-defined]
        for host in ("10.0.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "93.184.216.34"):
            receiver.addressResolved(IPv4Address("TCP", host, 995))  # type: ignore[attr-defined]
        for host in ("::1", "fe80::1", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"):
            receiver.addressResolved(IPv6Address("TCP", host, 995))  # type: ignore[attr-defined]
        receiver.resolutionComplete()  # type: ignore[attr-defined]

    def connectTCP(self, host: str, port: int, factory: object, *_: object, **__: object) -> object:
        from twisted.internet.error import NoRouteError
        from twisted.internet.task import deferLater
        from twisted.python.failure import Failure

        self._tried.append(host)

        class Connector:
            def disconnect(self) -> None: ...

        error = Failure(NoRouteError(OSError(113, "No route to host")))
        deferLater(self._reactor, 0, factory.clientConnectionFailed, Connector(), error)  # type: ignore
        return Connector()
