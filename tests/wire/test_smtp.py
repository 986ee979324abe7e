"""The server's side of SMTP: lines, texts, chunks, whatever the borders of what arrives."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.smtp import (
    AUTH_OCTETS,
    COMMAND_OCTETS,
    Answer,
    Event,
    SmtpInputError,
    SmtpReceiver,
    Text,
    TextEnd,
)
from mailim.wire.smtp_commands import CommandError, MailFrom, Simple


def events(receiver: SmtpReceiver) -> list[Event]:
    """Pull until nothing comes."""
    found = []
    while (event := receiver.next()) is not None:
        found.append(event)
    return found


def text_of(wire: bytes, cuts: list[int]) -> bytes:
    """Read a text that ends with its dot, fed in pieces; gives it without stuffing."""
    receiver = SmtpReceiver()
    receiver.expect_text()
    borders = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    found = []
    for start, end in itertools.pairwise(borders):
        receiver.feed(wire[start:end])
        found += events(receiver)
    assert found[-1] == TextEnd(), found
    assert receiver.waiting == 0
    return b"".join(event.data for event in found if isinstance(event, Text))


def stuffed(text: bytes) -> bytes:
    """What a client sends for a text of whole lines (RFC 5321 4.5.2)."""
    lines = text.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b".\r\n"


LINES = st.lists(
    st.binary(max_size=8).map(lambda b: b.replace(b"\r", b".").replace(b"\n", b".")), max_size=6
)


class CommandLineTests(SynchronousTestCase):
    def test_commands_come_one_at_a_time(self) -> None:
        receiver = SmtpReceiver()
        receiver.feed(b"NOOP\r\nRSET\r\nDA")
        self.assertEqual(receiver.next(), Simple("NOOP"))
        self.assertEqual(receiver.waiting, 8)
        self.assertEqual(receiver.next(), Simple("RSET"))
        self.assertIsNone(receiver.next())
        receiver.feed(b"TA\r\n")
        self.assertEqual(receiver.next(), Simple("DATA"))

    def test_a_mistake_is_an_event_and_the_next_command_is_read(self) -> None:
        receiver = SmtpReceiver()
        receiver.feed(b"WHAT\r\n\x00\r\n\xff\r\nNOOP\r\n")
        *mistakes, last = events(receiver)
        self.assertEqual([type(each) for each in mistakes], [CommandError] * 3)
        self.assertEqual(last, Simple("NOOP"))

    def test_other_line_ends_end_it(self) -> None:
        """RFC 5321 2.3.8."""
        for wire in (b"NOOP\n", b"NOOP\r\r\n", b"NO\rOP\r\n", b"\n", b"NOOP\rRSET", b"a\nb\r\n"):
            receiver = SmtpReceiver()
            receiver.feed(wire)
            self.assertRaises(SmtpInputError, receiver.next)
            receiver.feed(b"\r\nNOOP\r\n")
            self.assertRaises(SmtpInputError, receiver.next)

    def test_endless_lines_end_it(self) -> None:
        receiver = SmtpReceiver()
        receiver.feed(b"NOOP " + b"x" * (COMMAND_OCTETS - 7) + b"\r\n")
        self.assertEqual(receiver.next(), Simple("NOOP"))
        receiver.feed(b"x" * COMMAND_OCTETS)
        self.assertRaises(SmtpInputError, receiver.next)
        receiver = SmtpReceiver()
        receiver.expect_answer()
        receiver.feed(b"x" * (AUTH_OCTETS - 2) + b"\r\n")
        self.assertIsInstance(receiver.next(), Answer)
        receiver.expect_answer()
        receiver.feed(b"x" * AUTH_OCTETS)
        self.assertRaises(SmtpInputError, receiver.next)

    def test_an_answer_is_a_line_and_shows_nothing(self) -> None:
        receiver = SmtpReceiver()
        receiver.expect_answer()
        receiver.feed(b"c2VjcmV0\r\nNOOP\r\n")
        answer = receiver.next()
        self.assertEqual(answer, Answer(b"c2VjcmV0"))
        self.assertNotIn("c2Vj", repr(answer))
        self.assertEqual(receiver.next(), Simple("NOOP"))


class TextTests(SynchronousTestCase):
    @given(LINES, st.lists(st.integers(0, 200), max_size=12))
    @settings(max_examples=300, deadline=None)
    def test_every_text_however_cut(self, lines: list[bytes], cuts: list[int]) -> None:
        text = b"".join(line + b"\r\n" for line in lines)
        self.assertEqual(text_of(stuffed(text), cuts), text)

    def test_dots_at_every_border(self) -> None:
        """A line that begins with dots, wherever a read ends: 1 to 65,537 octets before it."""
        for size in range(1, 65538):
            before = b"x" * size
            receiver = SmtpReceiver()
            receiver.expect_text()
            receiver.feed(before)
            found = events(receiver)
            receiver.feed(b"\r\n")
            found += events(receiver)
            receiver.feed(b"..\r\n.")
            found += events(receiver)
            receiver.feed(b"\r\n")
            found += events(receiver)
            self.assertEqual(found.pop(), TextEnd())
            length = sum(len(event.data) for event in found if isinstance(event, Text))
            self.assertEqual(length, size + 5)

    def test_long_lines_stay_whole(self) -> None:
        text = b"x" * 1_000_000 + b"\r\n"
        self.assertEqual(text_of(text + b".\r\n", list(range(0, 1_000_000, 4999))), text)

    def test_nul_and_octets_above_127_stay(self) -> None:
        text = bytes(set(range(256)) - {10, 13}) + b"\r\n"
        self.assertEqual(text_of(text + b".\r\n", []), text)

    def test_an_empty_text(self) -> None:
        self.assertEqual(text_of(b".\r\n", [1, 2]), b"")

    def test_what_follows_is_a_command(self) -> None:
        receiver = SmtpReceiver()
        receiver.expect_text()
        receiver.feed(b"a\r\n.\r\nNOOP\r\n")
        self.assertEqual(events(receiver), [Text(b"a\r\n"), TextEnd(), Simple("NOOP")])

    def test_no_ending_but_the_one_ends_a_text(self) -> None:
        """Smuggling: each of these is the end of a mail for some other server."""
        ends = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r\n", b"\r\n\n", b"\x00", b"\r\x00\n"]
        evil = b"MAIL FROM:<evil@example.org>\r\n"
        for before, after in itertools.product(ends, ends):
            if (before, after) == (b"\r\n", b"\r\n"):
                continue
            wire = b"a" + before + b"." + after + evil
            for cut in range(1, len(wire)):
                receiver = SmtpReceiver()
                receiver.expect_text()
                found: list[Event] = []
                try:
                    for piece in (wire[:cut], wire[cut:]):
                        receiver.feed(piece)
                        found += events(receiver)
                except SmtpInputError:
                    pass
                self.assertFalse([each for each in found if isinstance(each, MailFrom)])
                ended = before == b"\r\n" and after.startswith(b"\r\n")
                self.assertTrue(ended or TextEnd() not in found)
            if b"\x00" not in (before, after):
                self.assertRaises(SmtpInputError, text_of, wire + b"\r\n.\r\n", [])

    @given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n."]), max_size=20))
    @settings(max_examples=500, deadline=None)
    def test_how_it_is_cut_changes_nothing(self, parts: list[bytes]) -> None:
        wire = b"".join(parts)

        def outcome(size: int) -> tuple[bytes, bool, bool]:
            receiver = SmtpReceiver()
            receiver.expect_text()
            text, ended = b"", False
            try:
                for start in range(0, len(wire), size):
                    receiver.feed(wire[start : start + size])
                    while not ended and (event := receiver.next()) is not None:
                        if isinstance(event, Text):
                            text += event.data
                        ended = isinstance(event, TextEnd)
            except SmtpInputError:
                return b"", True, ended
            return text, False, ended

        self.assertEqual(outcome(1), outcome(len(wire) or 1))
        self.assertEqual(outcome(2), outcome(3))


class ChunkTests(SynchronousTestCase):
    def test_chunks_hold_any_octets_and_no_dots_are_undone(self) -> None:
        """RFC 3030 2."""
        receiver = SmtpReceiver()
        receiver.expect_chunk(7, False)
        receiver.feed(b"a\r\n..\r\nNOOP\r\n")
        self.assertEqual(receiver.next(), Text(b"a\r\n..\r\n"))

    def test_a_line_end_may_lie_across_chunks(self) -> None:
        receiver = SmtpReceiver()
        receiver.feed(b"a\r")
        receiver.expect_chunk(2, False)
        found = events(receiver)
        receiver.feed(b"\nb")
        receiver.expect_chunk(2, True)
        found += events(receiver)
        self.assertEqual(found, [Text(b"a"), TextEnd(), Text(b"\r\nb"), TextEnd()])

    def test_bare_ends_are_refused_there_too(self) -> None:
        for wire in (b"a\nb", b"a\rb", b"ab\r", b"\n\r\n"):
            receiver = SmtpReceiver()
            receiver.expect_chunk(len(wire), True)
            receiver.feed(wire)
            self.assertRaises(SmtpInputError, events, receiver)

    def test_an_empty_last_chunk(self) -> None:
        receiver = SmtpReceiver()
        receiver.feed(b"NOOP\r\n")
        receiver.expect_chunk(0, True)
        self.assertEqual(events(receiver), [TextEnd(), Simple("NOOP")])


class GarbageTests(SynchronousTestCase):
    @given(st.lists(st.binary(max_size=64), max_size=8), st.sampled_from("ctba"))
    @settings(max_examples=500, deadline=None)
    def test_only_named_errors(self, pieces: list[bytes], mode: str) -> None:
        receiver = SmtpReceiver()
        if mode == "t":
            receiver.expect_text()
        elif mode == "b":
            receiver.expect_chunk(50, True)
        elif mode == "a":
            receiver.expect_answer()
        try:
            for piece in pieces:
                receiver.feed(piece)
                events(receiver)
        except SmtpInputError as error:
            self.assertTrue(error.text)
