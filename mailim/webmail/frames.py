"""HTML bodies, each in a document of its own that can do nothing.

`POST /api/frames` gives a short-lived URL for one message; the application puts it into a
sandboxed iframe. The document has an opaque origin (CSP sandbox, also if opened alone),
loads nothing but its own inline parts and, if asked for, images; no cookie reaches it:
the token in the URL is all it has. Tokens live in memory: they are lost with a restart,
and the application asks again.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from twisted.internet.interfaces import IReactorTime

from mailim.errors import NotFound
from mailim.interfaces.items import Item
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import HTML, Response, json_response
from mailim.protocols.http.router import Route
from mailim.webmail.html import MAX_HTML, cleaned, plain
from mailim.wire.message import MessageFacts
from mailim.wire.mime import decoded_body, text_of
from mailim.wire.part import Part

EXPIRES = 600.0  # seconds
MAX_TOKENS = 2000
MAX_IMAGE = 20 * 1024 * 1024  # octets of one inline part
MAX_MESSAGE = 50 * 1024 * 1024  # octets of a message that is shown as HTML
_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
_HOST = re.compile(r"[a-z0-9.:\[\]-]{1,260}")
_STYLE = (
    "html{color-scheme:light}body{margin:16px;font:15px/1.5 system-ui,sans-serif;color:#1c1c1e;"
    "background:#fff;overflow-wrap:break-word}img{max-width:100%;height:auto}"
    "pre.plain{white-space:pre-wrap;font:inherit}blockquote{margin:0 0 0 8px;padding-left:12px;"
    "border-left:2px solid #ccc}table{max-width:100%}a{color:#0b57d0}"
)
# Colours turned round as a whole: no rule of the mail's own has to be understood.
_DARK = (
    "html{filter:invert(.92) hue-rotate(180deg);background:#fff}"
    "img{filter:invert(1) hue-rotate(180deg)}"
)


class FrameRequest(BaseModel):
    """What the application asks for."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    emailId: str = Field(max_length=64)
    remoteImages: bool = False
    colorScheme: Literal["light", "dark"] = "light"


@dataclass(frozen=True, slots=True)
class Frame:
    """A prepared document and what it may load."""

    expires: float
    document: bytes
    policy: str
    sha256: bytes
    images: dict[str, Part]


class Frames:
    """Makes and serves them. `item_id` reads a JMAP Email id."""

    def __init__(
        self,
        clock: IReactorTime,
        store: IStore,
        identity: Identity,
        item_id: Callable[[str], int | None],
    ) -> None:
        self._clock = clock
        self._store = store
        self._identity = identity
        self._item_id = item_id
        self._frames: OrderedDict[str, Frame] = OrderedDict()

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
        item, facts = await self._store.read(lambda tx: _message(tx, account.id, item_id))
        if item.size > MAX_MESSAGE:
            raise Problem(413, "the message is too large to be shown formatted")
        data = await self._store.bodies.read(item.sha256)
        token = secrets.token_urlsafe(24)
        images = _inline_images(facts.structure)
        html, remote = await request.threads(
            lambda: _rendered(data, facts, token, images, asked.remoteImages)
        )
        if not _HOST.fullmatch(request.host):
            raise Problem(400, "the Host field is missing")
        policy = _policy(f"https://{request.host}/m/{token}/", asked.remoteImages)
        self._keep(
            token,
            Frame(
                self._clock.seconds() + EXPIRES,
                _document(html, asked.colorScheme == "dark"),
                policy,
                item.sha256,
                {part.path: part for part in images.values()},
            ),
        )
        return json_response(
            {
                "url": f"/m/{token}/body.html",
                "hasRemoteImages": remote,
                "expires": int(EXPIRES),
            }
        )

    def _keep(self, token: str, frame: Frame) -> None:
        now = self._clock.seconds()
        while self._frames:
            oldest = next(iter(self._frames.values()))
            if oldest.expires > now and len(self._frames) < MAX_TOKENS:
                break
            self._frames.popitem(last=False)
        self._frames[token] = frame

    def _frame(self, token: str) -> Frame:
        frame = self._frames.get(token)
        if frame is None or frame.expires <= self._clock.seconds():
            raise NotFound("this view has expired; open the message again")
        return frame

    async def body(self, request: Request, token: str) -> Response:
        """Serve the document, into a frame only."""
        frame = self._frame(token)
        if request.header("Sec-Fetch-Dest") not in (None, "iframe"):
            raise NotFound("this is shown inside the application only")
        headers = [("Content-Security-Policy", frame.policy)]
        return Response(200, frame.document, HTML, headers)

    async def part(self, request: Request, token: str, path: str) -> Response:
        """Serve an inline image of the message."""
        frame = self._frame(token)
        part = frame.images.get(path)
        if part is None:
            raise NotFound("there is no such part")
        data = await self._store.bodies.read(frame.sha256)
        octets = await request.threads(lambda: decoded_body(data, part, MAX_IMAGE))
        headers = [
            ("Content-Security-Policy", "sandbox; default-src 'none'"),
            # The frame's origin is opaque, so to it this is another origin's.
            ("Cross-Origin-Resource-Policy", "cross-origin"),
        ]
        return Response(200, octets, part.content_type, headers)


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


def _rendered(
    data: bytes, facts: MessageFacts, token: str, images: dict[str, Part], load: bool
) -> tuple[str, bool]:
    """Give the cleaned body and whether it names images from the internet."""

    def inline(cid: str) -> str | None:
        part = images.get(cid.strip().strip("<>"))
        return None if part is None else f"/m/{token}/part/{part.path}"

    pieces, remote = [], False
    for path in facts.html_parts:
        part = facts.structure.find(path)
        if part is None:
            continue
        if part.content_type == "text/html":
            result = cleaned(text_of(data, part, MAX_HTML)[0], inline, load)
            pieces.append(result.html)
            remote = remote or result.remote_images
        elif part.content_type == "text/plain":
            pieces.append(plain(text_of(data, part, MAX_HTML)[0]))
        elif part.content_type in _IMAGES and part.cid:
            pieces.append(f'<p><img src="{inline(part.cid)}" alt=""></p>')
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
