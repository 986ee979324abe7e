"""EmailBodyValue objects: the text of parts, read and decoded (RFC 8621 section 4.1.4).

Only as much of a body is read as can be shown; decoding runs in a thread.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from mailim.interfaces.bodies import IBodies
from mailim.protocols.http.request import Threads
from mailim.protocols.jmap.budget import Budget
from mailim.wire.mime import text_of
from mailim.wire.part import Part

# Encoded octets that hold one decoded: quoted-printable takes three and soft line breaks.
_EXPANSION: Final = 3.2


async def body_value(
    bodies: IBodies,
    threads: Threads,
    sha256: bytes,
    part: Part,
    limit: int,
    budget: Budget | None = None,
) -> dict[str, Any]:
    """Give the text of one part, at most `limit` octets of UTF-8, and count it."""
    encoded = min(part.body_end - part.body_start, int((limit * 4 + 64) * _EXPANSION))
    octets = await bodies.read(sha256, part.body_start, part.body_start + encoded)
    moved = replace(part, header_start=0, body_start=0, body_end=len(octets))
    html = part.content_type == "text/html"
    text, problem, cut = await threads(lambda: _decode(octets, moved, limit, html))
    truncated = cut or encoded < part.body_end - part.body_start
    if budget is not None:
        budget.text(len(text))
    return {"value": text, "isEncodingProblem": problem, "isTruncated": truncated}


def _decode(octets: bytes, part: Part, limit: int, html: bool) -> tuple[str, bool, bool]:
    # One more than can be shown, to know whether there is more.
    text, problem = text_of(octets, part, limit + 1)
    shown = cut_to(text, limit, html)
    return shown, problem, len(shown) < len(text)


def cut_to(text: str, limit: int, html: bool = False) -> str:
    """Cut to `limit` octets of UTF-8, not inside a character and, in HTML, not inside a tag."""
    octets = text.encode("utf-8")
    if len(octets) <= limit:
        return text
    cut = octets[:limit].decode("utf-8", "ignore")
    if html and cut.rfind("<") > cut.rfind(">"):
        cut = cut[: cut.rfind("<")]
    return cut
