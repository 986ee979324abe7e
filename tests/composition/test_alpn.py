"""ALPN on real listeners: each speaks its own protocol, and refuses who wants another."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailim.composition.server import Server
from tests.fakes.inside import serve

_SECONDS = 20.0


def with_ssl(port: int, *offered: str, send: bytes = b"") -> tuple[str | None, bytes]:
    """Connect with the standard library's TLS; gives what was chosen, and what answers `send`."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if offered:
        context.set_alpn_protocols(list(offered))
    with (
        socket.create_connection(("127.0.0.1", port), _SECONDS) as tcp,
        context.wrap_socket(tcp) as tls,
    ):
        chosen, answer = tls.selected_alpn_protocol(), b""
        if send:
            tls.sendall(send)
            answer = tls.recv(100)
        return chosen, answer


def with_pyopenssl(port: int, version: int, *offered: bytes) -> bytes:
    """Connect with pyOpenSSL and one version of TLS; gives what was chosen."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.set_alpn_protos(list(offered))
    with socket.create_connection(("127.0.0.1", port), _SECONDS) as tcp:
        tcp.setblocking(True)  # a timeout would make it non-blocking, which pyOpenSSL shows
        connection = SSL.Connection(context, tcp)
        connection.set_connect_state()
        connection.do_handshake()
        return connection.get_alpn_proto_negotiated()


class AlpnTests(TestCase):
    async def ask(self, client: Callable[..., Any], name: str, *words: Any, **more: Any) -> Any:
        port = self.server.listeners.port(name)
        assert port is not None
        return await deferToThread(client, port, *words, **more)

    async def serve(self) -> Server:
        self.server = await serve(self)
        return self.server

    async def test_each_listener_names_its_own(self) -> None:
        await self.serve()
        self.assertEqual(await self.ask(with_ssl, "xmpps", "xmpp-client"), ("xmpp-client", b""))
        chosen, answer = await self.ask(
            with_ssl, "https", "h2", "http/1.1",
            send=b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        )  # fmt: skip
        self.assertEqual((chosen, answer[:12]), ("http/1.1", b"HTTP/1.1 200"))

    async def test_with_either_version_of_tls(self) -> None:
        await self.serve()
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            chosen = await self.ask(
                with_pyopenssl, "xmpps", version, b"http/1.1", b"xmpp-client", b"xmpp-server"
            )
            self.assertEqual(chosen, b"xmpp-client")

    async def test_who_offers_only_others_is_refused(self) -> None:
        await self.serve()
        for name, offered in (("xmpps", "http/1.1"), ("https", "xmpp-client"), ("https", "h2")):
            with self.assertRaises(ssl.SSLError) as caught:
                await self.ask(with_ssl, name, offered)
            # RFC 7301 3.2: the fatal alert no_application_protocol.
            self.assertIn("no application protocol", str(caught.exception))
        with self.assertRaises(SSL.Error) as refused:
            await self.ask(with_pyopenssl, "xmpps", SSL.TLS1_2_VERSION, b"imap")
        self.assertIn("no application protocol", str(refused.exception))
        # A refused connection has spoilt nothing for the next one.
        self.assertEqual((await self.ask(with_ssl, "xmpps", "xmpp-client"))[0], "xmpp-client")

    async def test_nobody_needs_it(self) -> None:
        await self.serve()
        for name in ("xmpps", "https", "submissions"):
            self.assertIsNone((await self.ask(with_ssl, name))[0])
        chosen, banner = await self.ask(with_ssl, "submissions", "http/1.1", send=b"NOOP\r\n")
        self.assertEqual((chosen, banner[:3]), (None, b"220"))  # it names none: nothing to refuse
