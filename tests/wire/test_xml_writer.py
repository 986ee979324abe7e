"""From elements to bytes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire import ns
from mailim.wire.xml import (
    AFTER_AUTH,
    STREAM_CLOSE,
    Element,
    StreamClose,
    StreamOpen,
    StreamParser,
    XmlLimits,
    escape,
    parse_document,
    quote_attr,
    serialise,
    serialise_stream_open,
)
from tests.wire.xml_strategies import ELEMENTS, HEADER

ROOMY = XmlLimits(
    stanza_bytes=10**7,
    tag_bytes=10**6,
    depth=100_000,
    attributes=100,
    children=10**6,
    name_bytes=1000,
)


class NamespaceTests(SynchronousTestCase):
    def test_no_declaration_where_the_namespace_does_not_change(self) -> None:
        stanza = Element("iq", ns.CLIENT, {"id": "1"}, Element("error", ns.CLIENT))
        self.assertEqual(b'<iq id="1"><error/></iq>', serialise(stanza))
        self.assertEqual(
            b'<iq xmlns="jabber:client" id="1"><error/></iq>', serialise(stanza, ns.SERVER)
        )

    def test_declared_where_it_changes_and_changes_back(self) -> None:
        stanza = Element(
            "message",
            ns.CLIENT,
            None,
            Element(
                "forwarded",
                ns.FORWARD,
                None,
                Element("message", ns.CLIENT, None, Element("body", ns.CLIENT, None, "x")),
                Element("y", ns.FORWARD),
            ),
            Element("z", ns.CLIENT),
            Element("none", ""),
        )
        self.assertEqual(
            b'<message><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client">'
            b'<body>x</body></message><y/></forwarded><z/><none xmlns=""/></message>',
            serialise(stanza),
        )

    def test_stream_elements_carry_the_prefix_that_peers_look_for(self) -> None:
        # RFC 6120 section 4.8.5; the declaration makes it whole for RFC 7395 frames.
        features = Element("features", ns.STREAM, None, Element("bind", ns.BIND))
        self.assertEqual(
            b'<stream:features xmlns:stream="http://etherx.jabber.org/streams">'
            b'<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></stream:features>',
            serialise(features),
        )

    def test_attributes_of_other_namespaces(self) -> None:
        element = Element("x", ns.CLIENT, {"{urn:a}b": "1", "b": "2", "xml:lang": "de"})
        data = serialise(element)
        self.assertEqual(b'<x xmlns:ns0="urn:a" ns0:b="1" b="2" xml:lang="de"/>', data)
        self.assertEqual(
            b'<x xml:lang="de"/>',
            serialise(Element("x", ns.CLIENT, {f"{{{ns.XML}}}lang": "de"})),
        )

    def test_xml_namespace_is_never_declared_as_default(self) -> None:
        # A stranger could otherwise end the receiver's stream.
        element = Element("x", ns.CLIENT, None, Element("y", ns.XML, None, Element("z", ns.CLIENT)))
        self.assertEqual(b"<x><xml:y><z/></xml:y></x>", serialise(element))


class EscapingTests(SynchronousTestCase):
    def test_text(self) -> None:
        self.assertEqual("&lt;a&gt; &amp;amp; \"'", escape("<a> &amp; \"'"))
        self.assertEqual("a\nb\tc&#13;&amp;", escape("a\nb\tc\r&"))
        self.assertEqual("]]&gt;", escape("]]>"))

    def test_attribute(self) -> None:
        self.assertEqual('"&quot;&lt;&gt;&amp;&#10;&#9;&#13;\'"', quote_attr("\"<>&\n\t\r'"))

    def test_what_xml_cannot_carry_is_replaced_visibly(self) -> None:
        text = "a\x00\x08\x0b\x1f\ufffe\uffff\ud800z"
        self.assertEqual("a" + "\ufffd" * 7 + "z", escape(text))
        parsed = parse_document(serialise(Element("x", ns.CLIENT, {"a": text}, text)), AFTER_AUTH)
        self.assertEqual("a" + "\ufffd" * 7 + "z", parsed.text)
        self.assertEqual(parsed.text, parsed.get("a"))

    def test_what_it_can_carry_is_kept(self) -> None:
        # C1 controls, non-characters beyond the BMP, unassigned: allowed by XML 1.0.
        text = "\x7f\x85\x9f\u2028\ufdd0\ue000\U0001fffe\U0010ffff"
        self.assertEqual(text, escape(text))
        parsed = parse_document(serialise(Element("x", "", None, text)), AFTER_AUTH)
        self.assertEqual(text, parsed.text)

    @given(st.text(st.characters()))
    @settings(deadline=None)
    def test_any_text_makes_a_document(self, text: str) -> None:
        parsed = parse_document(serialise(Element("x", "", {"a": text}, text)), AFTER_AUTH)
        self.assertEqual(parsed.text, parsed.get("a"))


class RoundTripTests(SynchronousTestCase):
    @given(ELEMENTS)
    @settings(deadline=None)
    def test_document(self, element: Element) -> None:
        self.assertEqual(element, parse_document(serialise(element, ""), AFTER_AUTH))

    @given(ELEMENTS)
    @settings(deadline=None)
    def test_stream(self, element: Element) -> None:
        parser = StreamParser(AFTER_AUTH)
        parser.feed(HEADER)
        self.assertEqual([element], parser.feed(serialise(element)))

    def test_deep(self) -> None:
        element = Element("x", ns.CLIENT, None, "innermost")
        for _ in range(20_000):
            element = Element("x", ns.CLIENT, None, "a", element, "b")
        self.assertEqual(element, parse_document(serialise(element, ""), ROOMY))

    def test_stream_header(self) -> None:
        parser = StreamParser(AFTER_AUTH)
        header = serialise_stream_open({"id": "<1>", "xml:lang": "en"}, ns.SERVER)
        self.assertEqual(
            [
                StreamOpen("stream", ns.STREAM, {"id": "<1>", "xml:lang": "en"}, ns.SERVER),
                Element("iq", ns.SERVER),
                StreamClose(),
            ],
            parser.feed(header + serialise(Element("iq", ns.SERVER), ns.SERVER) + STREAM_CLOSE),
        )
