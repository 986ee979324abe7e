"""The user's own MultiPOP boxes: `/api/multipop`. Nobody sees or touches another's."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailim.background import spawn
from mailim.errors import NotFound, Unavailable
from mailim.interfaces.multipop import BoxState, IMultipop
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, json_response, no_content
from mailim.protocols.http.router import Route

_SMALL = 16_384


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NewBox(_Body):
    """A box to add."""

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=995, ge=1, le=65535)
    user: str = Field(min_length=1, max_length=255)
    password: str = Field(min_length=1, max_length=1024, repr=False)
    tls: Literal["tls", "stls", "none"] = "tls"
    leave: bool = False


class BoxChange(_Body):
    """What may be changed; None stays."""

    host: str | None = Field(default=None, min_length=1, max_length=253)
    port: int | None = Field(default=None, ge=1, le=65535)
    user: str | None = Field(default=None, min_length=1, max_length=255)
    password: str | None = Field(default=None, min_length=1, max_length=1024, repr=False)
    tls: Literal["tls", "stls", "none"] | None = None
    leave: bool | None = None
    enabled: bool | None = None


class WhichBox(_Body):
    """Which box to collect from; all if None."""

    id: str | None = Field(default=None, max_length=20)


class MultipopApi:
    """Serves it."""

    def __init__(self, identity: Identity, multipop: IMultipop) -> None:
        self._identity = identity
        self._multipop = multipop

    def routes(self) -> list[Route]:
        """Give the routes."""
        one = "/api/multipop/{box:int}"
        return [
            Route("GET", "/api/multipop", self.list),
            Route("POST", "/api/multipop", self.add, max_body=_SMALL),
            Route("POST", "/api/multipop/run", self.run, max_body=_SMALL),
            Route("PATCH", one, self.change, max_body=_SMALL),
            Route("DELETE", one, self.remove),
            Route("POST", f"{one}/test", self.test, max_body=_SMALL),
        ]

    async def list(self, request: Request) -> Response:
        """Give the user's boxes."""
        account, _ = await self._identity.signed_in(request)
        boxes = await self._multipop.list(account.id)
        shown = [one.shown() for one in boxes]
        return json_response({"boxes": shown, "enabled": self._multipop.enabled})

    async def add(self, request: Request) -> Response:
        """Add a box."""
        account, _ = await self._identity.signed_in(request)
        new = await request.json(NewBox)
        state = await self._multipop.add(account.id, new.model_dump())
        return json_response(state.shown(), 201)

    async def change(self, request: Request, box: int) -> Response:
        """Change a box."""
        await self._own(request, box)
        changes = (await request.json(BoxChange)).model_dump(exclude_none=True)
        return json_response((await self._multipop.change(box, changes)).shown())

    async def remove(self, request: Request, box: int) -> Response:
        """Remove a box."""
        await self._own(request, box)
        await self._multipop.remove(box)
        return no_content()

    async def test(self, request: Request, box: int) -> Response:
        """Try a login."""
        await self._own(request, box)
        found = await self._multipop.test(box)
        return json_response(
            {
                "ok": found.ok,
                "detail": found.detail,
                "messages": found.messages,
                "octets": found.octets,
            }
        )

    async def run(self, request: Request) -> Response:
        """Begin to collect; how it goes is seen in the list."""
        account, _ = await self._identity.signed_in(request)
        which = await request.json(WhichBox)
        box = None
        if which.id is not None:
            if not which.id.isdecimal():
                raise Problem(400, "a box is named by its number", errors=[("id", "a number")])
            box = (await self._owned(account.id, int(which.id))).box.id
        if not self._multipop.enabled:
            raise Unavailable("MultiPOP is switched off on this server")

        async def collect() -> None:
            await self._multipop.run(account.id, box)

        spawn(collect(), "collecting on demand")
        return json_response({}, 202)

    async def _own(self, request: Request, box: int) -> BoxState:
        account, _ = await self._identity.signed_in(request)
        return await self._owned(account.id, box)

    async def _owned(self, account_id: int, box: int) -> BoxState:
        state = await self._multipop.find(box)
        if state.box.account_id != account_id:
            raise NotFound("there is no such box")
        return state
