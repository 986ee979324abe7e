"""Trace headers (RFC 5321 4.4): what is put before a mail; its own octets stay as they are."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from mailim.interfaces.spool import Hop, NewMail

# What brought the mail, as a word for the "with" clause (RFC 5321 4.4 Attdl-Protocol).
PROTOCOLS: Final = {
    "smtp": "ESMTP",
    "submission": "ESMTPA",
    "multipop": "POP3",
    "jmap": "HTTP",
    "system": "LOCAL",
}
SOURCE_CHARS: Final = 200
ADDRESS_CHARS: Final = 320  # RFC 5321 4.5.3.1 allows 254

_NOT_PLAIN: Final = re.compile(r"[^\x20-\x7e]")
_SPECIAL: Final = re.compile(r"[()\\]")
# RFC 5321 4.1.2 Mailbox, as far as nothing in it could end the header or open a comment.
_MAILBOX: Final = re.compile(
    r"""(?:[^\s\x00-\x20\x7f"(),:;<>@\[\\\]]+|"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*")"""
    r"""@[^\s\x00-\x20\x7f"(),;<>@\\]+"""
)

_HELO: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}|\[[A-Za-z0-9.:]{1,60}\]")


def received_field(mail: NewMail, hostname: str, trace_id: str) -> bytes:
    """Give the Received field of a mail that enters here, with CRLF at the end of its lines.

    The recipient is named only if there is one: others' names are nobody's business.
    """
    protocol = PROTOCOLS.get(mail.origin, "LOCAL")
    when = datetime.fromtimestamp(mail.received / 1e6, UTC).replace(microsecond=0)
    if mail.hop is not None:
        lines = _from_hop(mail.hop, hostname, trace_id)
    else:
        lines = [f"Received: by {hostname} (mailim) with {protocol} id {trace_id}"]
    # As which account one has logged in is not told to whom one writes under an alias.
    if mail.hop is None and mail.source and mail.origin != "jmap":
        lines.append(f"\t({_comment(mail.source)})")
    if len(mail.recipients) == 1:
        address = mail.recipients[0]
        if address.isascii() and len(address) <= ADDRESS_CHARS and _MAILBOX.fullmatch(address):
            lines.append(f"\tfor <{address}>")
    lines[-1] += ";"
    lines.append(f"\t{format_datetime(when)}")
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def return_path(sender: str) -> bytes:
    """Give the Return-Path field that final delivery adds; "" is the null reverse-path.

    An address that could not stand in a header as it is counts as none.
    """
    fits = len(sender) <= ADDRESS_CHARS and _MAILBOX.fullmatch(sender)
    return f"Return-Path: <{sender if fits else ''}>\r\n".encode("utf-8", "replace")


def _from_hop(hop: Hop, hostname: str, trace_id: str) -> list[str]:
    """Give the clauses for a client of SMTP (RFC 5321 4.4 From-domain, RFC 8314 7.4)."""
    literal = f"IPv6:{hop.address}" if ":" in hop.address else hop.address
    name = hop.helo if _HELO.fullmatch(hop.helo) else f"unknown ({_comment(hop.helo)})"
    lines = [
        f"Received: from {name} ([{_comment(literal)}])",
        f"\tby {hostname} (mailim) with {hop.protocol} id {trace_id}",
    ]
    if hop.tls:
        lines.append(f"\t({_comment(hop.tls)})")
    return lines


def _comment(text: str) -> str:
    """Make a text fit for a comment (RFC 5322 3.2.2)."""
    plain = _NOT_PLAIN.sub("?", text[:SOURCE_CHARS])
    return _SPECIAL.sub(lambda found: "\\" + found[0], plain)
