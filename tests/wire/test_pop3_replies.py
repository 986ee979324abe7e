"""Listing lines, STAT, CAPA and response codes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.pop3 import (
    Pop3ProtocolError,
    parse_capa,
    parse_list_line,
    parse_stat,
    parse_uidl_line,
)
from mailim.wire.pop3_replies import split_code, visible


class Listings(SynchronousTestCase):
    def test_uidl(self) -> None:
        self.assertEqual(
            parse_uidl_line(b"1 whqtswO00WBw418f9t5JxYwZ"), (1, "whqtswO00WBw418f9t5JxYwZ")
        )
        self.assertEqual(parse_uidl_line(b"2   QhdPYR:00WBw1Ph7x7 "), (2, "QhdPYR:00WBw1Ph7x7"))

    def test_uidl_blank_is_for_the_caller(self) -> None:
        self.assertEqual(parse_uidl_line(b"3 "), (3, ""))
        self.assertEqual(parse_uidl_line(b"3"), (3, ""))

    def test_uidl_length(self) -> None:
        self.assertEqual(parse_uidl_line(b"1 " + b"x" * 255)[1], "x" * 255)
        self.assertRaises(Pop3ProtocolError, parse_uidl_line, b"1 " + b"x" * 256)

    def test_uidl_octets_are_made_storable_and_stay_apart(self) -> None:
        uids = {parse_uidl_line(b"1 a" + bytes([octet]) + b"z")[1] for octet in range(256)}
        self.assertEqual(len(uids), 256)
        self.assertTrue(all(uid.isascii() and uid.isprintable() for uid in uids))

    def test_list(self) -> None:
        self.assertEqual(parse_list_line(b"1 120"), (1, 120))
        self.assertEqual(parse_list_line(b"1 120 and more"), (1, 120))

    def test_stat(self) -> None:
        self.assertEqual(parse_stat("2 320"), (2, 320))
        self.assertEqual(parse_stat("0 0 octets"), (0, 0))

    def test_lies(self) -> None:
        for line in (b"", b"x 1", b"1", b"-1 5", b"1 x", b"0 5", b"99999999999 1"):
            self.assertRaises(Pop3ProtocolError, parse_list_line, line)
        self.assertRaises(Pop3ProtocolError, parse_stat, "many 1")
        self.assertRaises(Pop3ProtocolError, parse_list_line, b"1 " + b"9" * 5000)
        self.assertRaises(Pop3ProtocolError, parse_list_line, "١ ١".encode())

    @given(st.binary(max_size=300))
    def test_any_octets(self, line: bytes) -> None:
        for parse in (parse_uidl_line, parse_list_line):
            try:
                number, _ = parse(line)
            except Pop3ProtocolError as error:
                self.assertTrue(error.text.isprintable())
            else:
                self.assertGreater(number, 0)


class Capa(SynchronousTestCase):
    def test_dovecot(self) -> None:
        lines = [
            b"CAPA", b"TOP", b"UIDL", b"RESP-CODES", b"PIPELINING", b"AUTH-RESP-CODE", b"STLS",
            b"USER", b"SASL PLAIN login", b"",
        ]  # fmt: skip
        found = parse_capa(lines)
        self.assertTrue(found.stls and found.uidl and found.top and found.pipelining)
        self.assertEqual(found.sasl, ("PLAIN", "LOGIN"))
        self.assertIn("AUTH-RESP-CODE", found)
        self.assertIsNone(found.login_delay)

    def test_repeated_and_lower_case(self) -> None:
        found = parse_capa([b"sasl plain", b"SASL xoauth2", b"login-delay 300 user"])
        self.assertEqual(found.sasl, ("PLAIN", "XOAUTH2"))
        self.assertEqual(found.login_delay, 300)
        self.assertFalse(found.stls)

    def test_login_delay_of_nonsense(self) -> None:
        for value in (b"", b"soon", b"9" * 400, "٣".encode()):
            self.assertIsNone(parse_capa([b"LOGIN-DELAY " + value]).login_delay)


class Codes(SynchronousTestCase):
    """RFC 2449 section 8, RFC 3206."""

    def test_codes(self) -> None:
        for text, expected in (
            ("[IN-USE] busy", ("IN-USE", "busy")),
            ("[sys/temp] x", ("SYS/TEMP", "x")),
            ("[AUTH]", ("AUTH", "")),
            ("no code", (None, "no code")),
            ("[not a code] x", (None, "[not a code] x")),
            ("[]", (None, "[]")),
            ("[A//B] x", (None, "[A//B] x")),
        ):
            self.assertEqual(split_code(text), expected)

    def test_visible(self) -> None:
        self.assertEqual(visible("a\x1b[31m\u202eb\r\0".encode()), "a?[31m?b??")
        self.assertEqual(len(visible(b"x" * 10_000)), 200)
        self.assertEqual(visible(b"\xff"), "\ufffd")
