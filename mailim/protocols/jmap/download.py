"""`GET /jmap/download/…`: octets of blobs (RFC 8620 section 6.2).

What comes out was written by strangers. It is always an attachment, in an opaque origin
that loads and runs nothing; types a browser would run, or take for a style, are not given.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from mailim.errors import NotFound
from mailim.protocols.http.headers import SANDBOX_POLICY
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response
from mailim.protocols.http.router import Route
from mailim.protocols.jmap.blobs import Blobs
from mailim.wire.jmap_ids import ACCOUNT, read_id
from mailim.wire.parameters import safe_filename

_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_ACTIVE: Final = re.compile(
    r"html|[/+]xml|svg|script|css|wasm|[/+]json|manifest|shockwave|^multipart|/hta$"
)
_OCTETS: Final = "application/octet-stream"
_KEEP: Final = "private, immutable, max-age=31536000"  # RFC 8620 section 6.2


class Download:
    """Serves blobs to the account that holds them."""

    def __init__(self, identity: Identity, blobs: Blobs) -> None:
        self._identity = identity
        self._blobs = blobs

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [Route("GET", "/jmap/download/{account}/{blob}/{name}", self.get)]

    async def get(self, request: Request, account: str, blob: str, name: str) -> Response:
        """Send one; raises `NotFound` for what is not there or another's."""
        who = await self._identity.account(request, "jmap")
        if read_id(ACCOUNT, account) != who.id:
            raise NotFound("there is no such file")
        found = await self._blobs.find(who.id, blob)
        query = request.query()
        # COMPAT: RFC 8620's own example template calls the parameter "type".
        asked = query.get("accept") or query.get("type") or found.content_type
        etag = f'"{blob}"'
        headers = [
            ("ETag", etag),
            ("Cache-Control", _KEEP),
            ("Content-Security-Policy", SANDBOX_POLICY),
            ("Content-Disposition", attachment(name)),
        ]
        if request.header("If-None-Match") == etag:
            return Response(304, headers=headers)
        body = self._blobs.stream(found)
        return Response(200, body, harmless_type(asked), headers, length=found.size)


def harmless_type(asked: str) -> str:
    """Give the type asked for if no browser runs such a thing, else that of plain octets."""
    kind = asked.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(kind) or _ACTIVE.search(kind):
        return _OCTETS
    return kind


def attachment(name: str) -> str:
    """Give a Content-Disposition that saves under a harmless name (RFC 6266)."""
    safe = safe_filename(name) or "attachment"
    plain = re.sub(r'[^ -~]|["\\%]', "_", safe)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"
