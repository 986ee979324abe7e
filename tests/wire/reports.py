"""Delivery reports as other servers write them (RFC 3464), composed for tests."""

from __future__ import annotations

from collections.abc import Sequence


def recipient(
    address: str, action: str = "failed", status: str = "5.1.1", said: str = "", original: str = ""
) -> str:
    """Give the fields of one recipient."""
    lines = [f"Final-Recipient: rfc822; {address}", f"Action: {action}", f"Status: {status}"]
    if original:
        lines.insert(0, f"Original-Recipient: rfc822;{original}")
    if said:
        lines.append(f"Diagnostic-Code: smtp; {said}")
    return "\r\n".join(lines) + "\r\n"


def report(
    recipients: Sequence[str],
    message_id: str = "",
    envid: str = "",
    returned: str = "text/rfc822-headers",
    to: str = "alice@example.test",
) -> bytes:
    """Give a whole report; `recipients` are what `recipient` gives."""
    about = "Reporting-MTA: dns; mx.example.org\r\n"
    if envid:
        about += f"Original-Envelope-Id: {envid}\r\n"
    original = "From: Alice <alice@example.test>\r\nSubject: draft\r\n"
    if message_id:
        original += f"Message-ID:\r\n <{message_id}>\r\n"
    if returned == "message/rfc822":
        original += "\r\nsome words\r\n"
    return (
        f"From: MAILER-DAEMON@mx.example.org\r\nTo: {to}\r\nSubject: Undelivered Mail\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\r\n\r\n'
        "--=_b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        f"--=_b\r\nContent-Type: message/delivery-status\r\n\r\n{about}\r\n"
        + "\r\n".join(recipients)
        + f"\r\n--=_b\r\nContent-Type: {returned}\r\n\r\n{original}\r\n--=_b--\r\n"
    ).encode()
