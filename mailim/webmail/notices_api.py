"""`POST /api/im/send`: programs hand in instant messages.

    Authorization: Bearer TOKEN      made by `mailim token add NAME`
    Idempotency-Key: KEY             optional; the same key is the same message, for 30 days
    {"to": "bob@example.test", "text": "Disk full", "from": "backup@example.test"}

202 with the message's id means: it is written down and will be sent, exactly once, whatever
happens. Saying it again with the same key gives 200, the same id, and what became of it; a
key that was used for another message gives 422.

A browser sends this header for no other site's page, and cookies open nothing here: so it
does not matter where the request comes from.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from secrets import token_hex
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from twisted.internet.interfaces import IReactorTime

from mailim.accounts.api_tokens import ApiTokens
from mailim.errors import NotFound, NotPermitted, RateLimited
from mailim.im.notices import Notices
from mailim.interfaces.notices import ApiToken, NewNotice, NoticeState
from mailim.interfaces.store import IStore
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, json_response
from mailim.protocols.http.router import Route

MAX_BODY: Final = 524_288  # octets: the longest text, all of it escaped
_TOKENS: Final = 1000  # whose rate is remembered; the one unused longest is forgotten
_MINUTE: Final = 60.0
_KEY: Final = re.compile(r"[\x21-\x7e]{1,100}")
_CHALLENGE: Final = (("WWW-Authenticate", 'Bearer realm="mailim"'),)


class _Send(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    to: str = Field(max_length=254)
    text: str
    sender: str | None = Field(default=None, alias="from", max_length=254)


class Rates:
    """Messages per token and minute: a bucket of `per_minute()`, refilled evenly."""

    def __init__(self, clock: IReactorTime, per_minute: Callable[[], int]) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._empty: OrderedDict[int, float] = OrderedDict()  # token -> when all are

    def count(self, token_id: int) -> None:
        """Count one; raises `RateLimited` if the token has sent its share."""
        now, each = self._clock.seconds(), _MINUTE / self._per_minute()
        empty = max(self._empty.get(token_id, 0.0), now) + each
        if empty - now > _MINUTE + 1e-6:
            raise RateLimited("this token sends too many messages", empty - now - _MINUTE)
        self._empty[token_id] = empty
        self._empty.move_to_end(token_id)
        if len(self._empty) > _TOKENS:
            self._empty.popitem(last=False)


class NoticesApi:
    """Serves it. domain: whom messages come from if nobody is named."""

    def __init__(
        self, store: IStore, tokens: ApiTokens, notices: Notices, rates: Rates,
        domain: str, now: Callable[[], int],
    ) -> None:  # fmt: skip
        self._store = store
        self._tokens = tokens
        self._notices = notices
        self._rates = rates
        self._domain = domain
        self._now = now

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [Route("POST", "/api/im/send", self.send, max_body=MAX_BODY)]

    async def send(self, request: Request) -> Response:
        """Take one message."""
        token = await self._token(request)
        key = request.header("Idempotency-Key")
        if key is not None and not _KEY.fullmatch(key):
            raise Problem(400, "an Idempotency-Key has 1 to 100 visible ASCII characters")
        asked = await request.json(_Send)
        sender = _sender(token, asked.sender, self._domain)
        claim = f"http:{token.id}:{key}" if key is not None else f"http:{token.id}::{token_hex(16)}"
        new = NewNotice(claim, sender, asked.to, asked.text, "http", self._now())
        known = await self._state(new) if key is not None else None
        if known is None:
            self._rates.count(token.id)
            await self._check(new)
            (added,) = await self._notices.hand_in([new])
            known = await self._state(new)
            assert known is not None  # noqa: S101
            if added:
                return json_response({"id": str(known.id), "state": "waiting"}, 202)
        if not known.same:
            raise Problem(422, "this Idempotency-Key was used for another message")
        return json_response({"id": str(known.id), **_became(known)})

    async def _token(self, request: Request) -> ApiToken:
        if not request.secure:
            raise Problem(403, "tokens are taken over TLS only")
        scheme, _, value = (request.header("Authorization") or "").partition(" ")
        found = await self._tokens.find(value.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise Problem(401, "show a token, see mailim token add", headers=_CHALLENGE)
        return found

    async def _check(self, new: NewNotice) -> None:
        try:
            await self._notices.check(new.sender, new.recipient, new.body)
        except NotFound as error:  # the address of the request is right, that in it is not
            raise Problem(422, error.text, errors=[("to", error.text)]) from None

    async def _state(self, new: NewNotice) -> NoticeState | None:
        return await self._store.read(lambda tx: tx.notices.find(new))


def _sender(token: ApiToken, asked: str | None, domain: str) -> str:
    """Give whom it comes from; raises `NotPermitted`."""
    allowed = token.sender or domain
    sender = allowed if asked is None else asked.strip().lower()
    if sender == allowed:
        return sender
    # Of a JID, which this becomes, only what stands before a slash says whom it is from.
    local, _, domain = sender.partition("@")
    if token.sender and local and "/" not in sender and domain == allowed:
        return sender
    raise NotPermitted(f"this token sends as {allowed} only")


def _became(state: NoticeState) -> dict[str, Any]:
    """Say what became of it; to whose programs it went is not the sender's business."""
    if not state.over:
        return {"state": "waiting"}
    for word in ("delivered", "stored", "sent"):
        if state.outcome.startswith(word):
            return {"state": word}
    return {"state": "refused", "reason": state.outcome}
