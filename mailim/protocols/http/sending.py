"""Writing a response, no faster than its reader reads."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from zope.interface import implementer

from mailim.protocols.http.encodings import PACK_FROM, choose, pack
from mailim.protocols.http.fields import field_values
from mailim.protocols.http.limits import THREAD_OCTETS
from mailim.protocols.http.response import Response

if TYPE_CHECKING:
    from mailim.protocols.http.exchange import Exchange
    from mailim.protocols.http.request import Threads

PIECE: Final = 64 * 1024  # octets handed to the transport at once
_WITHOUT_BODY: Final = (204, 304)


@implementer(IPushProducer)
class Outflow:
    """Says when the peer has taken enough for the next piece; cuts off one that stalls."""

    def __init__(self, exchange: Exchange, stall_seconds: float) -> None:
        self._exchange = exchange
        self._stall_seconds = stall_seconds
        self._room: Deferred[None] | None = None
        self._stalled: IDelayedCall | None = None
        self._paused = False

    async def room(self) -> None:
        """Wait until the transport wants more; `CancelledError` when the peer is gone."""
        if self._exchange.gone:
            raise CancelledError
        if self._paused:
            self._room = Deferred()
            await self._room

    def pauseProducing(self) -> None:
        """Stop for now (the transport's buffer is full)."""
        if not self._paused:
            self._paused = True
            self._stalled = self._exchange.call_later(self._stall_seconds, self._exchange.abort)

    def resumeProducing(self) -> None:
        """Go on."""
        self._paused = False
        self._no_longer_stalled()
        room, self._room = self._room, None
        if room is not None and not room.called:
            room.callback(None)

    def stopProducing(self) -> None:
        """The connection is gone; the exchange is told so by other means."""
        self._no_longer_stalled()

    def _no_longer_stalled(self) -> None:
        if self._stalled is not None and self._stalled.active():
            self._stalled.cancel()
        self._stalled = None


async def send(exchange: Exchange, response: Response, threads: Threads) -> None:
    """Write a response and finish; whoever makes its body is always told when it is over."""
    body = response.body
    try:
        if isinstance(body, bytes):
            body = await _packed(exchange, response, body, threads)
            _head(exchange, response, len(body))
            if len(body) <= PIECE or exchange.without_body:
                exchange.write(body)
            else:
                await _pump(exchange, _slices(body), len(body))
        else:
            _head(exchange, response, response.length)
            if response.status in _WITHOUT_BODY or exchange.without_body:
                exchange.write(b"")
            else:
                await _pump(exchange, body, response.length)
    finally:
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()
    if not exchange.gone:
        exchange.finish()


def _head(exchange: Exchange, response: Response, length: int | None) -> None:
    exchange.setResponseCode(response.status)
    fields: Any = exchange.responseHeaders
    for name, value in response.headers:
        fields.addRawHeader(name, value)
    if response.status not in _WITHOUT_BODY:
        if response.content_type:
            fields.setRawHeaders("Content-Type", [response.content_type])
        if length is not None:
            fields.setRawHeaders("Content-Length", [str(length)])
    if exchange.must_close:
        fields.setRawHeaders("Connection", ["close"])
        exchange.channel.close_after_answer()


async def _packed(exchange: Exchange, response: Response, body: bytes, threads: Threads) -> bytes:
    if not response.packable or len(body) < PACK_FROM:
        return body
    response.headers.append(("Vary", "Accept-Encoding"))
    wanted = ", ".join(field_values(exchange.requestHeaders, "Accept-Encoding")) or None
    if choose(wanted, ("gzip",)) != "gzip":
        return body
    response.headers.append(("Content-Encoding", "gzip"))
    if len(body) <= THREAD_OCTETS:
        return pack(body)
    packed: bytes = await threads(lambda: pack(body))
    return packed


async def _slices(octets: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(octets), PIECE):
        yield octets[start : start + PIECE]


async def _pump(exchange: Exchange, pieces: AsyncIterable[bytes], length: int | None) -> None:
    """Write pieces at the reader's pace; cut the connection if they end too soon."""
    outflow = Outflow(exchange, exchange.limits.body_seconds)
    exchange.registerProducer(outflow, True)
    sent = 0
    whole = False
    try:
        async for piece in pieces:
            sent += len(piece)
            if length is not None and sent > length:
                break
            for start in range(0, len(piece), PIECE):
                await outflow.room()
                exchange.write(piece[start : start + PIECE])
        whole = length is None or sent == length
    finally:
        outflow.stopProducing()
        if not exchange.gone:
            exchange.unregisterProducer()
            if not whole:
                # The status is out; a cut connection is the only way left to say "broken".
                exchange.abort()
