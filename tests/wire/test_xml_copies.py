"""Stanzas written once and sent to many."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailim.wire import ns
from mailim.wire.xml import AFTER_AUTH, Copies, Element, parse_document, serialise

STANZA = Element(
    "presence",
    ns.CLIENT,
    {"from": "alice@example.test/a&b", "to": "old@x", "xml:lang": "de"},
    Element("show", ns.CLIENT, None, "away"),
    Element("c", ns.CAPS, {"ver": "<1>"}, Element("x", "")),
    Element("status", ns.CLIENT, None, 'Grüße & "mehr" \x00'),
)


class CopiesTests(SynchronousTestCase):
    def test_written_as_the_serialiser_would(self) -> None:
        for stanza in (STANZA, Element("presence", ns.CLIENT), Element("iq", ns.SERVER)):
            copies = Copies(stanza)
            for address in ("bob@example.test", 'bob@example.test/"<&'):
                copy = copies.to(address)
                plain = stanza.with_attrs({"to": address})
                self.assertEqual(copy, plain)
                for scope in (ns.CLIENT, ns.SERVER, ""):
                    written = serialise(copy, scope)
                    around = b'<s xmlns="%b">%b</s>' % (scope.encode(), written)
                    expected = b'<s xmlns="%b">%b</s>' % (scope.encode(), serialise(plain, scope))
                    self.assertEqual(
                        parse_document(around, AFTER_AUTH), parse_document(expected, AFTER_AUTH)
                    )

    def test_a_changed_copy_is_written_anew(self) -> None:
        copy = Copies(STANZA).to("bob@example.test").with_attrs({"id": "7", "to": "carol@x"})
        self.assertIn(b'id="7"', serialise(copy))
        self.assertNotIn(b"bob", serialise(copy))

    def test_copies_are_apart(self) -> None:
        copies = Copies(STANZA)
        one, other = copies.to("a@x"), copies.to("b@x")
        self.assertEqual((one.get("to"), other.get("to")), ("a@x", "b@x"))
        self.assertEqual(STANZA.get("to"), "old@x")
