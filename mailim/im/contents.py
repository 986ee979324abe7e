"""What a message carries: does it say something, and what did its sender ask of archives.

A message that only shows that somebody is typing (XEP-0085), or nothing at all, says
nothing: it is delivered to who is there and neither recorded nor kept. The test is strict,
so that nothing can be said in its shape: only the known elements, and empty ones.
"""

from __future__ import annotations

from typing import Final

from mailim.wire import ns
from mailim.wire.xml import Element

_CHAT_STATES: Final = frozenset({"active", "composing", "paused", "inactive", "gone"})
_HINTS: Final = frozenset({"no-permanent-store", "no-store", "no-copy", "store"})
_THREAD_CHARACTERS: Final = 64  # RFC 6121 section 5.2.5 suggests a UUID; more could be a text

# RFC 6121 section 5.2.2
MESSAGE_TYPES: Final = frozenset({"chat", "error", "groupchat", "headline", "normal"})


def message_type(message: Element) -> str:
    """Give the type of a message; an unknown one counts as normal (RFC 6121 section 5.2.2)."""
    kind = message.get("type", "normal")
    return kind if kind in MESSAGE_TYPES else "normal"


def body_text(message: Element) -> str:
    """Give the text of a message, bodies of several languages on lines of their own."""
    return "\n".join(body.text for body in message.elements("body", message.ns))


def says_something(message: Element) -> bool:
    """Tell whether a message carries more than a chat state."""
    return any(
        bool(child.strip()) if isinstance(child, str) else not _says_nothing(child, message.ns)
        for child in message.children
    )


def may_be_archived(message: Element) -> bool:
    """Tell whether a user's archive takes this message (XEP-0313 section 5.1.1, XEP-0334)."""
    if message_type(message) not in ("chat", "normal"):
        return False
    if _hint(message, "no-store") or _hint(message, "no-permanent-store"):
        return False
    return says_something(message) or _hint(message, "store")


def may_be_copied(message: Element) -> bool:
    """Tell whether a message is eligible for carbons (XEP-0280 section 6.1)."""
    kind = message_type(message)
    if kind in ("groupchat", "headline"):
        return False
    if message.find("private", ns.CARBONS) is not None or _hint(message, "no-copy"):
        return False
    if kind == "error":
        return True  # section 6.1: if what it answers was; most are
    carbon = message.find("sent", ns.CARBONS) or message.find("received", ns.CARBONS)
    if carbon is not None or _is_room_private(message):
        return False
    return kind == "chat" or says_something(message)


def _is_room_private(message: Element) -> bool:
    """A private message in a room goes to the client that is in it (XEP-0280 section 6.1)."""
    return message.find("x", ns.MUC_USER) is not None and message.get("type") == "chat"


def _hint(message: Element, name: str) -> bool:
    return message.find(name, ns.HINTS) is not None


def _says_nothing(child: Element, stanza_ns: str) -> bool:
    if child.name == "thread" and child.ns == stanza_ns:
        text = child.text
        return len(text) <= _THREAD_CHARACTERS and child.children in ([], [text])
    if child.attrs or child.children:
        return False
    return (child.ns == ns.CHAT_STATES and child.name in _CHAT_STATES) or (
        child.ns == ns.HINTS and child.name in _HINTS
    )
