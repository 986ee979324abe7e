"""One request and its response on a connection: the side that twisted.web calls.

The head decides: the path finds its route, the route its limits. A body that is too large
is refused before it is read, or as soon as it grows beyond; a collected one is handed to
the route when it is whole, a streamed one while it arrives. A client that goes away
cancels the route's coroutine.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Request as TwistedRequest

from mailim.protocols.http.body import Body
from mailim.protocols.http.fields import field_values
from mailim.protocols.http.limits import HttpLimits
from mailim.protocols.http.problems import CONTENT_TYPE, Problem, problem_of
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import HTML, Response, no_content
from mailim.protocols.http.router import Match, Route
from mailim.protocols.http.sending import send
from mailim.protocols.http.targets import Target, host_of, parse_target


class Exchange(TwistedRequest):
    """A request being answered; routes see only its `Request`."""

    _log = Logger()
    defaultContentType = None
    site: Any
    channel: Any

    def __init__(self, channel: Any, *arguments: Any, **named: Any) -> None:
        super().__init__(channel, *arguments, **named)
        self.limits: HttpLimits = channel.limits
        self.site = channel.site
        self.pattern = ""  # of the route found, for the log
        self.began: float = self.site.reactor.seconds()
        self._length: int | None = 0
        self._complete = False
        self._answering = False
        self._refusal: Problem | None = None
        self._found: Match | IResource | None = None
        self._target = Target(("",), b"")
        self._host_name = ""
        self._body = Body(channel.pause_reading, channel.resume_reading, self.site.reactor.seconds)
        self._work: Deferred[None] | None = None

    # What the sender of a response needs to know

    @property
    def gone(self) -> bool:
        """The client is no longer there."""
        return bool(self._disconnected)

    @property
    def without_body(self) -> bool:
        """The client wants the head of a response only."""
        return bool(self.method == b"HEAD")

    @property
    def must_close(self) -> bool:
        """The connection cannot be kept: a body, or part of it, was not read."""
        return not self._complete

    def call_later(self, seconds: float, work: Any) -> IDelayedCall:
        """Call `work` later."""
        call: IDelayedCall = self.site.reactor.callLater(seconds, work)
        return call

    def abort(self) -> None:
        """Cut the connection."""
        if self.channel is not None:
            self.channel.abort()

    # What the channel calls, in this order

    def head_received(self, method: bytes, target: bytes, version: bytes) -> None:
        """Remember the request line."""
        self.method, self.uri, self.clientproto = method, target, version
        self.path = target.partition(b"?")[0]

    def gotLength(self, length: int | None) -> None:
        """Decide what happens with this request; `length` is None for a chunked body."""
        self._length = length
        try:
            self._decide(self.method.decode("ascii"))
        except Problem as problem:
            self._refusal = problem
        if length == 0:
            return  # everything is there: `requestReceived` comes next
        if self._refusal is not None:
            small = length is not None and length <= self.limits.swallow_octets
            if not small or self.requestHeaders.hasHeader("Expect"):
                self._answer(self._refuse(self._refusal))
        elif isinstance(self._found, Match) and self._found.route.streams:
            self._answer(self._act(self._found))
        else:
            self._body.wanted_whole()

    def _decide(self, method: str) -> None:
        values = field_values(self.requestHeaders, "Host")
        if values or self.clientproto == b"HTTP/1.1":
            self._host_name = host_of(", ".join(values) if values else None)
        self.site.check_host(self._host_name)
        if method == "OPTIONS":
            everything = self.uri == b"*"
            names = "" if everything else self.site.router.allowed(parse_target(self.uri).segments)
            self._found = Match(Route("OPTIONS", "*", _Options(names)), {})
            self.pattern = "*"
            return
        self._target = parse_target(self.uri)
        self._found = self.site.router.find(method, self._target.segments)
        if isinstance(self._found, Match):
            self.pattern = self._found.route.pattern
            if self._length is not None and self._length > self._found.route.max_body:
                raise self._too_large()
        elif self._length != 0:
            raise self._too_large()

    def _too_large(self) -> Problem:
        route = self._found.route if isinstance(self._found, Match) else None
        if route is not None and route.too_large is not None:
            return route.too_large()
        return Problem(413, "the request's body is too large")

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body."""
        if self._refusal is not None or self._found is None:
            return
        limit = self._found.route.max_body if isinstance(self._found, Match) else 0
        received = self._body.received + len(data)
        if received > limit:
            self._break_off(self._too_large())
            return
        elapsed = self.site.reactor.seconds() - self.began - self._body.paused_seconds
        slowest = self.limits.body_octets_per_second * elapsed
        if elapsed > self.limits.body_seconds and received < slowest:
            self.body_stalled()
            return
        self._body.feed(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Answer, now that the body is complete, unless that began already."""
        self._complete = True
        if self._refusal is not None:
            if not self._answering:
                self._answer(self._refuse(self._refusal))
        elif isinstance(self._found, Match):
            self._body.end()
            if not self._answering:
                self._answer(self._act(self._found))
        else:
            self._render_resource()

    def body_stalled(self) -> None:
        """End a body that comes too slowly."""
        self._break_off(Problem(408, "the request's body took too long"))

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        """Cancel what is being done for a client that is gone."""
        answering = self._answering and not self.finished
        super().connectionLost(reason)
        self._body.fail(CancelledError())
        if answering:
            self.site.log(self)
            if self._work is not None and not self._work.called:
                self._work.cancel()

    # Answering

    def _break_off(self, problem: Problem) -> None:
        """Stop taking the body; a route that is reading it meets the problem there."""
        self._refusal = problem
        if self._answering:
            self._body.fail(problem)
        else:
            self._answer(self._refuse(problem))

    def _answer(self, work: Any) -> None:
        self._answering = True
        self._work = Deferred.fromCoroutine(work)
        self._work.addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if self.gone and failure.check(CancelledError):
            return
        self._log.failure("answering {pattern} failed", failure=failure, pattern=self.pattern)
        self.abort()

    async def _act(self, match: Match) -> None:
        request = Request(
            method=self.method.decode("ascii"),
            target=self._target,
            headers=self.requestHeaders,
            body=self._body,
            peer=getattr(self.client, "host", None) or "",
            host=self._host_name,
            secure=self.isSecure(),
            threads=self.site.threads,
        )
        try:
            response = await match.route.act(request, **match.arguments)
        except Exception as error:
            if self.gone:
                raise
            response = self._response_to(error)
        if not self.gone:
            await send(self, response, self.site.threads)

    async def _refuse(self, problem: Problem) -> None:
        await send(self, self._response_to(problem), self.site.threads)

    def _response_to(self, error: Exception) -> Response:
        problem = problem_of(error)
        if problem is None:
            self._log.failure("{pattern} failed", failure=Failure(error), pattern=self.pattern)
            problem = Problem(500, "something went wrong here; it has been noted")
        if Request("GET", self._target, self.requestHeaders).wants_page:
            return Response(problem.status, problem.as_page(), HTML, list(problem.headers))
        return Response(problem.status, problem.as_json(), CONTENT_TYPE, list(problem.headers))

    def _render_resource(self) -> None:
        """Let a mounted resource of twisted.web answer."""
        self._answering = True
        self.content = BytesIO()
        self.args = {}
        self.pattern = self.path.decode("ascii", "replace")[:100]
        self.process()

    @property
    def resource(self) -> Any:
        """The mounted resource, for `Site.getResourceFor`."""
        return self._found


class _Options:
    """The answer to OPTIONS (RFC 9110 section 9.3.7)."""

    def __init__(self, allowed: str) -> None:
        self._allowed = allowed

    async def __call__(self, request: Request) -> Response:
        response = no_content()
        if self._allowed:
            response.headers.append(("Allow", self._allowed))
        return response
