"""Stanza errors (RFC 6120 section 8.3): the conditions, and the reply made of one.

Whoever cannot do what a stanza asks raises `StanzaError`; the router turns it, and every
expected error of the house, into the reply. An error is never answered (section 8.3.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailim.errors import (
    AlreadyExists,
    AuthenticationFailed,
    Invalid,
    LimitExceeded,
    MailimError,
    NotFound,
    NotPermitted,
    RateLimited,
    StateMismatch,
    Unavailable,
)
from mailim.wire import ns
from mailim.wire.xml import Element

# RFC 6120 section 8.3.3: the conditions, each with the type it usually has.
TYPES: Final = {
    "bad-request": "modify",
    "conflict": "cancel",
    "feature-not-implemented": "cancel",
    "forbidden": "auth",
    "gone": "cancel",
    "internal-server-error": "cancel",
    "item-not-found": "cancel",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "not-allowed": "cancel",
    "not-authorized": "auth",
    "policy-violation": "modify",
    "recipient-unavailable": "wait",
    "redirect": "modify",
    "registration-required": "auth",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
    "service-unavailable": "cancel",
    "subscription-required": "auth",
    "undefined-condition": "cancel",
    "unexpected-request": "wait",
}
# The house's errors as conditions; the first class that fits counts.
_CONDITIONS: Final[tuple[tuple[type[MailimError], str], ...]] = (
    (Invalid, "bad-request"),
    (NotFound, "item-not-found"),
    (AlreadyExists, "conflict"),
    (NotPermitted, "forbidden"),
    (AuthenticationFailed, "not-authorized"),
    (LimitExceeded, "policy-violation"),
    (StateMismatch, "unexpected-request"),
    (RateLimited, "policy-violation"),
    (Unavailable, "resource-constraint"),
)


class StanzaError(MailimError):
    """The stanza cannot be processed.

    type: auth, cancel, continue, modify or wait (RFC 6120 section 8.3.2).
    condition: element name of the condition (section 8.3.3).
    text: one sentence for people, in English; "" for none.
    extra: an application-specific condition (section 8.3.4).
    """

    def __init__(
        self, type: str, condition: str, text: str = "", *, extra: Element | None = None
    ) -> None:
        super().__init__(text)
        self.type = type
        self.condition = condition
        self.extra = extra

    @classmethod
    def of(cls, condition: str, text: str = "") -> StanzaError:
        """Make one of the type its condition usually has."""
        return cls(TYPES[condition], condition, text)

    @property
    def temporary(self) -> bool:  # type: ignore[override]
        """Whether trying again later may help."""
        return self.type == "wait"

    def __str__(self) -> str:
        return f"{self.condition}: {self.text}" if self.text else self.condition


def stanza_error(error: MailimError) -> StanzaError:
    """Give an expected error of the house as a stanza error."""
    if isinstance(error, StanzaError):
        return error
    for kind, condition in _CONDITIONS:
        if isinstance(error, kind):
            return StanzaError(
                "wait" if error.temporary else TYPES[condition], condition, error.text
            )
    return StanzaError.of("internal-server-error")


def answerable(stanza: Element) -> bool:
    """Tell whether an error may be sent back (RFC 6120 sections 8.2.3 and 8.3.1)."""
    kind = stanza.get("type")
    return kind != "error" and not (stanza.name == "iq" and kind == "result")


def reply(stanza: Element, error: StanzaError) -> Element:
    """Give the error stanza that answers `stanza` (RFC 6120 section 8.3.1).

    The addresses are swapped, the id kept, what was sent is not repeated. The caller asks
    `answerable` first.
    """
    condition = Element(error.condition, ns.STANZA_ERRORS)
    below: list[Element | str] = [condition]
    if error.text:
        below.append(Element("text", ns.STANZA_ERRORS, {"xml:lang": "en"}, error.text))
    if error.extra is not None:
        below.append(error.extra)
    attrs = _swapped(stanza, "error")
    if stanza.name == "iq":
        attrs.setdefault("id", "")
    return Element(
        stanza.name, stanza.ns, attrs, Element("error", stanza.ns, {"type": error.type}, *below)
    )


def result(iq: Element, children: Sequence[Element] = ()) -> Element:
    """Give the IQ result that answers `iq` (RFC 6120 section 8.2.3)."""
    return Element("iq", iq.ns, _swapped(iq, "result"), *children)


def _swapped(stanza: Element, kind: str) -> dict[str, str]:
    attrs = {"type": kind}
    for ours, theirs in (("id", "id"), ("from", "to"), ("to", "from")):
        value = stanza.get(theirs)
        if value is not None:
            attrs[ours] = value
    return attrs
