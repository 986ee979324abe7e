"""Filters: what looks at a mail between the spool and its delivery.

A filter (`IFilter`) judges a mail as a whole. Rules (`IRules`) judge it once for each final
recipient, when it is known whether that is an account here or an address elsewhere; what
they want done besides is in `Ruling` and happens in the unit that keeps the verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from zope.interface import Attribute, Interface

from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.wire.message import MessageFacts


class Action(Enum):
    """What shall become of a mail."""

    ACCEPT = "accept"  # go on: the next filter, then delivery
    JUNK = "junk"  # go on, but deliver into the folder with the role "junk"
    HOLD = "hold"  # stop: stay in the spool until an administrator decides


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of one filter, or of all of them together.

    `reason` is for people (the queue's list, the log). `headers` are whole header fields,
    CRLF at the end of each, put before the mail at its delivery, here or elsewhere; the
    body stays as it is. `folder` is a path below the account's root with "/" between names,
    made if it is missing, "" the Inbox; junk goes to Junk whatever it says.
    """

    action: Action = Action.ACCEPT
    reason: str = ""
    headers: bytes = b""
    folder: str = ""
    keywords: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ping:
    """An instant message a rule wants sent; all macros are expanded.

    `told`: the sender stands in the mail, not in the rule.
    """

    recipient: str
    sender: str
    body: str
    told: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """What all rules together decided about one recipient.

    `held` says why it stays in the spool until an administrator lets it go; then it is
    delivered as `verdict` says, which is never HOLD. `deleted`: the recipient ends here.
    `notes` are lines for the log and the trace: what could not be done.
    """

    verdict: Verdict = Verdict()
    held: str = ""
    deleted: bool = False
    copies: tuple[str, ...] = ()
    copy_headers: bytes = b""  # stand before the copies
    pings: tuple[Ping, ...] = ()
    rules: tuple[str, ...] = ()  # names of those that matched
    notes: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Nothing is to be kept or done: the mail goes on as it is."""
        quiet = not (self.held or self.deleted or self.copies or self.pings)
        return quiet and self.verdict == Verdict()


class IFilter(Interface):
    """Judges one mail. It has no effect on the mail but through its verdict."""

    name: str = Attribute("a word for the log")

    async def check(entry: SpoolEntry, facts: MessageFacts) -> Verdict:
        """Give a verdict.

        Called at every attempt to deliver, so possibly more than once for one mail. Whatever
        it raises is a temporary failure: the mail waits and is tried again later.
        """


class IHearing(Interface):
    """Rules about one mail, at one attempt: what is read of the mail is read once."""

    async def judge(recipient: SpoolRecipient, account_id: int | None) -> Ruling:
        """Judge for one recipient; `account_id` is None if the address is elsewhere.

        Whatever it raises is a temporary failure. It has no effect by itself.
        """


class IRules(Interface):
    """Rules in force."""

    def about(entry: SpoolEntry, facts: MessageFacts) -> IHearing:
        """Begin with a mail."""
