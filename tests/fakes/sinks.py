"""A stream's end towards the router, in memory."""

from __future__ import annotations

from collections import deque

from zope.interface import implementer

from mailim.interfaces.im import IReceipt, IStanzaSink
from mailim.wire.xml import Element


@implementer(IStanzaSink)
class Sink:
    """Keeps what it is sent; `closed` is condition and text of the stream error."""

    def __init__(self) -> None:
        self.stanzas: deque[Element] = deque()
        self.closed: tuple[str, str] = ("", "")

    def send(self, stanza: Element, receipt: IReceipt | None = None) -> None:
        """Keep a stanza; after the end it is lost, as on a real stream."""
        if not self.closed[0]:
            self.stanzas.append(stanza)
        if receipt is not None:
            receipt.arrived()

    def close(self, condition: str, text: str) -> None:
        """End the stream."""
        if not self.closed[0]:
            self.closed = (condition, text)


@implementer(IStanzaSink)
class SlowSink(Sink):
    """One whose client acknowledges when the test says so (XEP-0198)."""

    def __init__(self) -> None:
        super().__init__()
        self.receipts: deque[IReceipt] = deque()

    def send(self, stanza: Element, receipt: IReceipt | None = None) -> None:
        """Keep a stanza and its receipt."""
        super().send(stanza)
        if receipt is not None:
            self.receipts.append(receipt)

    def acknowledge(self) -> None:
        """Tell all receipts that their stanzas arrived."""
        while self.receipts:
            self.receipts.popleft().arrived()

    async def fail(self) -> None:
        """Tell all receipts that the session is over; after it was unbound."""
        while self.receipts:
            await self.receipts.popleft().failed()
