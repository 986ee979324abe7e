"""A response object as octets, made so that nobody waits for a long one.

The JSON encoder of the standard library lets no other thread run while it works. So a long
response is encoded object by object, in a thread: the reactor runs in between.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mailim.protocols.http.request import Threads
from mailim.protocols.jmap.references import Invocation

_FEW: Final = 20  # objects encoded at once, and those for which no thread is worth while

_encode: Final[Callable[[Any], str]] = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode


async def encode_response(
    responses: Sequence[Invocation], rest: Mapping[str, Any], threads: Threads
) -> bytes:
    """Encode `methodResponses` and what else a Response object has (RFC 8620 section 3.4)."""
    if not any(_is_long(value.get("list")) for _, value, _ in responses):
        return _response(responses, rest)
    octets: bytes = await threads(lambda: _response(responses, rest))
    return octets


def _response(responses: Sequence[Invocation], rest: Mapping[str, Any]) -> bytes:
    calls = ",".join(
        f"[{_encode(name)},{_arguments(value)},{_encode(call_id)}]"
        for name, value, call_id in responses
    )
    members = "".join(f",{_encode(name)}:{_encode(value)}" for name, value in rest.items())
    return f'{{"methodResponses":[{calls}]{members}}}'.encode()


def _is_long(found: Any) -> bool:
    return isinstance(found, list) and len(found) > _FEW


def _arguments(value: Mapping[str, Any]) -> str:
    found = value.get("list")
    if not _is_long(found):
        return _encode(value)
    # `list` goes last; the order of members means nothing.
    head = _encode({name: each for name, each in value.items() if name != "list"})
    objects = ",".join(map(_encode, found or ()))
    return f'{head[:-1]}{"," if len(head) > 2 else ""}"list":[{objects}]}}'
