"""A request as routes see it; free of sockets, so that tests can make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.web.http_headers import Headers

from mailim.protocols.http.body import Body
from mailim.protocols.http.fields import field_values
from mailim.protocols.http.input import M, model_of, parse_form, parse_json, parse_query
from mailim.protocols.http.limits import FORM_OCTETS, THREAD_OCTETS
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.targets import Target

T = TypeVar("T")
Threads = Callable[[Callable[[], Any]], Deferred[Any]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 section 9.2.1


def _here(work: Callable[[], Any]) -> Deferred[Any]:
    return maybeDeferred(work)


def _empty_body() -> Body:
    body = Body(lambda: None, lambda: None)
    body.end()
    return body


@dataclass(slots=True)
class Request:
    """One request whose head was checked.

    `peer` is the other side's IP address, "" on a local socket; `host` the Host field in
    lower case; `threads` runs a callable in a thread.
    """

    method: str
    target: Target
    headers: Headers = field(default_factory=Headers)
    body: Body = field(default_factory=_empty_body)
    peer: str = ""
    host: str = ""
    secure: bool = True
    threads: Threads = _here

    @property
    def path(self) -> str:
        """The decoded path."""
        return "/" + "/".join(self.target.segments)

    @property
    def safe(self) -> bool:
        """The method asks for no change."""
        return self.method in SAFE_METHODS

    def header(self, name: str) -> str | None:
        """Give a field's value; of a repeated field all, as one list (RFC 9110 5.3)."""
        values = field_values(self.headers, name)
        return ", ".join(values) if values else None

    def cookie(self, name: str) -> str | None:
        """Give the first cookie of that name."""
        for header in field_values(self.headers, "Cookie"):
            for pair in header.split(";"):
                key, equals, value = pair.strip().partition("=")
                if equals and key == name:
                    return value
        return None

    def query(self) -> dict[str, str]:
        """Give the query's fields; raises `Problem` 400."""
        return parse_query(self.target.query)

    @property
    def content_type(self) -> str:
        """The body's media type in lower case without parameters, "" if not given."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower()

    @property
    def from_browser(self) -> bool:
        """A browser's script or page asks (Fetch Metadata), not a mail program."""
        return self.header("Sec-Fetch-Mode") is not None

    @property
    def wants_page(self) -> bool:
        """A person would rather read a page than a JSON document."""
        dest = self.header("Sec-Fetch-Dest")
        if dest is not None:
            return dest in ("document", "iframe")
        return (self.header("Accept") or "").startswith("text/html")

    async def json(self, model: type[M]) -> M:
        """Read the body as a JSON object of that model; raises `Problem` 400 or 415."""
        return model_of(model, await self.json_value())

    async def json_value(self) -> Any:
        """Read the body as JSON; raises `Problem` 400 or 415."""
        if self.content_type != "application/json":
            raise Problem(415, "the body must be application/json")
        octets = await self.body.all()
        try:
            if len(octets) > THREAD_OCTETS:
                return await self.threads(lambda: parse_json(octets))
            return parse_json(octets)
        except ValueError as error:
            raise Problem(400, str(error)) from None

    async def form(self) -> dict[str, str]:
        """Read the body as a small urlencoded form; raises `Problem` 400, 413 or 415."""
        if self.content_type != "application/x-www-form-urlencoded":
            raise Problem(415, "the body must be a form")
        octets = await self.body.all()
        if len(octets) > FORM_OCTETS:
            raise Problem(413, "the form is too large")
        return parse_form(octets)
