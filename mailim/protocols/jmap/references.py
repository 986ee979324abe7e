"""References between the method calls of one request (RFC 8620 section 3.7).

An argument "#ids" holds where to take "ids" from: an earlier response, by its call id and
name, and a path in it: a JSON pointer (RFC 6901) with "*" for "of each in the array".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mailim.protocols.jmap.errors import MethodError

MAX_VALUES: Final = 100_000  # gathered by one reference

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")

Invocation = tuple[str, Any, str]  # name, arguments, call id


def resolve_references(
    arguments: Mapping[str, Any], responses: Sequence[Invocation]
) -> dict[str, Any]:
    """Give the arguments with references replaced; raises `MethodError`."""
    resolved: dict[str, Any] = {}
    for name, value in arguments.items():
        if not name.startswith("#"):
            resolved[name] = value
        elif name[1:] in arguments:
            raise MethodError("invalidArguments", f"{name[1:40]} is given twice")
        else:
            resolved[name[1:]] = _resolve(value, responses)
    return resolved


def _resolve(reference: Any, responses: Sequence[Invocation]) -> Any:
    if not isinstance(reference, dict) or set(reference) != {"resultOf", "name", "path"}:
        raise _invalid("a reference has resultOf, name and path")
    call_id, name, path = (reference[key] for key in ("resultOf", "name", "path"))
    if not all(isinstance(each, str) for each in (call_id, name, path)):
        raise _invalid("resultOf, name and path are strings")
    for their_name, arguments, their_id in responses:
        if their_id == call_id:
            if their_name != name:
                raise _invalid("that call gave another response")
            return pointed_at(arguments, path)
    raise _invalid("there is no such earlier call")


def pointed_at(value: Any, path: str) -> Any:
    """Follow a pointer; raises `MethodError` "invalidResultReference"."""
    if path == "":
        return value
    if not path.startswith("/"):
        raise _invalid("a path begins with /")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]
    return _follow(value, steps)


def _follow(value: Any, steps: Sequence[str]) -> Any:
    for place, step in enumerate(steps):
        if isinstance(value, list) and step == "*":
            return _of_each(value, steps[place + 1 :])
        if isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            raise _invalid("the path leads nowhere")
    return value


def _of_each(values: list[Any], steps: Sequence[str]) -> list[Any]:
    gathered: list[Any] = []
    for each in values:
        found = _follow(each, steps)
        if isinstance(found, list):
            gathered.extend(found)
        else:
            gathered.append(found)
        if len(gathered) > MAX_VALUES:
            raise _invalid("the path gives too many values")
    return gathered


def _invalid(description: str) -> MethodError:
    return MethodError("invalidResultReference", description)
