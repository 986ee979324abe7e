"""`POST /jmap/upload/…`: a file becomes a blob (RFC 8620 section 6.1).

It goes to the store while it arrives, whatever its size, and is kept for a day unless
something uses it.
"""

from __future__ import annotations

from collections import Counter

from twisted.internet.interfaces import IReactorTime

from mailim.background import spawn
from mailim.errors import LimitExceeded, NotFound
from mailim.interfaces.bodies import PreparedBody
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, json_response
from mailim.protocols.http.router import Route
from mailim.protocols.jmap.api import limit_problem
from mailim.protocols.jmap.limits import JmapLimits
from mailim.wire.jmap_ids import ACCOUNT, read_id


class Upload:
    """Takes files."""

    def __init__(
        self, clock: IReactorTime, store: IStore, identity: Identity, limits: JmapLimits
    ) -> None:
        self._clock = clock
        self._store = store
        self._identity = identity
        self._limits = limits
        self._running: Counter[int] = Counter()

    def routes(self) -> list[Route]:
        """Give the routes."""
        too_large = lambda: limit_problem("maxSizeUpload", 413)  # noqa: E731
        size = self._limits.size_upload
        return [
            Route(
                "POST", "/jmap/upload/{account}", self.post, size, streams=True, too_large=too_large
            )
        ]

    async def post(self, request: Request, account: str) -> Response:
        """Take one; raises `LimitExceeded` when too much waits already."""
        who = await self._identity.account(request, "jmap")
        if read_id(ACCOUNT, account) != who.id:
            raise NotFound("there is no such account")
        if self._running[who.id] >= self._limits.concurrent_uploads:
            raise limit_problem("maxConcurrentUpload", 429)
        self._running[who.id] += 1
        try:
            body = await self._take(request)
            now = int(self._clock.seconds() * 1_000_000)
            await self._store.write(lambda tx: hold_upload(tx, who.id, body, now, self._limits))
        finally:
            self._running[who.id] -= 1
            if not self._running[who.id]:
                del self._running[who.id]
        value = {
            "accountId": account,
            "blobId": body.sha256.hex(),
            "type": (request.header("Content-Type") or "application/octet-stream")[:255],
            "size": body.size,
        }
        return json_response(value, 201)

    async def _take(self, request: Request) -> PreparedBody:
        writer = self._store.bodies.writer(self._limits.size_upload)
        try:
            async for piece in request.body:
                await writer.write(piece)
            return await writer.finish()
        except BaseException:
            # Not waited for: a client that has gone cancels whatever is waited for here.
            async def abort() -> None:
                await writer.abort()

            spawn(abort(), "throwing an upload away")
            raise


def hold_upload(
    tx: ITransaction, account_id: int, body: PreparedBody, now: int, limits: JmapLimits
) -> int:
    """Keep a body for as long as an upload is kept, inside a unit; gives its id.

    `now` in microseconds. Raises `LimitExceeded`.
    """
    waiting = tx.items.upload_octets(account_id)
    if waiting + body.size > limits.uploads_octets:
        raise LimitExceeded("too many files are waiting; use or wait for the others first")
    body_id = tx.bodies.add(body)
    tx.items.add_upload(account_id, body_id, now + limits.upload_seconds * 1_000_000)
    return body_id
