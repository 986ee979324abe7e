"""Content transfer encodings decoded while the octets arrive (RFC 2045 section 6).

Gives the same octets as `mailim.wire.transfer` does for the whole, however it is cut.
Memory stays bounded by the pieces fed.
"""

from __future__ import annotations

from typing import Final

from mailim.wire.transfer import decoded_pieces

_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64: Final = bytes(set(range(256)) - set(_BASE64))
_MAX_LINE: Final = 256 * 1024  # octets of a quoted-printable line kept back at most


class TransferDecoder:
    """Feed encoded octets, get decoded ones; `finish` gives the rest. `encoding` is lower case."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._kept = b""

    def feed(self, octets: bytes) -> bytes:
        """Decode a piece; gives what is certain so far."""
        if self._encoding == "base64":
            return self._decode(*_cut_base64(self._kept + octets.translate(None, _NOT_BASE64)))
        if self._encoding == "quoted-printable":
            return self._decode(*_cut_quoted(self._kept + octets))
        return octets

    def finish(self) -> bytes:
        """Give what was kept back."""
        return self._decode(self._kept, b"")

    def _decode(self, certain: bytes, kept: bytes) -> bytes:
        self._kept = kept
        return b"".join(decoded_pieces(certain, 0, len(certain), self._encoding))


def _cut_base64(digits: bytes) -> tuple[bytes, bytes]:
    """Cut behind the last whole group of four, counted anew behind each padding."""
    start = digits.rfind(b"=") + 1
    cut = len(digits) - (len(digits) - start) % 4
    return digits[:cut], digits[cut:]


def _cut_quoted(octets: bytes) -> tuple[bytes, bytes]:
    """Cut behind the last line end; a line without end is kept, up to a limit."""
    cut = octets.rfind(b"\n") + 1
    if not cut and len(octets) > _MAX_LINE:
        equals = octets.rfind(b"=", len(octets) - 3)
        cut = equals if equals > 0 else len(octets)
    return octets[:cut], octets[cut:]
