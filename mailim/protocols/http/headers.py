"""The header fields every response carries; `Channel` adds them, so no route can forget.

A route may give its own value for any of them (a frame its own policy, say), never none.
"""

from __future__ import annotations

from typing import Final

from twisted.web.http import datetimeToString
from twisted.web.http_headers import Headers

# The application's policy. 'self' covers wss: of the same host (CSP3 section 6.7.2.8).
APP_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "media-src 'self'",
        "frame-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
# For anything a stranger may have written: an opaque origin, nothing loaded, nothing run.
SANDBOX_POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'; form-action 'none'"

HSTS: Final = "max-age=63072000"

_ALWAYS: Final = (
    ("Content-Security-Policy", APP_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("Cache-Control", "no-store"),
)


def complete(headers: Headers, secure: bool) -> None:
    """Add what is missing; `secure` says whether the response goes out over TLS."""
    if headers.hasHeader("Content-Security-Policy") and not headers.hasHeader("X-Frame-Options"):
        # The route's own policy says who may frame it; the old header could only contradict.
        policy = headers.getRawHeaders("Content-Security-Policy", [""])[0]
        if "frame-ancestors 'none'" not in policy:
            headers.setRawHeaders("X-Frame-Options", ["SAMEORIGIN"])
    for name, value in _ALWAYS:
        if not headers.hasHeader(name):
            headers.setRawHeaders(name, [value])
    if secure:
        headers.setRawHeaders("Strict-Transport-Security", [HSTS])
    if not headers.hasHeader("Date"):
        headers.setRawHeaders("Date", [datetimeToString()])
    headers.removeHeader("Server")
