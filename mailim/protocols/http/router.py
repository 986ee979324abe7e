"""Which coroutine answers which method and path.

A pattern is a path whose segments may be `{name}` (any text), `{name:int}` (a decimal
number without sign or leading zero) or, as the last one, `{name:path}` (the rest, not
empty, joined by "/"). Literal segments win over parameters. HEAD is GET without its body,
OPTIONS is answered for every path that has a route.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from twisted.web.resource import IResource

from mailim.protocols.http.problems import Problem

if TYPE_CHECKING:
    from mailim.protocols.http.response import Response

Act = Callable[..., Awaitable["Response"]]

_PARAMETER: Final = re.compile(r"\{([a-z_]+)(?::(str|int|path))?\}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one pattern.

    `act(request, **segments)` gives the response. A body is at most `max_body` octets:
    collected before `act` runs, or with `streams` handed to it while it arrives
    (`request.body`), in which case `act` runs at once and may refuse it.
    `too_large` makes the problem a larger body meets (default: plain 413).
    """

    method: str
    pattern: str
    act: Act
    max_body: int = 0
    streams: bool = False
    too_large: Callable[[], Problem] | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A route found, with the values of its parameters."""

    route: Route
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    number: tuple[str, _Node] | None = None
    text: tuple[str, _Node] | None = None
    rest: tuple[str, _Node] | None = None
    routes: dict[str, Route] = field(default_factory=dict)
    resource: IResource | None = None
    pattern: str = ""


class Router:
    """The routes of a site, and resources of twisted.web mounted beside them."""

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._root = _Node()
        self.add(*routes)

    def add(self, *routes: Route) -> None:
        """Add routes; the same method and pattern twice is a `ValueError`."""
        for route in routes:
            node = self._grow(route.pattern)
            if route.method in node.routes or node.resource is not None:
                raise ValueError(f"{route.method} {route.pattern} has a route already")
            node.routes[route.method] = route

    def mount(self, pattern: str, resource: IResource) -> None:
        """Let a resource of twisted.web answer one path (no body is taken)."""
        node = self._grow(pattern)
        if node.routes or node.resource is not None:
            raise ValueError(f"{pattern} has a route already")
        node.resource = resource

    def _grow(self, pattern: str) -> _Node:
        if not pattern.startswith("/"):
            raise ValueError(f"{pattern} does not begin with /")
        node = self._root
        *leading, last = pattern[1:].split("/")
        if any(segment.endswith(":path}") for segment in leading):
            raise ValueError(f"{pattern}: nothing may follow a path parameter")
        for segment in (*leading, last):
            node = _child(node, segment, pattern)
        node.pattern = pattern
        return node

    def find(self, method: str, segments: tuple[str, ...]) -> Match | IResource:
        """Find what answers; raises `Problem` 404, or 405 with Allow."""
        arguments: dict[str, Any] = {}
        node = _walk(self._root, segments, 0, arguments)
        if node is None:
            raise Problem(404, "there is nothing at this address")
        if node.resource is not None:
            return node.resource
        route = node.routes.get("GET" if method == "HEAD" else method)
        if route is None:
            raise Problem(405, "not with this method", headers=(("Allow", allowed(node.routes)),))
        return Match(route, arguments)

    def allowed(self, segments: tuple[str, ...]) -> str:
        """Give the Allow field of a path; raises `Problem` 404."""
        node = _walk(self._root, segments, 0, {})
        if node is None:
            raise Problem(404, "there is nothing at this address")
        return allowed(node.routes or ("GET",))

    def routes(self) -> list[Route]:
        """Give all routes, for tests and lists."""
        found: list[Route] = []
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            found.extend(node.routes.values())
            waiting.extend(node.literals.values())
            waiting.extend(each[1] for each in (node.number, node.text, node.rest) if each)
        return sorted(found, key=lambda route: (route.pattern, route.method))


def allowed(methods: Iterable[str]) -> str:
    """Give the value of an Allow field (RFC 9110 section 10.2.1)."""
    names = set(methods) | {"OPTIONS"}
    if "GET" in names:
        names.add("HEAD")
    return ", ".join(sorted(names))


def _child(node: _Node, segment: str, pattern: str) -> _Node:
    found = _PARAMETER.fullmatch(segment)
    if not found:
        if "{" in segment or "}" in segment:
            raise ValueError(f"{pattern}: {segment} is no parameter")
        return node.literals.setdefault(segment, _Node())
    kind = {"int": "number", "path": "rest"}.get(found[2] or "", "text")
    known: tuple[str, _Node] | None = getattr(node, kind)
    if known is None:
        known = (found[1], _Node())
        setattr(node, kind, known)
    elif known[0] != found[1]:
        raise ValueError(f"{pattern}: this place is called {known[0]} already")
    return known[1]


def _walk(
    node: _Node, segments: tuple[str, ...], place: int, arguments: dict[str, Any]
) -> _Node | None:
    """Find the node of the segments from `place` on, trying the more exact ways first."""
    if place == len(segments):
        return node if node.pattern else None
    segment = segments[place]
    if segment in node.literals:
        found = _walk(node.literals[segment], segments, place + 1, arguments)
        if found is not None:
            return found
    for way, value in (
        (node.number, int(segment) if _NUMBER.fullmatch(segment) else None),
        (node.text, segment or None),
    ):
        if way is not None and value is not None:
            found = _walk(way[1], segments, place + 1, arguments)
            if found is not None:
                arguments[way[0]] = value
                return found
    rest = "/".join(segments[place:])
    if node.rest is not None and rest.strip("/"):
        arguments[node.rest[0]] = rest
        return node.rest[1]
    return None
