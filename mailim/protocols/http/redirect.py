"""The plain http port: it sends browsers to https and does nothing else.

Only GET and HEAD are redirected: whoever sends anything else without TLS has told it to
the whole network already, and should hear of it.
"""

from __future__ import annotations

from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, redirect
from mailim.protocols.http.router import Route, Router


class RedirectToHttps:
    """Redirects every path to the same one on https; `port` is where https listens."""

    def __init__(self, port: int = 443) -> None:
        self._port = port

    def router(self) -> Router:
        """Give the router of a site that only redirects."""
        router = Router()
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            router.add(
                Route(method, "/", self.anywhere), Route(method, "/{rest:path}", self.anywhere)
            )
        return router

    async def anywhere(self, request: Request, rest: str = "") -> Response:
        """Redirect; raises `Problem` 403 for an unsafe method, 400 without a host."""
        if not request.safe:
            raise Problem(403, "this is taken over https only")
        if not request.host:
            raise Problem(400, "the Host field is missing")
        host = request.host
        if not host.endswith("]"):
            host = host.rpartition(":")[0] or host
        where = host if self._port == 443 else f"{host}:{self._port}"
        return redirect(f"https://{where}{request.target}", 308)
