"""What a route gives back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any, Final, Literal

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"


@dataclass(slots=True)
class Response:
    """A status, header fields and a body.

    A body that is an async iterable is sent while it is made, no faster than the peer
    reads; it is closed (`aclose`) when the peer goes. `length` announces its size; giving
    more or less octets than that cuts the connection. `packable` allows gzip: only for
    bodies that hold no secret beside what a stranger can influence (BREACH).
    """

    status: int = 200
    body: bytes | AsyncIterable[bytes] = b""
    content_type: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    length: int | None = None
    packable: bool = False

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        same_site: Literal["Lax", "Strict"] = "Lax",
    ) -> None:
        """Set a `__Host-` style cookie: Secure, HttpOnly, Path=/, no Domain (RFC 6265bis).

        `max_age` in seconds; None lasts until the browser closes, 0 removes the cookie.
        """
        cookie: SimpleCookie = SimpleCookie()
        cookie[name] = value
        morsel = cookie[name]
        morsel["path"] = "/"
        morsel["secure"] = True
        morsel["httponly"] = True
        morsel["samesite"] = same_site
        if max_age is not None:
            morsel["max-age"] = max_age
        self.headers.append(("Set-Cookie", morsel.OutputString()))


def json_octets(value: Any) -> bytes:
    """Encode as JSON in UTF-8; text with lone surrogates is a `ValueError`."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def json_response(
    value: Any, status: int = 200, headers: Sequence[tuple[str, str]] = ()
) -> Response:
    """Give a value as JSON."""
    return Response(status, json_octets(value), JSON, list(headers), packable=True)


def html_response(
    page: str, status: int = 200, headers: Sequence[tuple[str, str]] = ()
) -> Response:
    """Give a page; it is not packed, because pages may hold one-time values."""
    return Response(status, page.encode(), HTML, list(headers))


def text_response(text: str, status: int = 200) -> Response:
    """Give plain text."""
    return Response(status, text.encode(), "text/plain; charset=utf-8")


def redirect(location: str, status: int = 303) -> Response:
    """Send the client elsewhere (RFC 9110 section 15.4); `location` is ours or checked."""
    return Response(status, headers=[("Location", location)])


def no_content() -> Response:
    """Done, and nothing to say."""
    return Response(204)
