"""What a sender wants to be told of a mail's fate (RFC 3461), part of its envelope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RecipientDsn:
    """Of one recipient.

    notify: "NEVER" alone, or some of "SUCCESS", "FAILURE", "DELAY"; empty: not said.
    orcpt: the address the sender wrote to, "rfc822;kim@example.org", decoded; "" if not said.
    """

    notify: tuple[str, ...] = ()
    orcpt: str = ""

    def wants(self, word: str) -> bool:
        """Say whether a notice is wanted; failures and delays are told unless said otherwise."""
        return word in self.notify if self.notify else word != "SUCCESS"


@dataclass(frozen=True, slots=True)
class MailDsn:
    """Of a whole mail; `recipients` by their address in the envelope."""

    ret: str = ""  # FULL, HDRS or ""
    envid: str = ""  # the sender's name for the envelope, decoded
    recipients: Mapping[str, RecipientDsn] = field(default_factory=dict)

    def of(self, address: str) -> RecipientDsn:
        """Give a recipient's; what was not said is the default."""
        return self.recipients.get(address, RecipientDsn())


NOTHING_SAID = MailDsn()
