"""Trace headers, RFC 5321 4.4: well-formed whatever the envelope holds."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailim.interfaces.spool import NewMail
from mailim.mail.trace import received_field, return_path

MAIL = NewMail(
    "ann@example.org",
    ("bob@example.test",),
    "multipop",
    "pop.example.org as kate",
    1_700_000_000_123_456,
)


def received(mail: NewMail) -> bytes:
    return received_field(mail, "mail.example.test", "0123abcd")


class TraceTest(SynchronousTestCase):
    def test_received(self) -> None:
        self.assertEqual(
            received(MAIL),
            b"Received: by mail.example.test (mailim) with POP3 id 0123abcd\r\n"
            b"\t(pop.example.org as kate)\r\n"
            b"\tfor <bob@example.test>;\r\n"
            b"\tTue, 14 Nov 2023 22:13:20 +0000\r\n",
        )

    def test_recipients_are_nobodys_business(self) -> None:
        many = replace(MAIL, recipients=("a@example.test", "b@example.test"))
        self.assertNotIn(b"for", received(many))

    def test_hostile_envelopes(self) -> None:
        """No envelope makes a second header, a line without end, or an open comment."""
        for text in (
            "x\r\nEvil: yes",
            "a) (b",
            "\\",
            "((((",
            "ü\0\x7f",
            "x" * 5000,
            "\r",
            "\n.\r\n",
        ):
            for mail in (
                replace(MAIL, source=text),
                replace(MAIL, recipients=(text,)),
                replace(MAIL, origin=text),
            ):
                field = received(mail)
                parsed = email.message_from_bytes(field + b"\r\n", policy=email.policy.compat32)
                self.assertEqual(parsed.keys(), ["Received"], text)
                self.assertTrue(field.endswith(b"\r\n"))
                self.assertTrue(all(len(line) < 998 for line in field.split(b"\r\n")))
                lines = field.split(b"\r\n")[1:-1]
                self.assertTrue(all(line.startswith(b"\t") for line in lines))
                comment = field.replace(b"\\\\", b"").replace(b"\\(", b"").replace(b"\\)", b"")
                self.assertEqual(comment.count(b"("), comment.count(b")"))

    def test_return_path(self) -> None:
        self.assertEqual(return_path("ann@example.org"), b"Return-Path: <ann@example.org>\r\n")
        for kept in ('"odd (one)"@x.org', "jür@example.org", "a+b@[192.0.2.1]"):
            self.assertEqual(return_path(kept).decode(), f"Return-Path: <{kept}>\r\n")
        for none in (
            "",
            "a\r\nb@x",
            "a b@x",
            "<@x",
            "a(@x",
            '"a\n"@x',
            "\ud800@x>",
            "x" * 400 + "@x",
        ):
            self.assertEqual(return_path(none), b"Return-Path: <>\r\n", none)
