"""The POP3 client machine: order of events, exact bodies, limits, injected answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.pop3 import (
    BodyEnd,
    BodyStart,
    Chunk,
    Command,
    Continuation,
    Event,
    Greeting,
    Line,
    ListEnd,
    Pop3Client,
    Pop3Disconnected,
    Pop3Limits,
    Pop3ProtocolError,
    Reply,
)

RETR = Command.retr(1)
AWKWARD = [
    b"",
    b"\r\n",
    b".\r\n",
    b"..\r\n",
    b".\r\n.\r\n",
    b"From joe Thu Nov 1\r\n\r\nbody\r\n",
    b"a\r\n.b\r\n..c\r\n.\r\nd\r\n",
    b"bare\rcr\r\n",
    b"cr before end\r\r\n.\r\n",
    b"bare\nlf\n.\nstill inside\n.\r\n",
    b"nul\x00in\x00side\r\n",
    b"\xff\xfe\x80 8bit\r\n",
    b".\rdot and cr\r\n",
    b"x" * 70_000 + b"\r\n.y\r\n",
    b"\r\n\r\n.\n\r\n",
    b"only cr \r\r\r\r\n",
]


def stuffed(body: bytes) -> bytes:
    """Write a body as a server does (RFC 1939 section 3); it ends with CRLF, or is empty."""
    lines = body.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b".\r\n"


def greeted(limits: Pop3Limits | None = None) -> Pop3Client:
    client = Pop3Client(limits)
    client.feed(b"+OK ready\r\n")
    return client


def body_in(events: Iterable[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Chunk))


def in_pieces(client: Pop3Client, data: bytes, size: int) -> list[Event]:
    events: list[Event] = []
    for at in range(0, len(data), size):
        events += client.feed(data[at : at + size])
    return events


def joined(events: Iterable[Event]) -> list[Event]:
    """Put neighbouring chunks together, so that lists from different cuts compare."""
    result: list[Event] = []
    for event in events:
        if isinstance(event, Chunk) and result and isinstance(result[-1], Chunk):
            result[-1] = Chunk(result[-1].data + event.data)
        else:
            result.append(event)
    return result


class Dialogue(SynchronousTestCase):
    """What comes out, in which order."""

    def test_greeting(self) -> None:
        client = Pop3Client()
        self.assertEqual(client.feed(b"+OK POP3 server rea"), [])
        self.assertEqual(
            client.feed(b"dy <1896.697@dbc.example>\r\n"),
            [Greeting(True, "POP3 server ready <1896.697@dbc.example>", "<1896.697@dbc.example>")],
        )

    def test_refusing_greeting_with_code(self) -> None:
        events = Pop3Client().feed(b"-ERR [SYS/TEMP] come back later\r\n")
        self.assertEqual(events, [Greeting(False, "come back later", None, "SYS/TEMP")])

    def test_timestamp_must_be_printable(self) -> None:
        """CVE-2007-1558: a timestamp with control octets is no msg-id, so no APOP."""
        (greeting,) = Pop3Client().feed(b"+OK <1896.\x01\x8097@dbc.example>\r\n")
        assert isinstance(greeting, Greeting)
        self.assertIsNone(greeting.apop_timestamp)

    def test_pipelined_answers_come_in_order(self) -> None:
        client = greeted()
        commands = [Command.stat(), Command.uidl(), RETR, Command.dele(1), Command.quit()]
        sent = b"".join(map(client.send, commands))
        self.assertEqual(sent, b"STAT\r\nUIDL\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
        events = client.feed(
            b"+OK 1 3\r\n+OK\r\n1 abc\r\n.\r\n+OK\r\na\r\n.\r\n-ERR [IN-USE] no\r\n+OK bye\r\n"
        )
        stat, uidl, retr, dele, leave = commands
        self.assertEqual(
            events,
            [
                Reply(stat, True, "1 3"),
                Reply(uidl, True, ""),
                Line(uidl, b"1 abc"),
                ListEnd(uidl, 1),
                Reply(retr, True, ""),
                BodyStart(retr),
                Chunk(b"a\r\n"),
                BodyEnd(retr, 3),
                Reply(dele, False, "no", "IN-USE"),
                Reply(leave, True, "bye"),
            ],
        )
        self.assertEqual(client.outstanding, 0)
        client.eof()

    def test_refused_retr_has_no_body(self) -> None:
        client = greeted()
        client.send(RETR)
        client.send(Command.noop())
        events = client.feed(b"-ERR gone\r\n+OK\r\n")
        self.assertEqual([type(event) for event in events], [Reply, Reply])

    def test_listing_of_one_message_is_one_line(self) -> None:
        client = greeted()
        client.send(Command.uidl(7))
        (reply,) = client.feed(b"+OK 7 xyz\r\n")
        self.assertEqual(reply, Reply(Command.uidl(7), True, "7 xyz"))

    def test_listing_lines_are_unstuffed(self) -> None:
        client = greeted()
        client.send(Command.capa())
        events = client.feed(b"+OK\r\n..odd\r\n.\r\n")
        self.assertEqual(events[1], Line(Command.capa(), b".odd"))

    def test_sasl_in_two_steps(self) -> None:
        """RFC 5034 section 4: empty challenge, response, error challenge, cancel, -ERR."""
        client = greeted()
        auth = Command.auth("XOAUTH2")
        self.assertEqual(client.send(auth), b"AUTH XOAUTH2\r\n")
        self.assertEqual(client.feed(b"+ \r\n"), [Continuation(auth, b"", "")])
        self.assertEqual(client.answer(b"user=a\x01"), b"dXNlcj1hAQ==\r\n")
        (challenge,) = client.feed(b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n")
        self.assertEqual(challenge.challenge, b'{"status":"401"}')  # type: ignore[union-attr]
        self.assertEqual(client.cancel(), b"*\r\n")
        self.assertEqual(client.feed(b"-ERR [AUTH] no\r\n"), [Reply(auth, False, "no", "AUTH")])
        self.assertRaises(RuntimeError, client.answer, b"")

    def test_sasl_initial_response(self) -> None:
        client = greeted()
        self.assertEqual(client.send(Command.auth("PLAIN", b"\0u\0p")), b"AUTH PLAIN AHUAcA==\r\n")
        client.feed(b"+OK\r\n")
        self.assertEqual(client.send(Command.auth("EXTERNAL", b"")), b"AUTH EXTERNAL =\r\n")

    def test_challenge_that_is_no_base64(self) -> None:
        client = greeted()
        client.send(Command.auth("PLAIN"))
        (challenge,) = client.feed(b"+ go ahead\r\n")
        self.assertEqual(challenge, Continuation(Command.auth("PLAIN"), b"", "go ahead"))

    def test_every_command_as_sent(self) -> None:
        """RFC 1939, 2449, 2595, 6856."""
        for command, expected in (
            (Command.capa(), b"CAPA"),
            (Command.user("u"), b"USER u"),
            (Command.apop("u", "d"), b"APOP u d"),
            (Command.list(), b"LIST"),
            (Command.list(3), b"LIST 3"),
            (Command.top(3, 0), b"TOP 3 0"),
            (Command.rset(), b"RSET"),
            (Command.noop(), b"NOOP"),
            (Command.utf8(), b"UTF8"),
            (Command.stls(), b"STLS"),
        ):
            self.assertEqual(greeted().send(command), expected + b"\r\n")

    def test_arguments_cannot_carry_another_command(self) -> None:
        client = greeted()
        for bad in ("a\r\nDELE 1", "a\nb", "a\rb", "a\0b", "\ud800"):
            self.assertRaises(ValueError, client.send, Command.password(bad))
        self.assertEqual(client.outstanding, 0)
        self.assertEqual(client.send(Command.password("a b ü")), "PASS a b ü\r\n".encode())

    def test_nothing_may_follow_stls_auth_quit_before_the_answer(self) -> None:
        for command in (Command.stls(), Command.auth("PLAIN"), Command.quit()):
            client = greeted()
            client.send(command)
            self.assertRaises(RuntimeError, client.send, Command.noop())

    def test_repr_shows_no_secret(self) -> None:
        for command in (
            Command.password("hunter2"),
            Command.apop("hunter2", "hunter2"),
            Command.auth("PLAIN", b"hunter2"),
        ):
            self.assertNotIn("hunter2", repr(command))
            self.assertNotIn("aHVudGVyMg", repr(command))

    def test_lines_ending_with_lf_alone(self) -> None:
        """A server that never sends CR is understood, its bodies included."""
        client = Pop3Client()
        client.feed(b"+OK hi\n")
        client.send(Command.uidl())
        client.send(RETR)
        events = in_pieces(client, b"+OK\n1 a\n.\n+OK\nfoo\n..bar\n.\n", 1)
        self.assertEqual(body_in(events), b"foo\n.bar\n")
        self.assertEqual(client.outstanding, 0)


class Bodies(SynchronousTestCase):
    """RETR gives the octets the server has, however they are cut on the way."""

    def fetch(self, body: bytes, size: int) -> None:
        client = greeted()
        client.send(RETR)
        events = in_pieces(client, b"+OK\r\n" + stuffed(body), size)
        self.assertEqual(body_in(events), body)
        self.assertEqual(events[-1], BodyEnd(RETR, len(body)))
        self.assertEqual(client.outstanding, 0)
        client.eof()

    def test_awkward_octets(self) -> None:
        for body in AWKWARD:
            for size in (1, 2, 3, 5, 16384, 1 << 20):
                self.fetch(body, size if len(body) < 1000 or size > 3 else 4096)

    def test_dots_at_every_border(self) -> None:
        """The piece ends before, in and behind "CRLF dot dot", at each of 1..65537."""
        tail = b"\r\n..dot\r\n.\r\n"
        filler = b"a" * 65537
        for cut in range(1, 65538):
            for phase in (cut % 3, 3 + cut % 3, 6 + cut % 6):
                length = cut - phase
                if length < 0:
                    continue
                wire = filler[:length] + tail
                client = greeted()
                client.send(RETR)
                client.feed(b"+OK\r\n")
                events = client.feed(wire[:cut]) + client.feed(wire[cut:])
                if body_in(events) != filler[:length] + b"\r\n.dot\r\n":
                    self.fail(f"cut at {cut}, {phase} octets into the border")

    def test_fixed_pieces_around_usual_buffer_sizes(self) -> None:
        body = b"".join(b"." * (n % 5) + b"x" * (n % 89) + b"\r\n" for n in range(4000))
        for size in (511, 512, 1024, 4095, 4096, 8192, 16383, 16384, 16385, 65536):
            self.fetch(body, size)

    def test_body_cannot_end_early(self) -> None:
        """A stuffed "." line inside, at any cut, never passes for the end."""
        body = b"a\r\n.\r\n+OK fake\r\n"
        wire = stuffed(body)
        for cut in range(len(wire) + 1):
            client = greeted()
            client.send(RETR)
            events = client.feed(b"+OK\r\n" + wire[:cut]) + client.feed(wire[cut:])
            self.assertEqual(body_in(events), body)

    def test_endless_line_is_not_kept(self) -> None:
        """100 MB without a line end pass through; the machine holds next to nothing."""
        client = greeted()
        client.send(RETR)
        client.feed(b"+OK\r\n")
        piece = b"x" * 65535 + b"\r"
        size = 0
        for _ in range(1600):
            size += len(body_in(client.feed(piece)))
            self.assertLessEqual(len(client._data), 4)
        events = client.feed(b"\r\n.\r\n")
        self.assertEqual(events[-1], BodyEnd(RETR, 1600 * 65536 + 2))
        self.assertEqual(size + len(body_in(events)), 1600 * 65536 + 2)


class Refusals(SynchronousTestCase):
    """What the standard does not allow ends the dialogue with plain words."""

    def refused(self, client: Pop3Client, data: bytes, words: str) -> Pop3ProtocolError:
        error: Pop3ProtocolError = self.assertRaises(Pop3ProtocolError, client.feed, data)
        self.assertIn(words, error.text)
        self.assertLess(len(error.text), 300)
        self.assertTrue(error.text.isprintable())
        self.assertRaises(Pop3ProtocolError, client.feed, b"+OK\r\n")
        self.assertRaises(Pop3ProtocolError, client.send, Command.noop())
        self.assertRaises(Pop3ProtocolError, client.eof)
        return error

    def test_garbage(self) -> None:
        self.refused(Pop3Client(), b"220 mail.example ESMTP\r\n", "220 mail.example ESMTP")
        self.refused(Pop3Client(), b"\x16\x03\x01\x00\x9b\r\n", "does not speak POP3")
        self.refused(Pop3Client(), "+OKAY \u202e\r\n".encode(), "does not speak POP3")

    def test_endless_greeting(self) -> None:
        client = Pop3Client(Pop3Limits(status_line=2048))
        for _ in range(2):
            self.assertEqual(client.feed(b"+" * 1000), [])
        self.refused(client, b"+" * 1000, "longer than 2048")

    def test_too_long_status_line_in_one_piece(self) -> None:
        client = greeted()
        client.send(Command.noop())
        self.refused(client, b"+OK " + b"x" * 5000 + b"\r\n", "NOOP is longer than 2048")

    def test_too_long_listing_line(self) -> None:
        client = greeted()
        client.send(Command.uidl())
        self.refused(client, b"+OK\r\n1 " + b"x" * 2000, "UIDL listing is longer than 512")

    def test_too_many_listing_lines(self) -> None:
        client = greeted(Pop3Limits(listing_lines=3))
        client.send(Command.list())
        error = self.refused(client, b"+OK\r\n" + b"1 1\r\n" * 4, "more than 3 lines")
        self.assertEqual(len(error.events), 4)

    def test_too_many_capabilities(self) -> None:
        client = greeted()
        client.send(Command.capa())
        self.refused(client, b"+OK\r\n" + b"X\r\n" * 257, "CAPA listing has more than 256 lines")

    def test_data_nobody_asked_for(self) -> None:
        self.refused(greeted(), b"-ERR idle too long\r\n", "without being asked: -ERR idle")

    def test_answer_instead_of_waiting_for_sasl(self) -> None:
        client = greeted()
        client.send(Command.auth("PLAIN"))
        self.refused(client, b"+ \r\n+OK\r\n", "without being asked")

    def test_continuation_outside_auth(self) -> None:
        client = greeted()
        client.send(Command.noop())
        self.refused(client, b"+ \r\n", "does not speak POP3")

    def test_events_before_the_fault_are_kept(self) -> None:
        client = greeted()
        client.send(RETR)
        error = self.refused(client, b"+OK\r\nx\r\n.\r\ngarbage", "garbage")
        self.assertEqual(error.events[-1], BodyEnd(RETR, 3))

    def test_closed_too_early(self) -> None:
        for sent, data, words in (
            (None, b"", "before greeting us"),
            (None, b"+OK", "before greeting us"),
            (Command.noop(), b"+OK hi\r\n", "without an answer to NOOP"),
            (Command.quit(), b"+OK hi\r\n", "without an answer to QUIT"),
            (RETR, b"+OK hi\r\n+OK\r\nabc\r\n", "in the middle of a message"),
            (RETR, b"+OK hi\r\n+OK\r\nabc\r\n.", "in the middle of a message"),
            (Command.uidl(), b"+OK hi\r\n+OK\r\n1 a\r\n", "in the middle of a listing"),
        ):
            client = Pop3Client()
            if sent is not None:
                client.send(sent)
            client.feed(data)
            error = self.assertRaises(Pop3Disconnected, client.eof)
            self.assertIn(words, error.text)
            self.assertTrue(error.temporary)


class Tls(SynchronousTestCase):
    """RFC 2595 section 4; nothing said in clear counts as said inside TLS."""

    def test_clean(self) -> None:
        client = greeted()
        client.send(Command.stls())
        client.feed(b"+OK begin\r\n")
        self.assertRaises(RuntimeError, client.send, Command.capa())
        client.expect_tls()
        client.send(Command.capa())
        self.assertEqual(client.feed(b"+OK\r\n.\r\n")[-1], ListEnd(Command.capa(), 0))

    def test_injected_answer_in_the_same_packet(self) -> None:
        for injected in (b"+OK fake\r\n", b"+", b"\r\n", b"\0"):
            client = greeted()
            client.send(Command.stls())
            self.assertRaises(Pop3ProtocolError, client.feed, b"+OK\r\n" + injected)
            self.assertRaises(Pop3ProtocolError, client.expect_tls)

    def test_injected_answer_in_the_next_packet(self) -> None:
        client = greeted()
        client.send(Command.stls())
        client.feed(b"+OK\r\n")
        self.assertRaises(Pop3ProtocolError, client.feed, b"+OK fake\r\n")
        self.assertRaises(Pop3ProtocolError, client.expect_tls)

    def test_not_agreed(self) -> None:
        client = greeted()
        self.assertRaises(RuntimeError, client.expect_tls)
        client.send(Command.stls())
        client.feed(b"-ERR no\r\n")
        self.assertRaises(RuntimeError, client.expect_tls)


LINES = st.lists(
    st.one_of(
        st.binary(max_size=12).filter(lambda line: b"\r\n" not in line),
        st.sampled_from([b".", b"..", b"", b"\r", b".\r", b"\n", b"\n.", b"+OK", b"\x00"]),
    ),
    max_size=12,
)


class Chunking(SynchronousTestCase):
    """How the octets are cut never changes what is understood."""

    @settings(max_examples=300, deadline=None)
    @given(LINES, st.lists(LINES, max_size=3), st.lists(st.integers(1, 7), min_size=1, max_size=9))
    def test_bodies_and_listings(
        self, listing: list[bytes], bodies: list[list[bytes]], steps: list[int]
    ) -> None:
        messages = [b"".join(line + b"\r\n" for line in body) for body in bodies]
        # A line that ends with CR and is followed by one with LF first is another line.
        listing = [line.replace(b"\n", b"").rstrip(b"\r") for line in listing]
        wire = b"+OK\r\n" + stuffed(b"".join(line + b"\r\n" for line in listing))
        wire += b"".join(b"+OK\r\n" + stuffed(message) for message in messages)
        whole, cut = greeted(), greeted()
        for client in (whole, cut):
            client.send(Command.uidl())
            for _ in messages:
                client.send(RETR)
        expected = whole.feed(wire)
        events: list[Event] = []
        at = 0
        for step in itertools.cycle(steps):
            if at >= len(wire):
                break
            events += cut.feed(wire[at : at + step])
            at += step
        self.assertEqual(joined(events), joined(expected))
        lines = [event.data for event in expected if isinstance(event, Line)]
        self.assertEqual(lines, listing)
        got, current = [], b""
        for event in expected:
            if isinstance(event, Chunk):
                current += event.data
            elif isinstance(event, BodyEnd):
                got.append(current)
                current = b""
        self.assertEqual(got, messages)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.binary(max_size=40), max_size=6))
    def test_garbage_only_ever_raises_protocol_errors(self, pieces: list[bytes]) -> None:
        client = Pop3Client()
        for command in (Command.capa(), Command.uidl(), RETR, Command.auth("PLAIN")):
            client.send(command)
        try:
            for piece in pieces:
                client.feed(piece)
            client.eof()
        except Pop3ProtocolError:
            return
        self.fail("four answers cannot be complete")
