"""`GET /jmap/eventsource`: new states as they come (RFC 8620 section 7.3).

The stream is text/event-stream. An event's id is the newest state in it; a client that
comes back with it as Last-Event-ID hears at once whether anything happened meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailim.interfaces.store import IStore
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response
from mailim.protocols.http.router import Route
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.push import TYPES, Push, Stream

MIN_PING: Final = 5  # seconds
MAX_PING: Final = 300
TOGETHER_SECONDS: Final = 0.2  # changes closer than this are told in one event
SETTLE_SECONDS: Final = 0.02  # one transaction makes many changes
_QUIET_SECONDS: Final = 60.0  # without pings, a comment so often finds out dead connections


@dataclass(frozen=True, slots=True)
class Wishes:
    """The variables of the URL."""

    types: frozenset[str]
    close_after_state: bool
    ping: int  # seconds, 0 = none
    last: int | None  # state


class EventSource:
    """Opens streams."""

    def __init__(
        self,
        clock: IReactorTime,
        store: IStore,
        identity: Identity,
        push: Push,
        limits: JmapLimits,
    ) -> None:
        self._clock = clock
        self._store = store
        self._identity = identity
        self._push = push
        self._limits = limits

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [Route("GET", "/jmap/eventsource", self.get)]

    async def get(self, request: Request) -> Response:
        """Open one."""
        account = await self._identity.account(request, "jmap")
        wishes = read_wishes(request)
        if request.method == "HEAD":
            return Response(content_type="text/event-stream")
        stream = self._push.open(account, wishes.types)
        try:
            if wishes.last is not None:
                newest = await self._store.read(lambda tx: tx.items.state(account.id))
                if newest != wishes.last:
                    stream.changed(newest, TYPES)
        except BaseException:
            self._push.close(stream)
            raise
        return Response(
            body=_Events(self._clock, self._push, stream, wishes, self._limits.stream_seconds),
            content_type="text/event-stream",
            headers=[("X-Accel-Buffering", "no")],
        )


class _Events(AsyncIterator[bytes]):
    """The octets of one stream; a class, so that closing works before it was begun."""

    def __init__(
        self, clock: IReactorTime, push: Push, stream: Stream, wishes: Wishes, seconds: float
    ) -> None:
        self._clock = clock
        self._push = push
        self._stream = stream
        self._wishes = wishes
        self._end = clock.seconds() + seconds
        self._begun = False
        self._told = float("-inf")
        self._over = False

    async def __anext__(self) -> bytes:
        if not self._begun:
            self._begun = True
            return b": listening\n\n"
        if self._over or self._stream.ended or self._clock.seconds() >= self._end:
            raise StopAsyncIteration
        await self._stream.wait(self._wishes.ping or _QUIET_SECONDS)
        since = self._clock.seconds() - self._told
        await self._stream.pause(max(SETTLE_SECONDS, TOGETHER_SECONDS - since))
        if self._stream.ended:
            raise StopAsyncIteration
        change = self._stream.take()
        if change is None:
            return self._ping()
        self._told = self._clock.seconds()
        self._over = self._wishes.close_after_state
        newest, value = change
        return f"id: {newest}\nevent: state\ndata: {json.dumps(value)}\n\n".encode()

    async def aclose(self) -> None:
        """End the stream."""
        self._push.close(self._stream)

    def _ping(self) -> bytes:
        if not self._wishes.ping:
            return b":\n\n"
        return f'event: ping\ndata: {{"interval": {self._wishes.ping}}}\n\n'.encode()


def read_wishes(request: Request) -> Wishes:
    """Check the variables of the URL; raises `Problem` 400."""
    query = request.query()
    types = query.get("types", "*")
    names = TYPES if types == "*" else types.split(",")
    close = query.get("closeafter", "no")
    if close not in ("no", "state"):
        raise Problem(400, "closeafter is state or no")
    ping = query.get("ping", "0")
    if not ping.isascii() or not ping.isdigit() or len(ping) > 9:
        raise Problem(400, "ping is a number of seconds")
    seconds = min(max(int(ping), MIN_PING), MAX_PING) if int(ping) else 0
    last = request.header("Last-Event-ID") or ""
    known = last.isascii() and last.isdigit() and len(last) < 18
    return Wishes(frozenset(names), close == "state", seconds, int(last) if known else None)
