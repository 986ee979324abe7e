"""The SMTP client's machine: replies in any pieces, in order; what may not be is refused."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.smtp_client import (
    Offers,
    Reply,
    SmtpClient,
    SmtpLimits,
    SmtpProtocolError,
    parse_ehlo,
)

EHLO = (
    b"250-mx.example.org greets you\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8bitmime\r\n"
    b"250-AUTH PLAIN scram-sha-256\r\n250-AUTH=LOGIN PLAIN\r\n250 STARTTLS\r\n"
)


def greeted() -> SmtpClient:
    client = SmtpClient()
    client.feed(b"220 mx.example.org ESMTP\r\n")
    return client


class ReplyTest(SynchronousTestCase):
    def test_one_after_the_other(self) -> None:
        client = greeted()
        self.assertEqual(client.send("MAIL", "FROM:<a@b>"), b"MAIL FROM:<a@b>\r\n")
        client.send("RCPT", "TO:<c@d>")
        self.assertEqual(client.send("DATA"), b"DATA\r\n")
        replies = client.feed(
            b"250 2.1.0 Ok\r\n550-5.1.1 No such\r\n550 5.1.1 user\r\n354 go on\r\n"
        )
        self.assertEqual(
            replies,
            [
                Reply("MAIL", 250, "2.1.0", ("Ok",)),
                Reply("RCPT", 550, "5.1.1", ("No such", "user")),
                Reply("DATA", 354, "", ("go on",)),
            ],
        )
        self.assertEqual(replies[1].words, "550 5.1.1 No such user")
        self.assertEqual((replies[0].ok, replies[1].ok, replies[1].temporary), (True, False, False))
        client.expect(".")
        (reply,) = client.feed(b"451 4.3.0 later\r\n")
        self.assertEqual((reply.verb, reply.temporary), (".", True))

    def test_odd_but_understood(self) -> None:
        """Bare LF at the end of a line, no text, a code alone, an enhanced code that lies."""
        client = greeted()
        for wire, code, enhanced, lines in (
            (b"250\n", 250, "", ("",)),
            (b"250 \r\n", 250, "", ("",)),
            (b"250 5.1.1 lies\r\n", 250, "", ("5.1.1 lies",)),
            (b"550 5.7.1\r\n", 550, "5.7.1", ("",)),
            (b"250-\r\n250 2.0.0 x\r\n", 250, "", ("", "2.0.0 x")),
            (b"250 \xff\x1b[2J\r\n", 250, "", ("\ufffd?[2J",)),
        ):
            client.send("NOOP")
            self.assertEqual(client.feed(wire), [Reply("NOOP", code, enhanced, lines)])

    @settings(max_examples=200)
    @given(st.lists(st.integers(1, 30)))
    def test_any_pieces(self, sizes: list[int]) -> None:
        client = SmtpClient()
        replies: list[Reply] = []
        for data in (b"220-hi\r\n220 there\r\n", EHLO):
            for size in [*sizes, len(data)]:
                replies += client.feed(data[:size])
                data = data[size:]
            client.send("EHLO", "x")
        self.assertEqual([len(each.lines) for each in replies], [2, 7])

    @settings(max_examples=300)
    @given(st.binary(max_size=200))
    def test_garbage_is_refused_or_understood(self, data: bytes) -> None:
        client = greeted()
        client.send("NOOP")
        try:
            for reply in client.feed(data):
                self.assertTrue(200 <= reply.code < 600)
                self.assertTrue(reply.words.isprintable())
        except SmtpProtocolError:
            self.assertRaises(SmtpProtocolError, client.feed, b"")


class RefusedTest(SynchronousTestCase):
    def refused(self, client: SmtpClient, data: bytes, words: str) -> SmtpProtocolError:
        error: SmtpProtocolError = self.assertRaises(SmtpProtocolError, client.feed, data)
        self.assertIn(words, error.text)
        self.assertRaises(SmtpProtocolError, client.send, "NOOP")
        return error

    def test_what_is_no_smtp(self) -> None:
        for data in (
            b"HTTP/1.1 400\r\n",
            b"\r\n",
            b"25 x\r\n",
            b"2500 x\r\n",
            b"150 x\r\n",
            b"+OK\n",
        ):
            self.refused(SmtpClient(), data, "does not speak SMTP")

    def test_limits(self) -> None:
        limits = SmtpLimits(line=50, lines=3)
        self.refused(SmtpClient(limits), b"220 " + b"x" * 60, "more than 50 octets")
        self.refused(SmtpClient(limits), b"220 " + b"x" * 60 + b"\r\n", "more than 50 octets")
        self.refused(SmtpClient(limits), b"220-x\r\n" * 4, "more than 3 lines")

    def test_two_codes(self) -> None:
        self.refused(SmtpClient(), b"220-x\r\n250 y\r\n", "two codes")

    def test_unasked(self) -> None:
        error = self.refused(SmtpClient(), b"220 hi\r\n250 surprise\r\n", "without being asked")
        self.assertEqual([each.code for each in error.replies], [220])

    def test_421_comes_at_any_time(self) -> None:
        client = greeted()
        (reply,) = client.feed(b"421 4.3.2 going down\r\n")
        self.assertEqual((reply.verb, reply.code, reply.temporary), ("", 421, True))

    def test_what_would_be_two_commands(self) -> None:
        client = greeted()
        for bad in ("a\r\nb", "a\nb", "a\rb", "a\0b"):
            self.assertRaises(ValueError, client.send, "RCPT", bad)
        self.assertEqual(client.outstanding, 0)

    def test_nothing_behind_what_must_be_last(self) -> None:
        """RFC 2920 3.1."""
        self.assertRaises(RuntimeError, SmtpClient().send, "EHLO", "x")  # before the greeting
        for verb in ("DATA", "QUIT", "STARTTLS", "AUTH", "EHLO"):
            client = greeted()
            client.send(verb)
            self.assertRaises(RuntimeError, client.send, "NOOP")


class StartTlsTest(SynchronousTestCase):
    def test_agreed(self) -> None:
        client = greeted()
        client.send("STARTTLS")
        client.feed(b"220 go\r\n")
        self.assertRaises(RuntimeError, client.send, "EHLO", "x")
        client.expect_tls()
        self.assertEqual(client.send("EHLO", "x"), b"EHLO x\r\n")

    def test_injected(self) -> None:
        """What stands in the clear behind the 220 must not become a reply inside TLS."""
        for data in (b"220 go\r\n250 mx\r\n", b"220 go\r\n250-m", b"220 go\r\n2"):
            client = greeted()
            client.send("STARTTLS")
            with self.assertRaises(SmtpProtocolError):
                client.feed(data)
                client.expect_tls()

    def test_injected_a_moment_later(self) -> None:
        client = greeted()
        client.send("STARTTLS")
        client.feed(b"220 go\r\n")
        self.assertRaises(SmtpProtocolError, client.feed, b"250 mx\r\n")

    def test_refused(self) -> None:
        client = greeted()
        client.send("STARTTLS")
        client.feed(b"454 4.7.0 no\r\n")
        self.assertRaises(RuntimeError, client.expect_tls)
        client.send("MAIL", "FROM:<>")


class AuthTest(SynchronousTestCase):
    def test_challenges(self) -> None:
        client = greeted()
        client.send("AUTH", "SCRAM-SHA-256 biws")
        (reply,) = client.feed(b"334 YWJj\r\n")
        self.assertEqual((reply.code, reply.challenge()), (334, b"abc"))
        self.assertRaises(RuntimeError, client.send, "NOOP")
        self.assertEqual(client.answer(b"xyz"), b"eHl6\r\n")
        self.assertRaises(RuntimeError, client.answer, b"again")
        (reply,) = client.feed(b"334 \r\n")
        self.assertEqual(reply.challenge(), b"")
        self.assertEqual(client.cancel(), b"*\r\n")
        (reply,) = client.feed(b"501 5.7.0 cancelled\r\n")
        self.assertEqual((reply.verb, reply.code, client.outstanding), ("AUTH", 501, 0))

    def test_a_second_challenge_before_the_answer(self) -> None:
        client = greeted()
        client.send("AUTH", "PLAIN")
        self.assertRaises(SmtpProtocolError, client.feed, b"334 \r\n334 \r\n")


class EhloTest(SynchronousTestCase):
    def offers(self, data: bytes) -> Offers:
        client = greeted()
        client.send("EHLO", "x")
        return parse_ehlo(client.feed(data)[0])

    def test_offers(self) -> None:
        offers = self.offers(EHLO)
        self.assertEqual((offers.size, "8BITMIME" in offers, "DSN" in offers), (1000, True, False))
        self.assertEqual(offers.mechanisms, ("PLAIN", "SCRAM-SHA-256", "LOGIN", "PLAIN"))
        self.assertNotIn("MX.EXAMPLE.ORG", offers)

    def test_sizes(self) -> None:
        for text, size in ((b"", None), (b" 0", None), (b" x", None), (b" -1", None), (b" 9", 9)):
            self.assertEqual(self.offers(b"250-m\r\n250 SIZE" + text + b"\r\n").size, size)

    def test_nothing(self) -> None:
        self.assertEqual(dict(self.offers(b"250 m\r\n").names), {})
