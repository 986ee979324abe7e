"""What carries a stream: the seam between a conversation and TCP or WebSocket."""

from __future__ import annotations

from collections.abc import Mapping

from zope.interface import Attribute, Interface

from mailim.wire.xml import Element, XmlLimits


class StreamBroken(Exception):
    """The stream has to end with this stream error (RFC 6120 4.9.3).

    extra: an application-specific condition (4.9.4).
    """

    def __init__(self, condition: str, text: str, extra: Element | None = None) -> None:
        super().__init__(condition)
        self.condition = condition
        self.text = text
        self.extra = extra


class ICarrier(Interface):
    """Frames a stream; written by `tcp` and `websocket`, used by `client_stream`."""

    secure: bool = Attribute("whether TLS protects the bytes")
    can_start_tls: bool = Attribute("whether STARTTLS can be offered")

    def send_open(attrs: Mapping[str, str]) -> None:
        """Send the stream header (RFC 6120 4.7, RFC 7395 3.4)."""

    def send(element: Element) -> int:
        """Send a top-level element; never blocks. Gives its octets."""

    def close() -> None:
        """Send the closing tag or frame, then end the connection when all is written."""

    def abort() -> None:
        """End the connection at once."""

    def start_tls() -> None:
        """Start TLS now, the `<proceed/>` having been sent (RFC 6120 5.4.2.3)."""

    def restart(limits: XmlLimits) -> None:
        """Expect a new stream header, under these limits (RFC 6120 4.3.3)."""

    def pause() -> None:
        """Stop reading."""

    def resume() -> None:
        """Go on reading."""

    def channel_bindings() -> Mapping[str, bytes]:
        """Give the TLS channel bindings by name (RFC 5929, RFC 9266); may be none."""

    def tls_description() -> str:
        """Give version and cipher, "" without TLS."""


class IConversation(Interface):
    """What a carrier tells the conversation."""

    def opened(attrs: Mapping[str, str]) -> None:
        """A stream header arrived."""

    def received(element: Element) -> None:
        """A top-level element arrived."""

    def ended() -> None:
        """The peer closed its stream."""

    def broken(condition: str, text: str) -> None:
        """The peer broke the rules of XML or framing; the stream must end with this error."""

    def lost(reason: str) -> None:
        """The connection is gone."""
