"""Telling a sender what became of a mail (RFC 3461, RFC 3464, RFC 3834).

That it did not arrive, or has not yet, is told unless the sender said otherwise (NOTIFY);
that it did arrive only where asked for.

A notice is a mail of its own with the null reverse-path. It enters by the intake, in the
unit that ends the recipients it is about (or puts them off), so that it is written exactly
once. Nobody is told of a mail that has no sender (RFC 5321 4.5.5, 6.1): see `endings`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from mailim.interfaces.spool import NewMail, SpoolEntry, SpoolRecipient
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.backoff import GIVE_UP_AFTER
from mailim.mail.intake import Intake, PreparedMail
from mailim.mail.troubles import GIVEN_UP, SAID, Trouble, trouble_of

RETURNED_OCTETS: Final = 32 * 1024  # of the original's header
FULL_OCTETS: Final = 1024 * 1024  # a larger original is not returned as a whole (RET=FULL)
_REASON_CHARS: Final = 500
_LINE_CHARS: Final = 900
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")

_HEAD: Final = """\
This is the mail system of {hostname}.

Your message of {date} """
_WORDS: Final = {
    "failed": """\
could not be delivered to:

{recipients}

It is not tried again. {attached}
""",
    "delayed": """\
has not yet been delivered to:

{recipients}

It is tried again until {until}. You need not send it again.
""",
    "delivered": """\
was delivered to:

{recipients}

What its reader does with it is not known here.
""",
    "relayed": """\
was handed to another mail system for:

{recipients}

That system sends no notice when it delivers.
""",
    "expanded": """\
was delivered to this list, and goes on from there:

{recipients}
""",
}
_SUBJECTS: Final = {
    "failed": "Mail not delivered",
    "delayed": "Mail not yet delivered",
    "delivered": "Mail delivered",
    "relayed": "Mail handed on",
    "expanded": "Mail delivered to a list",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice made ready for the unit it belongs to."""

    prepared: PreparedMail
    mail: NewMail


async def _everybody(_address: str) -> bool:
    return True


class Bounces:
    """Composes notices. `hostname` is this server's, `domain` that of its postmaster.

    reaches: says whether mail for an address has a way at all.
    """

    def __init__(
        self,
        store: IStore,
        intake: Intake,
        hostname: str,
        domain: str,
        reaches: Callable[[str], Awaitable[bool]] = _everybody,
    ) -> None:
        self._store = store
        self._intake = intake
        self._hostname = hostname
        self._domain = domain
        self._reaches = reaches

    async def wanted(self, entry: SpoolEntry) -> bool:
        """Say whether there is somebody to tell.

        Mail that was collected is nobody's business but its owner's, whatever its envelope.
        """
        if not entry.sender or entry.origin == "multipop":
            return False
        return await self._reaches(entry.sender)

    async def failed(self, entry: SpoolEntry, troubles: Sequence[Trouble]) -> Notice:
        """Make the notice that a mail will not reach these recipients."""
        return await self._notice(entry, troubles, "failed")

    async def delayed(self, entry: SpoolEntry, troubles: Sequence[Trouble]) -> Notice:
        """Make the notice that a mail has not reached them yet."""
        return await self._notice(entry, troubles, "delayed")

    async def succeeded(
        self, entry: SpoolEntry, recipient: SpoolRecipient, action: str
    ) -> Notice | None:
        """Make the notice of a success if its sender asked for one.

        action (RFC 3464 2.3.3): delivered, relayed (to a server that cannot tell), or
        expanded (a group).
        """
        if not entry.dsn.of(recipient.address).wants("SUCCESS") or not await self.wanted(entry):
            return None
        return await self._notice(entry, [trouble_of(recipient, entry.dsn)], action)

    def spool(self, tx: ITransaction, notice: Notice) -> int:
        """Put a notice into the spool, inside the unit that causes it; gives its id."""
        return self._intake.spool(tx, notice.prepared, notice.mail)

    async def _notice(self, entry: SpoolEntry, troubles: Sequence[Trouble], action: str) -> Notice:
        now = self._intake.now()
        full = action == "failed" and entry.dsn.ret == "FULL" and entry.size <= FULL_OCTETS
        octets = await self._composed(entry, troubles, action, full, now)
        prepared = await self._intake.prepare(octets)
        mail = NewMail("", (entry.sender,), "system", f"about mail {entry.id}", now)
        return Notice(prepared, mail)

    async def _composed(
        self, entry: SpoolEntry, troubles: Sequence[Trouble], action: str, full: bool, now: int
    ) -> bytes:
        report = self._report(entry, troubles, action, full)
        report["Date"] = _date(now)
        octets = FULL_OCTETS if full else RETURNED_OCTETS
        start = await self._store.bodies.read(entry.sha256, 0, octets)
        if full:
            return _with_original(report, entry.prefix + start)
        end = _HEADER_END.search(start)
        report.attach(_original(entry.prefix + (start if end is None else start[: end.start()])))
        return report.as_bytes(policy=SMTP)

    def _report(
        self, entry: SpoolEntry, troubles: Sequence[Trouble], action: str, full: bool
    ) -> MIMEMultipart:
        until = _date(entry.received + GIVE_UP_AFTER)
        report = MIMEMultipart("report", report_type="delivery-status")
        report["From"] = f"Mail system <postmaster@{self._domain}>"
        report["To"] = _ascii(f"<{entry.sender}>")
        report["Subject"] = _SUBJECTS[action]
        report["Message-ID"] = f"<{secrets.token_hex(12)}@{self._hostname}>"
        report["Auto-Submitted"] = "auto-replied"  # RFC 3834 5
        words = (_HEAD + _WORDS[action]).format(
            hostname=self._hostname,
            date=_date(entry.received),
            until=until,
            attached=f"{'It' if full else 'The header of your message'} is attached.",
            recipients="\n\n".join(map(_named, troubles)),
        )
        report.attach(_text(words, "plain"))
        status = MIMEBase("message", "delivery-status")
        about = Message()
        if entry.dsn.envid:
            about["Original-Envelope-Id"] = _ascii(entry.dsn.envid)
        about["Reporting-MTA"] = f"dns; {self._hostname}"
        about["Arrival-Date"] = _date(entry.received)
        blocks = [about]
        for each in troubles:
            blocks.append(_block(each, action, until))
        for block in blocks:
            status.attach(block)
        report.attach(status)
        return report


def _named(trouble: Trouble) -> str:
    lines = [_line(trouble.address), _line(trouble.reason)]
    return "\n".join(f"  {line}" for line in lines if line)


def _block(trouble: Trouble, action: str, until: str) -> Message:
    """Give the fields of one recipient (RFC 3464 2.3)."""
    said = SAID.search(_line(trouble.reason))
    status = (said and said["status"]) or trouble.status
    wanted = {"failed": "5", "delayed": "4"}.get(action, "2")
    if not status.startswith(wanted):
        # RFC 3463: 4.7 is "delivery time expired"; else nothing more is known.
        expired = action == "delayed" or GIVEN_UP in trouble.reason
        status = f"{wanted}.4.7" if expired else f"{wanted}.0.0"
    block = Message()
    if trouble.orcpt:
        block["Original-Recipient"] = _ascii(trouble.orcpt)  # RFC 3464 2.3.1
    block["Final-Recipient"] = _typed(trouble.address)
    block["Action"] = action
    block["Status"] = status
    if said:
        block["Remote-MTA"] = _ascii(f"dns; {said['host']}")
        block["Diagnostic-Code"] = _ascii(f"smtp; {said['reply']}")
    if action == "delayed":
        block["Will-Retry-Until"] = until
    return block


def _with_original(report: MIMEMultipart, original: bytes) -> bytes:
    """Write the report with a mail at its end, every octet of that as it came (RFC 3461 6.2).

    It is not parsed: a stranger wrote it, and some mails would keep the reactor for minutes.
    """
    place = secrets.token_hex(16)
    report.set_boundary(f"=_{secrets.token_hex(16)}")  # nothing in it can guess that
    part = MIMEBase("message", "rfc822")
    if not original.isascii():
        for each in (part, report):
            each["Content-Transfer-Encoding"] = "8bit"
    part.set_payload(place)
    report.attach(part)
    head, end = report.as_bytes(policy=SMTP).split(place.encode())
    return head + original + end


def _original(header: bytes) -> MIMEText:
    """Give the original's header as a part (RFC 3462 2)."""
    text = header.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _text(text.rstrip("\n") + "\n", "rfc822-headers")


def _text(text: str, kind: str) -> MIMEText:
    """Give a text part, readable without decoding where it can be (RFC 5322 2.1.1)."""
    plain = text.isascii() and max(map(len, text.split("\n"))) <= _LINE_CHARS
    return MIMEText(text, kind, "us-ascii" if plain else "utf-8")


def _typed(address: str) -> str:
    """Give an address for a field of RFC 3464; RFC 6533 3 for what is not ASCII."""
    if address.isascii():
        return f"rfc822; {_line(address)}"
    escaped = (char if char.isascii() else f"\\x{{{ord(char):X}}}" for char in _line(address))
    return f"utf-8; {''.join(escaped)}"


def _line(text: str) -> str:
    """Make a text of strangers one short line that nothing can end."""
    plain = "".join(char if char.isprintable() else " " for char in text[:_REASON_CHARS])
    return " ".join(plain.split())


def _ascii(text: str) -> str:
    return _line(text).encode("ascii", "replace").decode()


def _date(time: int) -> str:
    return format_datetime(datetime.fromtimestamp(time // 1_000_000, UTC))
