"""Filters: what looks at a mail between the spool and its delivery."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from zope.interface import Attribute, Interface

from mailim.interfaces.spool import SpoolEntry
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
    CRLF at the end of each, put before the mail at its delivery; the body stays as it is.
    """

    action: Action = Action.ACCEPT
    reason: str = ""
    headers: bytes = b""


class IFilter(Interface):
    """Judges one mail. It has no effect on the mail but through its verdict."""

    name: str = Attribute("a word for the log")

    async def check(entry: SpoolEntry, facts: MessageFacts) -> Verdict:
        """Give a verdict.

        Called at every attempt to deliver, so possibly more than once for one mail. Whatever
        it raises is a temporary failure: the mail waits and is tried again later.
        """
