"""What the sender of a mail may know of a recipient's fate.

A recipient is named as its sender knew it: by the alias, the group or the `+tag` that was
written to. What that leads to is confidential (RFC 3464 4.2): its address, its host, and the
words of that host are left out then, and the code of its reply alone is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailim.interfaces.dsn import MailDsn
from mailim.interfaces.spool import SpoolRecipient

GIVEN_UP: Final = "Given up after five days."
# What the relay keeps of another server's words: "mx.example.org said: 550 5.1.1 No such user".
SAID: Final = re.compile(
    r"(?P<host>[^ ]+) said: "
    r"(?P<reply>(?P<code>[245][0-9]{2})(?: (?P<status>[245]\.[0-9]{1,3}\.[0-9]{1,3})\b)?.*)"
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened to one recipient.

    reason: the text of the queue, if there is one; status: RFC 3463, of a reply that is not
    told; orcpt: as `RecipientDsn` has it.
    """

    address: str
    reason: str = ""
    status: str = ""
    orcpt: str = ""


def trouble_of(recipient: SpoolRecipient, dsn: MailDsn, reason: str = "") -> Trouble:
    """Give what is told of a recipient."""
    orcpt = dsn.of(recipient.address).orcpt
    if not recipient.sent_to or not reason:
        return Trouble(recipient.known_as, reason, "", orcpt)
    said = SAID.search(reason)
    return Trouble(recipient.sent_to, behind(reason), (said and said["status"]) or "", orcpt)


def behind(reason: str) -> str:
    """Give what may be told of why a mail did not get to where an alias or a group leads."""
    said = SAID.search(reason)
    text = "The mail could not be brought to where this address leads."
    if said:
        code = " ".join(filter(None, (said["code"], said["status"])))
        text = f"The mail system that this address leads to did not take the mail ({code})."
    return f"{GIVEN_UP} {text}" if GIVEN_UP in reason else text


def merged(troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """Give one for each address: of the members of a group the first that is in trouble."""
    found: dict[str, Trouble] = {}
    for each in troubles:
        found.setdefault(each.address, each)
    return tuple(found.values())
