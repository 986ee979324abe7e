"""A stream's end towards the router, in memory."""

from __future__ import annotations

from collections import deque

from zope.interface import implementer

from mailim.interfaces.im import IStanzaSink
from mailim.wire.xml import Element


@implementer(IStanzaSink)
class Sink:
    """Keeps what it is sent; `closed` is condition and text of the stream error."""

    def __init__(self) -> None:
        self.stanzas: deque[Element] = deque()
        self.closed: tuple[str, str] = ("", "")

    def send(self, stanza: Element) -> None:
        """Keep a stanza; after the end it is lost, as on a real stream."""
        if not self.closed[0]:
            self.stanzas.append(stanza)

    def close(self, condition: str, text: str) -> None:
        """End the stream."""
        if not self.closed[0]:
            self.closed = (condition, text)
