"""The mail under way in an SMTP conversation (RFC 5321 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailim.interfaces.dsn import NOTHING_SAID, MailDsn, RecipientDsn
from mailim.protocols.smtp.reception import Reception
from mailim.wire.smtp import Event
from mailim.wire.smtp_commands import Bdat, MailFrom, RcptTo, Simple


@dataclass(slots=True)
class Transaction:
    """The mail under way."""

    sender: str
    mail: MailFrom
    release: int | None = None  # RFC 4865; microseconds, None: at once
    recipients: dict[str, RecipientDsn] = field(default_factory=dict)
    reception: Reception | None = None  # once a first chunk came

    def dsn(self) -> MailDsn:
        """What the client said about notices (RFC 3461)."""
        said = {
            address: each for address, each in self.recipients.items() if each != RecipientDsn()
        }
        if not said and not self.mail.ret and not self.mail.envid:
            return NOTHING_SAID
        return MailDsn(self.mail.ret, self.mail.envid, said)


def envelope_of(
    event: Event | None, transaction: Transaction | None
) -> tuple[str, tuple[str, ...]]:
    """Give whose mail, and for whom, was refused with a command; None: between two commands.

    One recipient of RCPT, none yet of MAIL ("" for it), all there are of the text. Other
    commands, and those that make no sense, decide about nobody's mail.
    """
    if isinstance(event, MailFrom):
        return str(event.path), ("",)
    sender = "" if transaction is None else transaction.sender
    if isinstance(event, RcptTo):
        return sender, (str(event.path),)
    of_text = event is None or isinstance(event, Bdat) or event == Simple("DATA")
    return sender, tuple(transaction.recipients) if transaction is not None and of_text else ()
