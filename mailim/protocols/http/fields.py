"""Header fields as text, whatever octets a stranger puts into them."""

from __future__ import annotations

from twisted.web.http_headers import Headers


def field_values(headers: Headers, name: str) -> list[str]:
    """Give a field's values; octets that are not UTF-8 become U+FFFD (RFC 9110 section 5.5)."""
    values = headers.getRawHeaders(name.encode("ascii"), [])
    return [value.decode("utf-8", "replace") for value in values]
