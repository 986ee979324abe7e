"""What a sender wants to be told, as the next server is told it (RFC 3461 4)."""

from __future__ import annotations

from collections.abc import Sequence

from mailim.interfaces.dsn import MailDsn, RecipientDsn


def mail_parameters(dsn: MailDsn) -> Sequence[str]:
    """Give the parameters of MAIL."""
    found = []
    if dsn.ret:
        found.append(f"RET={dsn.ret}")
    if dsn.envid:
        found.append(f"ENVID={xtext(dsn.envid)}")
    return found


def recipient_parameters(said: RecipientDsn) -> Sequence[str]:
    """Give the parameters of RCPT."""
    found = []
    if said.notify:
        found.append(f"NOTIFY={','.join(said.notify)}")
    kind, semicolon, address = said.orcpt.partition(";")
    if semicolon and address.isascii():  # RFC 6533 3.1 has another form for others
        found.append(f"ORCPT={kind};{xtext(address)}")
    return found


def xtext(text: str) -> str:
    """Encode xtext (RFC 3461 4): what is not printable, "+" and "=" as "+XX"."""
    return "".join(
        char if "!" <= char <= "~" and char not in "+=" else f"+{ord(char):02X}" for char in text
    )
