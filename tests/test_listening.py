"""Listeners: free ports, errors that name what cannot be opened, peers that vanish."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from mailim.errors import Unavailable
from mailim.listening import Listeners


class Accepted(Protocol):
    """Tells its factory of the connection."""

    def connectionMade(self) -> None:
        self.factory.made.callback(self)


class ListenersTests(TestCase):
    def setUp(self) -> None:
        self.listeners = Listeners(reactor)
        self.addCleanup(self.listeners.close)
        self.factory = Factory.forProtocol(Accepted)
        self.factory.made = Deferred()  # type: ignore[attr-defined]

    def test_what_is_bound_is_written_whole(self) -> None:
        self.listeners.open("xmpp", ("127.0.0.1",), 0, self.factory)
        path = Path(self.mktemp())
        self.listeners.write(path)
        told = json.loads(path.read_text())
        self.assertEqual(told["xmpp"]["port"], self.listeners.port("xmpp"))
        self.assertEqual(told["xmpp"]["addresses"], ["127.0.0.1"])

    def test_a_taken_port_and_a_foreign_address_are_named(self) -> None:
        self.listeners.open("xmpp", ("127.0.0.1",), 0, self.factory)
        port = self.listeners.port("xmpp")
        assert port is not None
        error = self.assertRaises(
            Unavailable, self.listeners.open, "https", ("127.0.0.1",), port, self.factory
        )
        self.assertIn(f"https cannot listen on 127.0.0.1 port {port}", error.text)
        error = self.assertRaises(
            Unavailable, self.listeners.open, "https", ("192.0.2.1",), 0, self.factory
        )
        self.assertIn("192.0.2.1", error.text)

    def test_a_socket_that_cannot_be_opened_is_named(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        error = self.assertRaises(
            Unavailable, self.listeners.open_local, directory / ("s" * 200), self.factory
        )
        self.assertIn("sss", error.text)

    async def test_a_peer_that_vanishes_is_found_out(self) -> None:
        self.listeners.open("xmpp", ("127.0.0.1",), 0, self.factory)
        port = self.listeners.port("xmpp")
        with socket.create_connection(("127.0.0.1", port or 0)):
            accepted = await self.factory.made  # type: ignore[attr-defined]
            handle = accepted.transport.getHandle()
            self.assertEqual(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1)
            idle = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            interval = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
            count = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
            self.assertLessEqual(idle + interval * count, 300)
        lost: Deferred[None] = Deferred()
        accepted.connectionLost = lambda reason: lost.callback(None)
        await lost
