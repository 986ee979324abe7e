"""`POST /jmap/api`: requests of method calls (RFC 8620 section 3)."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mailim.background import shielded
from mailim.interfaces.accounts import Account
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import JSON, Response
from mailim.protocols.http.router import Route
from mailim.protocols.jmap.budget import Budget
from mailim.protocols.jmap.encoding import encode_response
from mailim.protocols.jmap.limits import MAX_ID, JmapLimits
from mailim.protocols.jmap.methods import Caller, Methods
from mailim.protocols.jmap.references import Invocation
from mailim.protocols.jmap.session import Session

_ERROR: Final = "urn:ietf:params:jmap:error:"

_Name = Annotated[str, Field(max_length=MAX_ID)]


class _Request(BaseModel):
    """RFC 8620 section 3.3; members it does not name are ignored, as section 3.3 has it."""

    model_config = ConfigDict(strict=True, extra="ignore")

    using: list[str]
    methodCalls: list[list[Any]]
    createdIds: dict[_Name, _Name] | None = None


def limit_problem(name: str, status: int = 400) -> Problem:
    """Make the problem of a request beyond a limit of the session object (section 3.6.1)."""
    return Problem(status, f"more than {name} allows", kind=f"{_ERROR}limit", extra={"limit": name})


class Api:
    """Answers requests of method calls, one call after the other."""

    def __init__(
        self, identity: Identity, session: Session, methods: Methods, limits: JmapLimits
    ) -> None:
        self._identity = identity
        self._session = session
        self._methods = methods
        self._limits = limits
        self._running: Counter[int] = Counter()

    def routes(self) -> list[Route]:
        """Give the routes."""
        too_large = lambda: limit_problem("maxSizeRequest", 413)  # noqa: E731
        limit = self._limits.size_request
        # It streams so that strangers are refused before their octets are kept.
        return [Route("POST", "/jmap/api", self.post, limit, streams=True, too_large=too_large)]

    async def post(self, request: Request) -> Response:
        """Answer a request; raises `Problem` for one that is refused as a whole."""
        account = await self._identity.account(request, "jmap")
        if self._running[account.id] >= self._limits.concurrent_requests:
            raise limit_problem("maxConcurrentRequests", 429)
        self._running[account.id] += 1
        try:
            asked = await self._read(request)
        except BaseException:
            self._over(account)
            raise
        caller = Caller(account, budget=Budget(self._limits))
        # A client that hangs up stops nothing half-way: what is sent leaves the drafts, too.
        return await shielded(self._counted(request, caller, asked), "a request")

    async def _counted(self, request: Request, caller: Caller, asked: _Request) -> Response:
        try:
            return await self._answer(request, caller, asked)
        finally:
            self._over(caller.account)

    def _over(self, account: Account) -> None:
        self._running[account.id] -= 1
        if not self._running[account.id]:
            del self._running[account.id]

    async def _answer(self, request: Request, caller: Caller, asked: _Request) -> Response:
        using = caller.using = self._using(asked.using)
        invocations = [_invocation(each) for each in asked.methodCalls]
        if len(invocations) > self._limits.calls_in_request:
            raise limit_problem("maxCallsInRequest")
        caller.created.update(asked.createdIds or {})
        responses: list[Invocation] = []
        for invocation in invocations:
            responses += await self._methods.dispatch(caller, using, invocation, responses)
        rest: dict[str, Any] = {"sessionState": self._session.state(request, caller.account)}
        if asked.createdIds is not None:
            rest["createdIds"] = caller.created
        octets = await encode_response(responses, rest, request.threads)
        return Response(body=octets, content_type=JSON, packable=True)

    async def _read(self, request: Request) -> _Request:
        try:
            value = await request.json_value()
        except Problem as problem:
            if problem.status in (408, 413):
                raise
            raise Problem(400, problem.detail, kind=f"{_ERROR}notJSON") from None
        try:
            return _Request.model_validate(value)
        except ValidationError:
            raise _not_request("a Request has `using` and `methodCalls`") from None

    def _using(self, names: list[str]) -> frozenset[str]:
        unknown = [name for name in names if name not in self._methods.capabilities]
        if unknown:
            raise Problem(
                400, f"unknown capability: {unknown[0][:100]}", kind=f"{_ERROR}unknownCapability"
            )
        return frozenset(names)


def _invocation(value: list[Any]) -> Invocation:
    """Check an Invocation (section 3.2)."""
    if len(value) != 3:
        raise _not_request("an Invocation has three members")
    name, arguments, call_id = value
    if not (isinstance(name, str) and isinstance(arguments, dict) and isinstance(call_id, str)):
        raise _not_request("an Invocation is a name, arguments and a call id")
    return name, arguments, call_id


def _not_request(detail: str) -> Problem:
    return Problem(400, detail, kind=f"{_ERROR}notRequest")
