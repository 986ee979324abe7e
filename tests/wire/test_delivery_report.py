"""Delivery reports, read (RFC 3464, RFC 6533)."""

from __future__ import annotations

import base64

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.delivery_report import (
    RECIPIENTS,
    RETURNED_OCTETS,
    STATUS_OCTETS,
    DeliveryReport,
    ReportedRecipient,
    read_report,
    report_parts,
)
from mailim.wire.message import describe
from tests.wire.reports import recipient, report


def read(data: bytes) -> DeliveryReport | None:
    parts = report_parts(describe(data).structure)
    if parts is None:
        return None
    status, returned = parts.spans
    return read_report(parts, data[slice(*status)], data[slice(*returned)])


def one(fields: str) -> ReportedRecipient | None:
    found = read(report([fields]))
    assert found is not None
    return found.recipients[0] if found.recipients else None


class ReportTests(SynchronousTestCase):
    def test_read(self) -> None:
        said = "550 5.1.1 <bob@x>: no such user"
        bob = recipient("bob@example.org", said=said)
        kim = recipient("Kim@example.org", "delayed", "4.4.1")
        data = report([bob, kim], "one@example.test", "QQ 3")
        self.assertEqual(read(data), DeliveryReport("QQ 3", "one@example.test", (
            ReportedRecipient(frozenset({"bob@example.org"}), "failed", said),
            ReportedRecipient(frozenset({"kim@example.org"}), "delayed", "451 4.4.1 Delayed"),
        )))  # fmt: skip

    def test_the_whole_original_returned(self) -> None:
        found = read(report([recipient("a@b")], "one@x", returned="message/rfc822"))
        assert found is not None
        self.assertEqual(found.message_id, "one@x")

    def test_replies(self) -> None:
        for fields, reply in (
            (recipient("a@b", status="5.2.2 (full)"), "550 5.2.2 Failed"),
            (recipient("a@b", status="2.0.0"), "550 5.0.0 Failed"),  # it contradicts the action
            (recipient("a@b", status="x"), "550 5.0.0 Failed"),
            (recipient("a@b", "delivered", "2.1.5"), "250 2.1.5 Delivered"),
            (recipient("a@b", said="not a reply"), "550 5.1.1 Failed"),
            (recipient("a@b", said="550-5.7.1 no\r\n  more"), "550-5.7.1 no more"),
            (recipient("a@b", said="550 a\x07b\x1fc"), "550 a b c"),
        ):
            found = one(fields)
            assert found is not None
            self.assertEqual(found.reply, reply)

    def test_addresses(self) -> None:
        found = one(recipient("list-owner@y", original="Bob+2Btag@x"))
        assert found is not None
        self.assertEqual(found.addresses, {"list-owner@y", "bob+2btag@x", "bob+tag@x"})
        found = one("Final-Recipient: utf-8; j\\x{F6}rg@x\r\nAction: failed\r\n")
        assert found is not None
        self.assertEqual(found.addresses, {"jörg@x"})
        self.assertIsNone(one("Final-Recipient: x400; /C=de\r\nAction: failed\r\n"))
        self.assertIsNone(one("Final-Recipient: rfc822; a@b\r\nAction: exploded\r\n"))
        self.assertIsNone(one("Action: failed\r\n"))
        self.assertIsNone(one("Final-Recipient: utf-8; \\x{D800}\r\nAction: failed\r\n"))

    def test_encoded_parts(self) -> None:
        """Some servers do, though RFC 3464 section 2.1 has 7bit."""
        plain = report([recipient("a@b")], "one@x", "E")
        status = plain[
            plain.index(b"Reporting-MTA") : plain.index(b"\r\n--=_b\r\nContent-Type: text/r")
        ]
        head = b"Content-Type: message/delivery-status\r\n"
        data = plain.replace(status, base64.encodebytes(status)).replace(
            head, head + b"Content-Transfer-Encoding: base64\r\n"
        )
        self.assertEqual(read(data), read(plain))

    def test_what_is_no_report(self) -> None:
        data = report([recipient("a@b")])
        for old, new in (
            (b"report-type=delivery-status", b"report-type=disposition-notification"),
            (b"multipart/report", b"multipart/mixed"),
            (b"message/delivery-status", b"text/plain"),
        ):
            self.assertIsNone(read(data.replace(old, new)))


class HostileTests(SynchronousTestCase):
    def test_no_more_than_the_limits_is_read(self) -> None:
        fields = recipient("a@b")
        found = read(report([fields] * (RECIPIENTS + 50)))
        assert found is not None
        self.assertLessEqual(len(found.recipients), RECIPIENTS + 1)
        huge = report([fields + "X: " + "y" * 3 * STATUS_OCTETS], "a@" + "b" * 3 * RETURNED_OCTETS)
        parts = report_parts(describe(huge).structure)
        assert parts is not None
        (start, end), (from_, to) = parts.spans
        self.assertLessEqual((end - start, to - from_), (STATUS_OCTETS, RETURNED_OCTETS))

    def test_blank_lines_take_no_time(self) -> None:
        for filling in (
            "\r\n" * 200_000,
            "\r\n \t" * 100_000,
            "Action\r\n" * 50_000,
            "\n\r" * 9000,
        ):
            read(report([filling]))

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=300), st.binary(max_size=100))
    def test_garbage_never_raises(self, status: bytes, returned: bytes) -> None:
        parts = report_parts(describe(report([recipient("a@b")])).structure)
        assert parts is not None
        read_report(parts, status, returned)
        read_report(parts, b"Action: failed\r\nFinal-Recipient: " + status, returned)
