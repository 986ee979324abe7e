"""The registry of sessions (RFC 6120 section 7)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailim.im.errors import StanzaError
from mailim.im.sessions import Sessions, account_address, canonical
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import Session, StreamInfo
from mailim.wire import ns
from mailim.wire.jid import JID
from mailim.wire.xml import Element
from tests.fakes.sinks import Sink

INFO = StreamInfo("xmpp", "192.0.2.1", 0)


def account(address: str = "bob@example.test", number: int = 1) -> Account:
    return Account(number, 1, address, "", False, True, True, 0, None)


class SessionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = Sessions(max_per_account=2)

    def bind(self, resource: str | None, address: str = "bob@example.test") -> Session:
        return self.sessions.bind(account(address), resource, Sink(), INFO)

    def test_bind_and_find(self) -> None:
        one = self.bind("phone")
        self.assertEqual(str(one.jid), "bob@example.test/phone")
        self.assertIs(self.sessions.get(one.jid), one)
        self.assertEqual(self.sessions.of(one.jid.bare), (one,))
        self.assertEqual(list(self.sessions.all()), [one])
        self.assertEqual(len(self.sessions), 1)
        self.assertIsNone(self.sessions.get(JID("bob", "example.test", "desk")))

    def test_server_chooses_a_resource(self) -> None:
        one, two = self.bind(None), self.bind("")
        self.assertNotEqual(one.jid, two.jid)
        self.assertGreaterEqual(len(one.jid.resource), 16)

    def test_malformed_resource(self) -> None:
        """RFC 6120 section 7.7.2.1."""
        for resource in ("\ue000", "x" * 1024, "a\u0000b"):
            error = self.assertRaises(StanzaError, self.bind, resource)
            self.assertEqual(error.condition, "bad-request")
        self.assertEqual(len(self.sessions), 0)

    def test_too_many_resources(self) -> None:
        """RFC 6120 section 7.6.2.1."""
        self.bind("a")
        self.bind("b")
        error = self.assertRaises(StanzaError, self.bind, "c")
        self.assertEqual((error.type, error.condition), ("wait", "resource-constraint"))
        self.bind("a", "alice@example.test")

    def test_new_takes_over(self) -> None:
        """RFC 6120 section 7.7.2.2: also where no further resource is allowed."""
        old = self.bind("a")
        self.bind("b")
        new = self.bind("a")
        sink = old.sink
        assert isinstance(sink, Sink)
        self.assertEqual(sink.closed[0], "conflict")
        self.assertIs(self.sessions.get(old.jid), new)
        self.assertFalse(self.sessions.holds(old))
        self.assertFalse(self.sessions.unbind(old))
        self.assertTrue(self.sessions.holds(new))

    def test_unbind(self) -> None:
        one = self.bind("a")
        self.assertTrue(self.sessions.unbind(one))
        self.assertFalse(self.sessions.unbind(one))
        self.assertEqual(self.sessions.of(one.jid.bare), ())
        self.assertEqual(self.sessions._accounts, {})

    def test_available(self) -> None:
        one, two = self.bind("a"), self.bind("b")
        two.presence = Element("presence", ns.CLIENT)
        self.assertEqual(self.sessions.available(one.jid.bare), (two,))

    def test_addresses_are_a_labels(self) -> None:
        jid = JID.parse("bob@bücher.example/x")
        self.assertEqual(str(canonical(jid)), "bob@xn--bcher-kva.example/x")
        self.assertEqual(account_address(jid), "bob@xn--bcher-kva.example")
