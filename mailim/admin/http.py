"""`/admin/api/`: the operations as JSON over HTTP, for the admin page and the command line.

The page comes with an administrator's browser session; the command line through
`var/admin.sock`, which only the server's own user can open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mailim.admin.operations import Operations
from mailim.admin.table import TABLE
from mailim.errors import MailimError
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.problems import Problem, problem_of
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, json_response, no_content
from mailim.protocols.http.router import Route

MAX_BODY = 1_048_576
Actor = Callable[[Request], Awaitable[str]]


class AdminApi:
    """Serves it to whom `actor` lets in; `actor` gives the name acts are recorded under."""

    def __init__(self, operations: Operations, actor: Actor) -> None:
        self._operations = operations
        self._actor = actor

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route("GET", "/admin/api/", self.table),
            # It streams so that strangers are refused before their octets are kept.
            Route("POST", "/admin/api/{operation}", self.call, max_body=MAX_BODY, streams=True),
        ]

    async def table(self, request: Request) -> Response:
        """Give the table of operations."""
        await self._actor(request)
        able = self._operations.names()
        return json_response(
            [
                {
                    "name": operation.name,
                    "doc": operation.doc,
                    "arguments": [
                        {
                            "name": one.name,
                            "type": one.kind,
                            "required": one.required,
                            "doc": one.doc,
                            "choices": [*one.choices],
                        }
                        for one in operation.arguments
                    ],
                }
                for operation in TABLE
                if operation.name in able
            ]
        )

    async def call(self, request: Request, operation: str) -> Response:
        """Do one."""
        actor = await self._actor(request)
        arguments: Any = await request.json_value()
        if not isinstance(arguments, dict):
            raise Problem(400, "the body must be a JSON object")
        try:
            result = await self._operations.call(operation, arguments, actor)
        except MailimError as error:
            raise problem_of(error) or error from None
        return no_content() if result is None else json_response(result)


def by_session(identity: Identity) -> Actor:
    """Let administrators' browser sessions in."""

    async def actor(request: Request) -> str:
        account, _ = await identity.signed_in(request)
        if not account.admin:
            raise Problem(403, "this is for administrators")
        return account.address

    return actor


async def console(_request: Request) -> str:
    """Let whoever can open the socket in."""
    return "console"
