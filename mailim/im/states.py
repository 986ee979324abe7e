"""Subscription states and their transitions (RFC 6121 appendix A), without any storage.

A state is seen from the side of one user, about one contact. The nine states of A.1 are
combinations of four facts; a fifth, the pre-approval of section 3.4, rides along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

KINDS: Final = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})


@dataclass(frozen=True, slots=True)
class State:
    """What holds between a user and a contact.

    to: the user gets the contact's presence. from_: the contact gets the user's.
    asked: the user asked for it and waits ("Pending Out", ask='subscribe').
    requested: the contact asked for it and waits ("Pending In").
    approved: a request of the contact is to be granted when it comes (section 3.4).
    """

    to: bool = False
    from_: bool = False
    asked: bool = False
    requested: bool = False
    approved: bool = False

    @classmethod
    def of(cls, subscription: str, asked: bool, requested: bool, approved: bool) -> State:
        """Make a state of the attributes of a roster item (section 2.1.2)."""
        return cls(
            subscription in ("to", "both"),
            subscription in ("from", "both"),
            asked,
            requested,
            approved,
        )

    @property
    def subscription(self) -> str:
        """The attribute of the roster item (section 2.1.2.5)."""
        if self.to:
            return "both" if self.from_ else "to"
        return "from" if self.from_ else "none"


def sent(kind: str, state: State) -> tuple[State, bool]:
    """Apply what the user sends (A.2); give the new state and whether it is to be routed."""
    if kind == "subscribe":
        return (state if state.to else replace(state, asked=True)), True
    if kind == "unsubscribe":
        return replace(state, to=False, asked=False), True
    if kind == "subscribed":
        if state.requested:
            return replace(state, from_=True, requested=False), True
        return (state if state.from_ else replace(state, approved=True)), False
    route = state.from_ or state.requested
    return replace(state, from_=False, requested=False, approved=False), route


def received(kind: str, state: State) -> tuple[State, bool, str]:
    """Apply what comes from the contact (A.3).

    Gives the new state, whether it is to be delivered, and the kind of presence to reply
    on the user's behalf, "" for none.
    """
    if kind == "subscribe":
        if state.from_:
            return state, False, "subscribed"
        if state.approved:
            return replace(state, from_=True, requested=False), False, "subscribed"
        return replace(state, requested=True), not state.requested, ""
    if kind == "unsubscribe":
        if state.from_ or state.requested:
            return replace(state, from_=False, requested=False), True, "unsubscribed"
        return state, False, ""
    if kind == "subscribed":
        return (
            (replace(state, to=True, asked=False), True, "") if state.asked else (state, False, "")
        )
    changed = state.to or state.asked
    return replace(state, to=False, asked=False), changed, ""
