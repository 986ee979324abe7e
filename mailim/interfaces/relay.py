"""The way out: what the queue hands mail for other servers to."""

from __future__ import annotations

from dataclasses import dataclass

from zope.interface import Interface

from mailim.interfaces.spool import SpoolEntry, SpoolRecipient


@dataclass(frozen=True, slots=True)
class Handed:
    """Who has the mail now: another server, by its name, and what it said (RFC 5321 4.2.5).

    tells: it will tell the sender what he wants to know (RFC 3461 5.2.2).
    """

    host: str = ""
    words: str = ""
    tells: bool = False


class IRelay(Interface):
    """Brings mail to other servers, at least once."""

    async def send(entry: SpoolEntry, recipient: SpoolRecipient, headers: bytes = b"") -> Handed:
        """Return once another server took responsibility for this recipient (RFC 5321 4.2.5).

        `headers` are whole fields to stand before the mail, what filters added for this one.
        Raises an error with `temporary` set where trying again may help, any other
        `MailimError` where it will not.
        """
