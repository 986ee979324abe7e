"""Reading what a client sent: JSON with limits and models, small forms, queries."""

from __future__ import annotations

import json
import re
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from mailim.protocols.http.limits import FORM_FIELDS, JSON_DEPTH
from mailim.protocols.http.problems import Problem

M = TypeVar("M", bound=BaseModel)

MAX_ERRORS: Final = 50  # wrong fields listed in one answer

_BRACKETS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(octets: bytes, depth: int = JSON_DEPTH) -> Any:
    """Parse I-JSON (RFC 7493): UTF-8, no duplicate names, no NaN, at most `depth` levels.

    Raises `ValueError` with a text fit for strangers. Linear in the length; for much input
    it is meant to run in a thread, where it gives way to others.
    """
    if octets.startswith(b"\xef\xbb\xbf"):
        raise ValueError("a byte order mark is not JSON")
    # Few brackets cannot nest deeply; only otherwise are they counted one by one.
    if octets.count(b"[") + octets.count(b"{") > depth and _depth_of(octets, depth) > depth:
        raise ValueError(f"nested deeper than {depth} levels")
    try:
        value = json.loads(
            octets.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        if _SURROGATE.search(octets):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise ValueError("not valid UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _depth_of(octets: bytes, limit: int) -> int:
    depth = deepest = 0
    for found in _BRACKETS.finditer(octets):
        mark = found[0]
        if mark in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > limit:
                break
        elif mark in b"]}":
            depth -= 1
    return deepest


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return value


def model_of(model: type[M], value: Any) -> M:
    """Check a parsed value against a model; raises `Problem` 400 naming all that is wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors = field_errors(error)
        raise Problem(400, "some fields are not valid", errors=errors) from None


def field_errors(error: ValidationError) -> list[tuple[str, str]]:
    """Give (path, text) of what a model refused, without repeating the input."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        (".".join(str(step) for step in detail["loc"])[:200], _sentence(detail["msg"]))
        for detail in details[:MAX_ERRORS]
    ]


def _sentence(message: str) -> str:
    # pydantic puts its own words before those of our validators.
    return message.removeprefix("Value error, ")


def parse_form(octets: bytes) -> dict[str, str]:
    """Parse application/x-www-form-urlencoded in UTF-8; raises `Problem` 400.

    A name that stands twice is refused: no form of ours sends one.
    """
    return _pairs(octets, "the form")


def parse_query(raw: bytes) -> dict[str, str]:
    """Parse a query string likewise."""
    return _pairs(raw, "the query")


def _pairs(octets: bytes, what: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            octets.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=FORM_FIELDS,
        )
    except ValueError:  # UnicodeDecodeError is one
        raise Problem(400, f"{what} cannot be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Problem(400, f"{what} has a field twice")
    return fields
