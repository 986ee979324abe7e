"""What one XML stream may cost: the limits of the stanza parser, and its one error.

Every limit is a plain number a peer cannot argue with. Two presets exist because a stranger
who has not authenticated yet has no reason to send more than a SASL exchange (RFC 6120
section 13.12 recommends a stanza limit of at least 10,000 bytes).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailim.wire.xml.parser import StreamEvent


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """Limits for one stream; exceeding any is the stream error `policy-violation`.

    stanza_bytes: bytes of one stanza, of the stream header, or of white space between stanzas.
    tag_bytes: bytes of one tag with all its attributes (expat scans an unfinished tag again
        on every arrival, so this also bounds the work a peer gets for one byte).
    depth: nesting within one stanza; the stanza itself is at depth 1.
    attributes: attributes of one element, namespace declarations not counted.
    children: elements below one stanza, at any depth.
    name_bytes: UTF-8 bytes of one element or attribute name with its namespace name.
    """

    stanza_bytes: int
    tag_bytes: int
    depth: int
    attributes: int
    children: int
    name_bytes: int


BEFORE_AUTH = XmlLimits(
    stanza_bytes=10 * 1024,
    tag_bytes=4 * 1024,
    depth=16,
    attributes=32,
    children=128,
    name_bytes=256,
)
AFTER_AUTH = XmlLimits(
    stanza_bytes=256 * 1024,
    tag_bytes=16 * 1024,
    depth=64,
    attributes=64,
    children=8192,
    name_bytes=1024,
)


@dataclass(eq=False)
class XmlStreamError(Exception):
    """The peer's XML cannot be accepted; the stream must end with this stream error.

    condition: element name of the condition (RFC 6120 section 4.9.3).
    text: one sentence that may be shown to the peer; never contains what the peer sent.
    events: what was received whole before the error, to be acted upon first.
    """

    condition: str
    text: str
    events: list[StreamEvent] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.condition}: {self.text}"
