"""`/healthz`: 200 while the server does its work, 503 otherwise; for load balancers."""

from __future__ import annotations

from collections.abc import Callable

from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, text_response
from mailim.protocols.http.router import Route


class Health:
    """Answers from `healthy`, which says whether all listeners listen."""

    def __init__(self, healthy: Callable[[], bool]) -> None:
        self._healthy = healthy

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [Route("GET", "/healthz", self.get)]

    async def get(self, request: Request) -> Response:
        """Say how it goes; nothing a stranger could use."""
        return text_response("ok\n") if self._healthy() else text_response("not ready\n", 503)
