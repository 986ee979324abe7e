"""How much a stranger may ask of the HTTP server; every number is explicit here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailim.config_sections import Http

JSON_DEPTH: Final = 64  # arrays and objects inside each other
FORM_OCTETS: Final = 64 * 1024
FORM_FIELDS: Final = 100
TARGET_OCTETS: Final = 8192  # of a request target; RFC 9112 section 3 asks for 8000
SEGMENTS: Final = 64  # of a path

# Larger JSON is parsed, and larger responses are packed, in a thread.
THREAD_OCTETS: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of one listening site; seconds and octets."""

    head_octets: int = 32 * 1024  # request line and header fields
    head_line_octets: int = 16 * 1024
    head_fields: int = 100
    head_seconds: float = 20.0  # from a request's first octet to the end of its head
    idle_seconds: float = 75.0  # between requests on a kept connection
    body_seconds: float = 60.0  # a body, or a reader of our answer, may stall so long
    body_octets_per_second: int = 500  # slowest body, averaged from `body_seconds` on
    linger_seconds: float = 2.0  # a refused body is thrown away so long before closing
    linger_octets: int = 32 * 1024 * 1024
    swallow_octets: int = 64 * 1024  # a refused body up to this is read, the connection kept
    connections: int = 2000
    connections_per_peer: int = 200  # IPv4 address or IPv6 /64

    @classmethod
    def of(cls, section: Http) -> HttpLimits:
        """Take over what the administrator chose."""
        usual = cls()
        return cls(
            head_seconds=min(usual.head_seconds, section.request_seconds),
            body_seconds=section.request_seconds,
            connections=section.connections,
            connections_per_peer=section.connections_per_address,
        )
