"""HTML bodies, each in a document of its own that can do nothing.

`POST /api/frames` gives a short-lived URL for one message; the application puts it into a
sandboxed iframe. The document has an opaque origin (CSP sandbox, also if opened alone),
loads nothing but its own inline parts and, if asked for, images; no cookie reaches it:
the token in the URL is all it has. Tokens live in memory: they are lost with a restart,
and the application asks again.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime

from mailim.errors import NotFound
from mailim.interfaces.accounts import Account
from mailim.interfaces.items import Item
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import HTML, Response, json_response
from mailim.protocols.http.router import Route
from mailim.webmail.html import MAX_HTML, cleaned, plain
from mailim.webmail.shelf import EXPIRES, Frame, Shelf
from mailim.wire.message import MessageFacts
from mailim.wire.mime import decoded_body, text_of
from mailim.wire.part import Part

MAX_IMAGE = 20 * 1024 * 1024  # octets of one inline part
MAX_TEXTS = 16 * 1024 * 1024  # octets of a message's text parts; the rest is not shown
AT_ONCE = 4  # messages and images worked on at once
_TEXTS = frozenset({"text/html", "text/plain"})
T = TypeVar("T")
_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
_HOST = re.compile(r"[a-z0-9._:\[\]-]{1,260}")
_STYLE = (
    "html{color-scheme:light}body{margin:16px;font:15px/1.5 system-ui,sans-serif;color:#1c1c1e;"
    "background:#fff;overflow-wrap:break-word}img{max-width:100%;height:auto}"
    "@media(min-width:520px){body{margin:16px 28px}}"
    "pre.plain{white-space:pre-wrap;font:inherit}blockquote{margin:0 0 0 8px;padding-left:12px;"
    "border-left:2px solid #ccc}table{max-width:100%}a{color:#0b57d0}"
)
# Colours turned round as a whole: no rule of the mail's own has to be understood. Pictures are
# turned back; one that is left out has no address, and its words are text like other text.
_DARK = (
    "html{filter:invert(.92) hue-rotate(180deg);background:#fff}body{background:none}"
    "img[src]{filter:invert(1) hue-rotate(180deg)}"
)


class FrameRequest(BaseModel):
    """What the application asks for."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    emailId: str = Field(max_length=64)
    remoteImages: bool = False
    colorScheme: Literal["light", "dark"] = "light"


class Frames:
    """Makes and serves them.

    account: finds the account of an id. item_id: reads a JMAP Email id.
    """

    def __init__(
        self,
        clock: IReactorTime,
        store: IStore,
        identity: Identity,
        account: Callable[[int], Awaitable[Account | None]],
        item_id: Callable[[str], int | None],
    ) -> None:
        self._clock = clock
        self._store = store
        self._identity = identity
        self._account = account
        self._item_id = item_id
        self._shelf = Shelf(clock)
        self._places = DeferredSemaphore(AT_ONCE)

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route("POST", "/api/frames", self.make, max_body=4096),
            Route("GET", "/m/{token}/body.html", self.body),
            Route("GET", "/m/{token}/part/{path}", self.part),
        ]

    async def make(self, request: Request) -> Response:
        """Prepare a message's body; raises `NotFound` for one the account does not have."""
        account, _ = await self._identity.signed_in(request)
        asked = await request.json(FrameRequest)
        item_id = self._item_id(asked.emailId)
        if item_id is None:
            raise NotFound("there is no such message")
        if not _HOST.fullmatch(request.host):
            raise Problem(400, "the Host field is missing")
        item, facts = await self._store.read(lambda tx: _message(tx, account.id, item_id))
        token = self._shelf.new_token()
        images = _inline_images(facts.structure)
        html, remote = await self._in_turn(
            lambda: self._rendered(request, item, facts, _Links(token, images), asked.remoteImages)
        )
        frame = Frame(
            account.id,
            self._clock.seconds() + EXPIRES,
            _document(html, asked.colorScheme == "dark"),
            _policy(f"https://{request.host}/m/{token}/", asked.remoteImages),
            item.sha256,
            {part.path: part for part in images.values()},
        )
        self._shelf.put(token, frame)
        return json_response(
            {
                "url": f"/m/{token}/body.html",
                "hasRemoteImages": remote,
                "expires": int(EXPIRES),
            }
        )

    async def _rendered(
        self, request: Request, item: Item, facts: MessageFacts, links: _Links, load: bool
    ) -> tuple[str, bool]:
        """Read the parts to be shown, not the whole message, and clean them in a thread."""
        shown: list[tuple[Part, bytes]] = []
        room = MAX_TEXTS
        for part in (facts.structure.find(path) for path in facts.html_parts):
            if part is None:
                continue
            octets = b""
            if part.content_type in _TEXTS:
                end = min(part.body_end, part.body_start + room)
                octets = await self._store.bodies.read(item.sha256, part.body_start, end)
                room -= len(octets)
            shown.append((replace(part, body_start=0, body_end=len(octets)), octets))
        rendered: tuple[str, bool] = await request.threads(lambda: _fragment(shown, links, load))
        return rendered

    def _in_turn(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Deferred[T]:
        """Do what takes memory and a thread with few others at a time."""
        return self._places.run(lambda: Deferred.fromCoroutine(work()))

    async def _frame(self, token: str) -> Frame:
        """Find a frame whose account still may read it; raises `NotFound`."""
        frame = self._shelf.get(token)
        account = await self._account(frame.account_id)
        if account is None or not account.enabled:
            raise NotFound("this view has expired; open the message again")
        return frame

    async def body(self, request: Request, token: str) -> Response:
        """Serve the document, into a frame only."""
        frame = await self._frame(token)
        if request.header("Sec-Fetch-Dest") not in (None, "iframe"):
            raise NotFound("this is shown inside the application only")
        headers = [("Content-Security-Policy", frame.policy)]
        return Response(200, frame.document, HTML, headers)

    async def part(self, request: Request, token: str, path: str) -> Response:
        """Serve an inline image of the message."""
        frame = await self._frame(token)
        part = frame.images.get(path)
        if part is None:
            raise NotFound("there is no such part")
        octets = await self._in_turn(lambda: self._image(request, frame.sha256, part))
        headers = [
            ("Content-Security-Policy", "sandbox; default-src 'none'"),
            # The frame's origin is opaque, so to it this is another origin's.
            ("Cross-Origin-Resource-Policy", "cross-origin"),
        ]
        return Response(200, octets, part.content_type, headers)

    async def _image(self, request: Request, sha256: bytes, part: Part) -> bytes:
        end = min(part.body_end, part.body_start + 2 * MAX_IMAGE)  # base64 takes 4/3
        data = await self._store.bodies.read(sha256, part.body_start, end)
        here = replace(part, body_start=0, body_end=len(data))
        octets: bytes = await request.threads(lambda: decoded_body(data, here, MAX_IMAGE))
        return octets


def _message(tx: ITransaction, account_id: int, item_id: int) -> tuple[Item, MessageFacts]:
    item = tx.items.get(account_id, [item_id]).get(item_id)
    if item is None:
        raise NotFound("there is no such message")
    return item, tx.items.facts([item.body_id])[item.body_id]


def _inline_images(structure: Part) -> dict[str, Part]:
    return {
        part.cid: part
        for part in structure.walk()
        if part.cid and part.content_type in _IMAGES and part.path
    }


@dataclass(frozen=True, slots=True)
class _Links:
    """The addresses of a frame's inline images."""

    token: str
    images: Mapping[str, Part]  # by Content-ID

    def __call__(self, cid: str) -> str | None:
        part = self.images.get(cid.strip().strip("<>"))
        return None if part is None else self.to(part)

    def to(self, part: Part) -> str:
        return f"/m/{self.token}/part/{part.path}"


def _fragment(shown: list[tuple[Part, bytes]], links: _Links, load: bool) -> tuple[str, bool]:
    """Give the cleaned body and whether it names images from the internet; slow."""
    served = {part.path for part in links.images.values()}
    pieces, remote = [], False
    for part, octets in shown:
        if part.content_type == "text/html":
            result = cleaned(text_of(octets, part, MAX_HTML)[0], links, load)
            pieces.append(result.html)
            remote = remote or result.remote_images
        elif part.content_type == "text/plain":
            pieces.append(plain(text_of(octets, part, MAX_HTML)[0]))
        elif part.path in served:
            pieces.append(f'<p><img src="{links.to(part)}" alt=""></p>')
    return "\n".join(pieces), remote


def _document(html: str, dark: bool) -> bytes:
    style = _STYLE + (_DARK if dark else "")
    head = '<!doctype html><html><head><meta charset="utf-8"><base target="_blank">'
    return f"{head}<style>{style}</style></head><body>{html}</body></html>".encode()


def _policy(own: str, remote: bool) -> str:
    images = f"data: {own}" + (" https: http:" if remote else "")
    return (
        f"default-src 'none'; img-src {images}; style-src 'unsafe-inline'; font-src data:;"
        " form-action 'none'; base-uri 'none'; frame-ancestors 'self';"
        " sandbox allow-popups allow-popups-to-escape-sandbox"
    )
