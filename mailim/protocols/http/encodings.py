"""Content codings (RFC 9110 sections 8.4 and 12.5.3): choosing one, and gzip."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from typing import Final

PACK_FROM: Final = 2048  # octets; below, gzip saves nothing worth a moment of anybody's

_MEMBER: Final = re.compile(
    r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII
)


def choose(accept_encoding: str | None, offered: Sequence[str]) -> str:
    """Choose the best coding both sides know, in the order offered; "" for none."""
    if not accept_encoding or not offered:
        return ""
    wishes: dict[str, float] = {}
    for member in accept_encoding[:1000].split(","):
        found = _MEMBER.fullmatch(member)
        if found:
            wishes.setdefault(found[1].lower(), float(found[2]) if found[2] else 1.0)
    anything = wishes.get("*", 0.0)
    best = max(offered, key=lambda coding: wishes.get(coding, anything))
    return best if wishes.get(best, anything) > 0 else ""


def pack(octets: bytes) -> bytes:
    """Compress with gzip's fastest level, the same output for the same input."""
    return gzip.compress(octets, compresslevel=1, mtime=0)
