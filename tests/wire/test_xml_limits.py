"""Limits of the XML parser: exact, and enough to bound memory and work."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from mailim.wire import ns
from mailim.wire.xml import (
    AFTER_AUTH,
    BEFORE_AUTH,
    Element,
    StreamClose,
    StreamParser,
    XmlLimits,
    XmlStreamError,
)
from tests.wire.memory import grown, growth
from tests.wire.xml_strategies import HEADER

WIDE = XmlLimits(
    stanza_bytes=10**6,
    tag_bytes=10**6,
    depth=10**6,
    attributes=10**6,
    children=10**6,
    name_bytes=10**6,
)
MEGABYTE = 1024 * 1024


def refused(data: bytes, limits: XmlLimits, step: int = 0) -> bool:
    """Tell whether the data is a policy-violation, fed in pieces of `step` bytes."""
    parser = StreamParser(limits)
    step = step or len(data)
    try:
        for at in range(0, len(data), step):
            parser.feed(data[at : at + step])
    except XmlStreamError as error:
        assert error.condition == "policy-violation", error
        return True
    return False


class ExactTests(SynchronousTestCase):
    """Each limit lets through what is just within and refuses one more, however it is cut."""

    def check(self, within: bytes, beyond: bytes, limits: XmlLimits) -> None:
        for step in (0, 1, 7):
            self.assertFalse(refused(HEADER + within, limits, step), (within[:80], step))
            self.assertTrue(refused(HEADER + beyond, limits, step), (beyond[:80], step))

    def test_stanza_bytes(self) -> None:
        limits = replace(WIDE, stanza_bytes=1000)
        self.check(
            b"<a>" + b"x" * 993 + b"</a>" + b"<a>" + b"x" * 993 + b"</a>",
            b"<a>" + b"x" * 994 + b"</a>",
            limits,
        )

    def test_stanza_that_never_ends(self) -> None:
        limits = replace(WIDE, stanza_bytes=1000)
        self.check(b"<a>" + b"x" * 997, b"<a>" + b"x" * 998, limits)

    def test_white_space_between_stanzas(self) -> None:
        limits = replace(WIDE, stanza_bytes=1000)
        self.check(b"<a/>" + b" " * 900 + b"<a/>" + b" " * 900, b"<a/>" + b" " * 1010, limits)

    def test_white_space_before_and_after_the_stream(self) -> None:
        limits = replace(WIDE, stanza_bytes=1000)
        for step in (0, 1):
            self.assertTrue(refused(b" " * 1001, limits, step))
            self.assertTrue(refused(b" " * 900 + HEADER, limits, step))
            self.assertTrue(refused(b"<?xml version='1.0'?>" + b" " * 1000, limits, step))
            self.assertTrue(refused(HEADER + b"</stream:stream>" + b" " * 1000, limits, step))

    def test_tag_bytes(self) -> None:
        limits = replace(WIDE, tag_bytes=1000)
        self.check(
            b"<a b='" + b"x" * 991 + b"'/>" + b"<a>" + b"y" * 5000 + b"</a>",
            b"<a b='" + b"x" * 992 + b"'/>",
            limits,
        )

    def test_closing_tag(self) -> None:
        limits = replace(WIDE, tag_bytes=1000)
        self.check(b"<a></a" + b" " * 996 + b">", b"<a></a" + b" " * 997 + b">", limits)

    def test_depth(self) -> None:
        limits = replace(WIDE, depth=64)
        self.check(b"<a>" * 64 + b"</a>" * 64, b"<a>" * 65, limits)

    def test_attributes(self) -> None:
        limits = replace(WIDE, attributes=20)

        def tag(number: int) -> bytes:
            return b"<a " + b" ".join(b"a%d=''" % n for n in range(number)) + b"/>"

        self.check(tag(20), tag(21), limits)

    def test_children(self) -> None:
        limits = replace(WIDE, children=10)
        within = b"<a>" + b"<b/>" * 4 + b"<c>" * 6 + b"</c>" * 6 + b"</a>"
        self.check(within * 3, b"<a>" + b"<b/>" * 5 + b"<c>" * 6, limits)

    def test_name_bytes(self) -> None:
        limits = replace(WIDE, name_bytes=100)
        client = len(ns.CLIENT) + 1
        self.check(
            b"<" + b"a" * (100 - client) + b"/>", b"<" + b"a" * (101 - client) + b"/>", limits
        )
        self.check(b"<a " + b"b" * 100 + b"=''/>", b"<a " + b"b" * 101 + b"=''/>", limits)
        self.check(f"<a {'é' * 50}=''/>".encode(), f"<a {'é' * 50}b=''/>".encode(), limits)
        self.check(b"<a xmlns='" + b"n" * 98 + b"'/>", b"<a xmlns='" + b"n" * 99 + b"'/>", limits)

    def test_header(self) -> None:
        limits = replace(BEFORE_AUTH, stanza_bytes=400)
        self.assertFalse(refused(HEADER, limits))
        self.assertTrue(refused(HEADER[:-1] + b" x='" + b"y" * 300 + b"'>", limits))

    def test_presets(self) -> None:
        self.assertFalse(refused(HEADER + b"<auth>" + b"A" * 10_000 + b"</auth>", BEFORE_AUTH))
        self.assertTrue(refused(HEADER + b"<auth>" + b"A" * 10_240, BEFORE_AUTH))
        self.assertFalse(refused(HEADER + b"<a>" + b"A" * 260_000 + b"</a>", AFTER_AUTH))
        self.assertTrue(refused(HEADER + b"<a>" + b"A" * 262_144, AFTER_AUTH))

    def test_limits_can_change(self) -> None:
        parser = StreamParser(BEFORE_AUTH)
        parser.feed(HEADER)
        large = b"<a>" + b"x" * 20_000 + b"</a>"
        parser.limits = AFTER_AUTH
        self.assertEqual(1, len(parser.feed(large)))
        parser.limits = BEFORE_AUTH
        self.assertRaises(XmlStreamError, parser.feed, large)

    def test_deep_when_allowed(self) -> None:
        parser = StreamParser(WIDE)
        parser.feed(HEADER)
        (stanza,) = parser.feed(b"<a>" * 50_000 + b"</a>" * 50_000)
        self.assertIsInstance(stanza, Element)

    def test_stanzas_before_the_fault_count(self) -> None:
        parser = StreamParser(BEFORE_AUTH)
        data = HEADER + b"<a/><b/>" + b"<c>" * 40
        error = self.assertRaises(XmlStreamError, parser.feed, data)
        names = [getattr(event, "name", "") for event in error.events]
        self.assertEqual(["stream", "a", "b"], names)


class EndlessTests(SynchronousTestCase):
    """Memory and work of one connection are bounded."""

    def test_bad_input_leaves_nothing(self) -> None:
        faults = [
            b"<a>\xff",
            b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
            HEADER + b"<!-- " + b"x" * 2000 + b" -->",
            HEADER + b"<a>" * 100,
            HEADER + b"<a b='" + b"x" * 20_000,
            HEADER + b"<a>&b;</a>",
            HEADER + b"<p:a/>",
            b"<" + b"x" * 300 + b">",
        ]
        number = count()

        def attempt() -> None:
            fault = faults[next(number) % len(faults)]
            self.assertRaises(XmlStreamError, StreamParser(BEFORE_AUTH).feed, fault)

        objects, process = growth(attempt, 10_000)
        self.assertLess(objects, MEGABYTE)
        self.assertLess(process, 5 * MEGABYTE)

    def test_connections_that_were_just_dropped_leave_nothing(self) -> None:
        def attempt() -> None:
            StreamParser(BEFORE_AUTH).feed(HEADER + b"<auth>" + b"x" * 5000)

        objects, process = growth(attempt, 5000)
        self.assertLess(objects, MEGABYTE)
        self.assertLess(process, 5 * MEGABYTE)

    def test_ever_new_names_do_not_accumulate(self) -> None:
        # Expat keeps every name it ever saw: 400,000 of them would be some 50 MB.
        parser = StreamParser(AFTER_AUTH)
        parser.feed(HEADER)

        def stanzas(start: int) -> Iterator[bytes]:
            for number in range(start, start + 50_000, 2):
                yield b"<a><n%d m%d='' xmlns:p%d='u'/></a>" % (number, number, number)

        for data in stanzas(0):
            parser.feed(data)
        rounds = count(1)

        def work() -> None:
            for _ in range(7):
                for data in stanzas(next(rounds) * 50_000):
                    self.assertEqual(1, len(parser.feed(data)))

        self.assertLess(grown(work, 8 * MEGABYTE), 8 * MEGABYTE)

    def test_nor_when_no_piece_ends_between_stanzas_or_characters(self) -> None:
        parser = StreamParser(AFTER_AUTH)
        parser.feed(HEADER + b"<a>\xc3")

        def feed(start: int) -> None:
            for number in range(start, start + 40_000):
                parser.feed(b"\xa9<n%d/></a><a>\xc3" % number)

        feed(0)
        rounds = count(1)

        def work() -> None:
            for _ in range(7):
                feed(next(rounds) * 40_000)

        self.assertLess(grown(work, 8 * MEGABYTE), 8 * MEGABYTE)

    def test_single_bytes_of_a_large_stanza_cost_little(self) -> None:
        # 256 KiB in single bytes: quadratic work would take minutes.
        parser = StreamParser(AFTER_AUTH)
        parser.feed(HEADER)
        data = b"<a b='" + b">" * 16_000 + b"'>" + "€".encode() * 80_000 + b"</a>"
        begin = time.process_time()
        for at in range(len(data)):
            events = parser.feed(data[at : at + 1])
        self.assertEqual(1, len(events))
        self.assertLess(time.process_time() - begin, 60)

    def test_single_characters_are_not_kept_one_by_one(self) -> None:
        # 80,000 strings of one character would be some 7 MB.
        parser = StreamParser(AFTER_AUTH)
        parser.feed(HEADER + b"<a>")
        tracemalloc.start()
        try:
            for _ in range(80_000):
                parser.feed("€".encode())
            self.assertLess(tracemalloc.get_traced_memory()[0], MEGABYTE)
        finally:
            tracemalloc.stop()


class RenewalTests(SynchronousTestCase):
    """The parser that expat is gets replaced on the way, and nobody notices."""

    STANZA = b"<iq id='%d'><q xmlns='urn:x' p:z='1'><p:y>text &amp; \xc3\xa9</p:y></q></iq>"
    OPEN = (
        b"<b:stream xmlns:a='http://etherx.jabber.org/streams' xmlns:p='urn:p&amp;&#10;\xc3\xa9'"
        b" xmlns:b='http://etherx.jabber.org/streams' xmlns='jabber:client'>"
    )

    def check(self, step: int, separator: bytes) -> None:
        number = 12_000  # about four renewals
        data = self.OPEN + separator.join(self.STANZA % n for n in range(number))
        data += b"</b:stream>"
        parser = StreamParser(AFTER_AUTH)
        found = []
        for at in range(0, len(data), step):
            found += parser.feed(data[at : at + step])
        self.assertEqual(number + 2, len(found))
        self.assertEqual(StreamClose(), found[-1])
        for n, stanza in enumerate(found[1:-1]):
            expected = Element("y", "urn:p&\né", None, "text & é")
            query = Element("q", "urn:x", {"{urn:p&\né}z": "1"}, expected)
            self.assertEqual(Element("iq", ns.CLIENT, {"id": str(n)}, query), stanza)

    def test_large_pieces(self) -> None:
        self.check(65_536, b"")

    def test_small_pieces(self) -> None:
        self.check(13, b" \n")

    def test_pieces_that_never_end_between_stanzas(self) -> None:
        parser = StreamParser(AFTER_AUTH)
        parser.feed(self.OPEN + b"<p:a>")
        for _ in range(60_000):
            self.assertEqual(1, len(parser.feed(b"</p:a><p:a>")))
        self.assertEqual([StreamClose()], parser.feed(b"</p:a></b:stream>")[1:])

    def test_errors_after_it(self) -> None:
        parser = StreamParser(AFTER_AUTH)
        parser.feed(self.OPEN)
        for n in range(10_000):
            parser.feed(self.STANZA % n)
        error = self.assertRaises(XmlStreamError, parser.feed, b"<a/><a>\xff</a>")
        self.assertEqual("unsupported-encoding", error.condition)
        self.assertEqual(1, len(error.events))

    def test_the_end_stays_the_end(self) -> None:
        parser = StreamParser(AFTER_AUTH)
        parser.feed(self.OPEN)
        for n in range(10_000):
            parser.feed(self.STANZA % n)
        self.assertEqual([StreamClose()], parser.feed(b"</b:stream>"))
        for _ in range(70):
            parser.feed(b" " * 3700)
        self.assertRaises(XmlStreamError, parser.feed, b"<a/><a/>")
