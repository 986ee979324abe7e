"""What went wrong, as RFC 9457 problem details; the one table error class -> HTTP status."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from twisted.web.http import RESPONSES

from mailim.errors import (
    AlreadyExists,
    AuthenticationFailed,
    Invalid,
    LimitExceeded,
    MailimError,
    NotFound,
    NotPermitted,
    RateLimited,
    StateMismatch,
    Unavailable,
)

CONTENT_TYPE: Final = "application/problem+json"

# The first class an error is an instance of counts.
_STATUSES: Final[tuple[tuple[type[MailimError], int], ...]] = (
    (Invalid, 400),
    (AuthenticationFailed, 401),
    (NotPermitted, 403),
    (NotFound, 404),
    (AlreadyExists, 409),
    (StateMismatch, 412),
    (LimitExceeded, 413),
    (RateLimited, 429),
    (Unavailable, 503),
)
_RETRY_SECONDS: Final = 5


class Problem(Exception):
    """A response that refuses: status, detail fit for strangers, and what else it carries.

    `errors` are pairs (path, detail), one for each wrong field. `extra` are members added
    to the document (RFC 9457 section 3.2).
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        kind: str = "about:blank",
        errors: Sequence[tuple[str, str]] = (),
        headers: Sequence[tuple[str, str]] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.detail = detail
        self.kind = kind
        self.errors = tuple(errors)
        self.headers = tuple(headers)
        self.extra = dict(extra or {})

    @property
    def title(self) -> str:
        """The phrase of the status."""
        return RESPONSES.get(self.status, b"Error").decode("ascii")

    def document(self) -> dict[str, Any]:
        """Give the problem details object (RFC 9457 section 3)."""
        value: dict[str, Any] = {"type": self.kind, "title": self.title, "status": self.status}
        if self.detail:
            value["detail"] = self.detail
        if self.errors:
            value["errors"] = [{"path": path, "detail": text} for path, text in self.errors]
        return value | self.extra

    def as_json(self) -> bytes:
        """Give the document's octets."""
        return json.dumps(self.document(), ensure_ascii=False, separators=(",", ":")).encode()

    def as_page(self) -> bytes:
        """Give a plain page, for a person whose browser came here by an address."""
        title, detail = escape(f"{self.status} {self.title}"), escape(self.detail)
        return (
            f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            f"<h1>{title}</h1><p>{detail}</p></html>\n"
        ).encode()


def status_of(error: MailimError) -> int:
    """Give the status an expected error is answered with."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def problem_of(error: Exception) -> Problem | None:
    """Turn an expected error into its problem; None for one that is a mistake of ours."""
    if isinstance(error, Problem):
        return error
    if not isinstance(error, MailimError):
        return None
    headers: list[tuple[str, str]] = []
    if isinstance(error, RateLimited):
        headers.append(("Retry-After", str(max(1, round(error.retry_after)))))
    elif isinstance(error, Unavailable):
        headers.append(("Retry-After", str(_RETRY_SECONDS)))
    errors = ((error.path, error.text),) if isinstance(error, Invalid) and error.path else ()
    return Problem(status_of(error), error.text, errors=errors, headers=headers)
