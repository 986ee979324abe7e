"""A session that is bound, and whose client does not know it yet: what it is sent has to wait."""

from __future__ import annotations

from zope.interface import implementer

from mailim.interfaces.im import IReceipt, IStanzaSink
from mailim.wire.xml import Element


@implementer(IStanzaSink)
class EarlySink:
    """Keeps what comes before the result of binding (RFC 6120 7.6.1), then hands it on."""

    def __init__(self, stream: IStanzaSink) -> None:
        self._stream = stream
        self._waiting: list[tuple[Element, IReceipt | None]] = []

    def send(self, stanza: Element, receipt: IReceipt | None = None) -> None:
        """Keep a stanza."""
        self._waiting.append((stanza, receipt))

    def close(self, condition: str, text: str) -> None:
        """End the stream."""
        self._stream.close(condition, text)

    def release(self) -> None:
        """Send it all; a stream that has ended gives it back."""
        waiting, self._waiting = self._waiting, []
        for stanza, receipt in waiting:
            self._stream.send(stanza, receipt)
