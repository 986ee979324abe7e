"""StreamParser and parse_document: what comes out, and which stream error for which fault."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire import ns
from mailim.wire.xml import (
    AFTER_AUTH,
    BEFORE_AUTH,
    Element,
    StreamClose,
    StreamEvent,
    StreamOpen,
    StreamParser,
    XmlLimits,
    XmlStreamError,
    parse_document,
    serialise,
)
from tests.wire.xml_strategies import ELEMENTS, HEADER, HOSTILE

# RFC 6120 section 4.9.3
CONDITIONS = {
    "bad-namespace-prefix",
    "invalid-xml",
    "not-well-formed",
    "policy-violation",
    "restricted-xml",
    "unsupported-encoding",
}
OPEN = StreamOpen(
    "stream",
    ns.STREAM,
    {"to": "example.test", "version": "1.0", "xml:lang": "en"},
    ns.CLIENT,
)
TINY = XmlLimits(stanza_bytes=300, tag_bytes=250, depth=3, attributes=3, children=4, name_bytes=60)


def outcome(
    pieces: list[bytes], limits: XmlLimits = AFTER_AUTH
) -> tuple[list[StreamEvent], str | None]:
    """Feed the pieces; return all events and the condition of the error, if any."""
    parser = StreamParser(limits)
    events: list[StreamEvent] = []
    try:
        for piece in pieces:
            events += parser.feed(piece)
    except XmlStreamError as error:
        return events + error.events, error.condition
    return events, None


def single_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


class StreamTests(SynchronousTestCase):
    def test_a_stream(self) -> None:
        parser = StreamParser(BEFORE_AUTH)
        self.assertEqual([OPEN], parser.feed(HEADER))
        self.assertEqual([], parser.feed(b"<message to='bob'><body>hel"))
        self.assertEqual([], parser.feed(b"lo &amp;&#x20;&quot;<"))
        self.assertEqual(
            [
                Element(
                    "message",
                    ns.CLIENT,
                    {"to": "bob"},
                    Element("body", ns.CLIENT, None, 'hello & "'),
                    Element("x", "urn:x", {"{urn:y}z": "1", "xml:lang": "de"}),
                ),
                Element("iq", ns.CLIENT),
            ],
            parser.feed(
                b"/body><x xmlns='urn:x' xmlns:p='urn:y' p:z='1' xml:lang='de'/></message> <iq/>"
            ),
        )
        self.assertEqual([StreamClose()], parser.feed(b"</stream:stream>\n"))

    def test_default_namespace_of_the_stream(self) -> None:
        self.assertEqual(
            [StreamOpen("stream", "urn:s", {}, "")],
            StreamParser(BEFORE_AUTH).feed(b"<a:stream xmlns:a='urn:s'>"),
        )
        self.assertEqual(
            [StreamOpen("s", "urn:s", {}, "urn:s")],
            StreamParser(BEFORE_AUTH).feed(b"<s xmlns='urn:s'>"),
        )

    def test_line_breaks_before_the_header(self) -> None:
        # Left over from the stream before a restart; XML alone would forbid them.
        self.assertEqual(([OPEN], None), outcome([b"\n", b" \r\n" + HEADER]))

    def test_text_is_one_piece_however_it_came(self) -> None:
        data = HEADER + "<a>é€\U0001f600\n&lt;]] ></a>".encode()
        for pieces in ([data], single_bytes(data)):
            events, _ = outcome(pieces)
            stanza = events[1]
            assert isinstance(stanza, Element)
            self.assertEqual(["é€\U0001f600\n<]] >"], stanza.children)

    def test_text_larger_than_the_buffer(self) -> None:
        text = "ö" * 100_000
        events, _ = outcome([HEADER, b"<a>" + text.encode() + b"</a>"])
        self.assertEqual(Element("a", ns.CLIENT, None, text), events[1])

    def test_cdata_is_text(self) -> None:
        events, _ = outcome([HEADER, b"<a>1<![CDATA[<b>&amp;]]>2</a>"])
        self.assertEqual(Element("a", ns.CLIENT, None, "1<b>&amp;2"), events[1])

    def test_stanza_is_reported_with_its_last_byte(self) -> None:
        # Reparse deferral (expat 2.6) would hold it back.
        parser = StreamParser(AFTER_AUTH)
        for piece in single_bytes(HEADER):
            events = parser.feed(piece)
        self.assertEqual([OPEN], events)
        for piece in single_bytes(b"<a b='" + b"c" * 5000 + b"'></a"):
            self.assertEqual([], parser.feed(piece))
        self.assertEqual(1, len(parser.feed(b">")))
        for piece in single_bytes(b"</stream:stream"):
            self.assertEqual([], parser.feed(piece))
        self.assertEqual([StreamClose()], parser.feed(b">"))

    def test_idle(self) -> None:
        parser = StreamParser(AFTER_AUTH)
        self.assertFalse(parser.idle)
        for data, idle in [
            (HEADER, True),
            (b"<starttls/>", True),
            (b" ", True),
            (b"<", False),
            (b"a>", False),
            (b"</a>", True),
            (b"<a/><i", False),
        ]:
            parser.feed(data)
            self.assertEqual(idle, parser.idle, data)

    def test_close_makes_it_deaf(self) -> None:
        parser = StreamParser(AFTER_AUTH)
        parser.feed(HEADER + b"<a>")
        parser.close()
        self.assertEqual([], parser.feed(b"</a>"))
        parser.close()


class ErrorTests(SynchronousTestCase):
    def check(self, condition: str, *faults: bytes) -> None:
        """Each fault, whole and byte by byte, costs nothing that came before it."""
        before = HEADER + b"<before/>"
        for fault in faults:
            for pieces in ([before + fault], [before, fault], single_bytes(before + fault)):
                events, found = outcome(pieces)
                self.assertEqual(condition, found, fault)
                self.assertEqual([OPEN, Element("before", ns.CLIENT)], events, fault)

    def test_not_well_formed(self) -> None:
        self.check(
            "not-well-formed",
            b"<a></b>",
            b"<a b='1' b='2'/>",
            b"<a b=1/>",
            b"<a b='<'/>",
            b"<a>]]></a>",
            b"<a>\x01</a>",
            b"<a>\x00</a>",
            b"<a>\xef\xbf\xbf</a>",
            b"<a>&#0;</a>",
            b"<a>&#x1;</a>",
            b"<a>&#xd800;</a>",
            b"<a>& </a>",
            b"<1/>",
            b"<a:b:c/>",
            b"<a xmlns='x}y'/>",
            b"<?xml version='1.0'?>",
        )

    def test_restricted(self) -> None:
        # RFC 6120 section 11.1
        self.check(
            "restricted-xml",
            b"<!-- comment -->",
            b"<a><!-- comment --></a>",
            b"<?target data?>",
            b"<a><?target?></a>",
            b"<a>&entity;</a>",
            b"<a b='&entity;'/>",
        )

    def test_document_types(self) -> None:
        laughs = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
        for fault in [
            "<!DOCTYPE stream>",
            "<!DOCTYPE stream SYSTEM 'file:///etc/hostname'>",
            "<!DOCTYPE s [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><s>&x;</s>",
            "<!DOCTYPE s [<!ENTITY % p SYSTEM 'file:///etc/hostname'> %p;]><s/>",
            f"<!DOCTYPE s [<!ENTITY l0 'ha'>{laughs}]><s>&l9;</s>",
            f"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a '{'a' * 5000}'>]><s>{'&a;' * 5000}</s>",
            "<!-- before the root --><s>",
            "<?style sheet?><s>",
        ]:
            data = fault.encode()
            self.assertEqual(([], "restricted-xml"), outcome([data]), fault)
            self.assertEqual(([], "restricted-xml"), outcome(single_bytes(data)), fault)
            error = self.assertRaises(XmlStreamError, parse_document, data, AFTER_AUTH)
            self.assertEqual("restricted-xml", error.condition)
        self.check("not-well-formed", b"<!DOCTYPE a>")

    def test_encoding(self) -> None:
        # RFC 6120 section 4.9.3.22: also "improperly encoded".
        self.check(
            "unsupported-encoding",
            b"<a>\xff</a>",
            b"<a>\xe9t\xe9</a>",
            b"<a b='\xc3('/>",
            b"<\xe9/>",
            b"<a>\xed\xa0\x80</a>",
            b"<a>\xc0\x80</a>",
            b"<a>\xf4\x90\x80\x80</a>",
            b"\x80",
        )
        for text in ["<s><a/>", "<?xml version='1.0'?><s>"]:
            for codec in ["utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32be"]:
                data = text.encode(codec)
                self.assertEqual(([], "unsupported-encoding"), outcome([data]), (text, codec))
                self.assertEqual(
                    ([], "unsupported-encoding"), outcome(single_bytes(data)), (text, codec)
                )
        for declared in [b"ISO-8859-1", b"UTF-16", b"us-ascii", b"x"]:
            data = b"<?xml version='1.0' encoding='" + declared + b"'?><s>"
            self.assertEqual(([], "unsupported-encoding"), outcome([data]))
        data = b"<?xml version='1.0' encoding='uTf-8'?>" + HEADER[len("<?xml version='1.0'?>") :]
        self.assertEqual(([OPEN], None), outcome([data]))

    def test_namespace_prefixes(self) -> None:
        self.check(
            "bad-namespace-prefix",
            b"<p:a/>",
            b"<a p:b='1'/>",
            b"<a xmlns:p=''/>",
            b"<a xmlns:xml='urn:x'/>",
            b"<a xmlns:xmlns='urn:x'/>",
            b"<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
            b"<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
            b"<xmlns:a/>",
        )

    def test_text_between_stanzas(self) -> None:
        self.check(
            "invalid-xml",
            b"text",
            b" x<a/>",
            b"x<<",
            b"x<!-- -->",
            b"x</stream:stream>",
            b"x]]>",
            b"]]>",
        )

    def test_after_the_end(self) -> None:
        for fault, condition in [
            (b"<a/>", "not-well-formed"),
            (b"x", "not-well-formed"),
            (b"</stream:stream>", "not-well-formed"),
            (b"<!-- -->", "restricted-xml"),
        ]:
            events, found = outcome([HEADER + b"</stream:stream>" + fault])
            self.assertEqual(condition, found)
            self.assertEqual([OPEN, StreamClose()], events)

    def test_version(self) -> None:
        self.assertEqual(([], "not-well-formed"), outcome([b"<?xml version='1.1'?><s>"]))

    def test_an_error_is_final(self) -> None:
        parser = StreamParser(AFTER_AUTH)
        first = self.assertRaises(XmlStreamError, parser.feed, HEADER + b"<a/><b></c>")
        self.assertEqual(2, len(first.events))
        again = self.assertRaises(XmlStreamError, parser.feed, b"<a/>")
        self.assertEqual(
            (first.condition, first.text, []), (again.condition, again.text, again.events)
        )

    def test_the_text_does_not_repeat_what_was_sent(self) -> None:
        error = self.assertRaises(XmlStreamError, StreamParser(AFTER_AUTH).feed, b"<s><secret:x/>")
        self.assertNotIn("secret", str(error))


class DocumentTests(SynchronousTestCase):
    def test_bytes_and_text(self) -> None:
        frame = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='é'/>"
        expected = Element("open", ns.FRAMING, {"to": "é"})
        self.assertEqual(expected, parse_document(frame, BEFORE_AUTH))
        self.assertEqual(expected, parse_document(frame.encode(), BEFORE_AUTH))
        self.assertEqual(expected, parse_document(f"<?xml version='1.0'?> {frame}\n", BEFORE_AUTH))

    def test_faults(self) -> None:
        for data, condition in [
            ("", "not-well-formed"),
            (" ", "not-well-formed"),
            ("<a", "not-well-formed"),
            ("<a>", "not-well-formed"),
            ("<a/><b/>", "not-well-formed"),
            ("<a/>x", "not-well-formed"),
            ("x<a/>", "not-well-formed"),
            ("<a/>\ud800", "unsupported-encoding"),
            (b"<a>\xc3", "unsupported-encoding"),
            (b"<a>\xff</a>", "unsupported-encoding"),
            ("<a/><!-- -->", "restricted-xml"),
            ("<a>" * 65, "policy-violation"),
            ("<a>" + " " * 300_000 + "</a>", "policy-violation"),
            ("<stream:features/>", "bad-namespace-prefix"),
        ]:
            error = self.assertRaises(XmlStreamError, parse_document, data, AFTER_AUTH)
            self.assertEqual(condition, error.condition, repr(data)[:60])
            self.assertEqual([], error.events)


class CuttingTests(SynchronousTestCase):
    """How the bytes are cut makes no difference."""

    @given(st.lists(ELEMENTS, max_size=3), st.data())
    @settings(deadline=None)
    def test_stanzas(self, elements: list[Element], data: st.DataObject) -> None:
        stream = HEADER + b" ".join(serialise(each) for each in elements) + b"</stream:stream>"
        expected = ([OPEN, *elements, StreamClose()], None)
        self.assertEqual(expected, outcome([stream]))
        self.assertEqual(expected, outcome(single_bytes(stream)))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
        ends = [*cuts, len(stream)]
        pieces = [stream[a:b] for a, b in zip([0, *cuts], ends, strict=True)]
        self.assertEqual(expected, outcome(pieces))

    @given(HOSTILE, st.sampled_from([AFTER_AUTH, TINY]))
    @settings(deadline=None, max_examples=1000)
    @example(b"<\x00s\x00>\x00", AFTER_AUTH)
    @example(b"x\x00<", AFTER_AUTH)
    @example(b"\xef\xbb\xbf<s>", AFTER_AUTH)
    @example(b"\xef\x00", AFTER_AUTH)
    @example(HEADER + b"x<!-- -->", AFTER_AUTH)
    @example(HEADER + b"x<<", AFTER_AUTH)
    def test_garbage(self, stream: bytes, limits: XmlLimits) -> None:
        whole = outcome([stream], limits)
        self.assertEqual(whole, outcome(single_bytes(stream), limits))
        self.assertIn(whole[1], CONDITIONS | {None})

    @given(HOSTILE)
    @settings(deadline=None)
    def test_garbage_as_document(self, data: bytes) -> None:
        try:
            parse_document(data, TINY)
        except XmlStreamError as error:
            self.assertIn(error.condition, CONDITIONS)
