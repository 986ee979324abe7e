"""Where a message goes: the table of RFC 6121 section 8.5.4, and our choices in it.

Where the RFC leaves a choice: an account's "most available" resources are those of its
highest priority (M); what cannot be delivered is stored (O), and where it cannot be
stored either, the sender is told (E) rather than left in the dark (S).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from mailim.interfaces.im import Session


class Fate(Enum):
    """What becomes of a message."""

    DELIVER = auto()  # D, M or A
    STORE = auto()  # O
    BOUNCE = auto()  # E: <service-unavailable/> to the sender
    IGNORE = auto()  # S


@dataclass(frozen=True, slots=True)
class Destination:
    """What becomes of a message, and the sessions it goes to."""

    fate: Fate
    sessions: tuple[Session, ...] = ()


def no_account(kind: str, resource: str) -> Destination:
    """Decide for an account that does not exist (RFC 6121 section 8.5.1)."""
    if kind == "error" or (kind == "headline" and not resource):
        return Destination(Fate.IGNORE)
    return Destination(Fate.BOUNCE)


def destination(kind: str, resource: str, sessions: Sequence[Session]) -> Destination:
    """Decide where a message goes.

    kind: the message's type. resource: that of `to`, "" for a bare JID.
    sessions: all of the account, available or only connected.
    """
    if resource:
        for session in sessions:
            if session.jid.resource == resource:  # section 8.5.3.1
                return Destination(Fate.DELIVER, (session,))
        if kind == "error":
            return Destination(Fate.IGNORE)
        if kind != "chat":  # section 8.5.3.2.1
            return Destination(Fate.BOUNCE)
    return _to_account(kind, sessions)


def _to_account(kind: str, sessions: Sequence[Session]) -> Destination:
    """Section 8.5.2: a bare JID, or chat to a resource that is gone."""
    if kind == "error":
        return Destination(Fate.IGNORE)
    if kind == "groupchat":
        return Destination(Fate.BOUNCE)
    willing = tuple(s for s in sessions if s.available and s.priority >= 0)
    if kind == "headline":
        return Destination(Fate.DELIVER if willing else Fate.IGNORE, willing)
    if not willing:
        return Destination(Fate.STORE)
    highest = max(s.priority for s in willing)
    return Destination(Fate.DELIVER, tuple(s for s in willing if s.priority == highest))
