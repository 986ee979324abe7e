"""Writes `etc/mailim.toml` from the models: complete, with every description as comment."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mailim.config import Config

_HEAD = """\
The configuration of mailim. Every key is here with its default; what is left out keeps it.
Relative paths are meant from the directory above this file's. A key marked (restart) takes
effect at the next start, every other one with `mailim reload` or SIGHUP.
Check it with: mailim --config FILE check
"""


def render(changes: Mapping[str, Any] | None = None) -> str:
    """Give the text of a complete file.

    `changes` maps key paths ("server.domain") to values other than the defaults; a key
    whose default is None is shown commented out unless it is in there.
    """
    lines = [f"# {line}".rstrip() for line in _HEAD.splitlines()]
    lines += _table(Config(), "", dict(changes or {}))
    return "\n".join(lines) + "\n"


def _table(section: BaseModel, prefix: str, changes: dict[str, Any]) -> Iterator[str]:
    tables = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        path = f"{prefix}{name}"
        if isinstance(value, BaseModel):
            tables.append((path, value, field.description))
            continue
        yield from (f"# {line}" for line in textwrap.wrap(field.description or "", 94))
        value = changes.get(path, value)
        yield f"# {name} = 0" if value is None else f"{name} = {_value(value)}"
    for path, value, description in tables:
        yield from ("", *(f"# {line}" for line in (_doc(value, description),)), f"[{path}]")
        yield from _table(value, f"{path}.", changes)


def _doc(section: BaseModel, description: str | None) -> str:
    return description or (type(section).__doc__ or "").splitlines()[0]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, str | Path):
        # A basic string of TOML is a string of JSON, but that DEL is escaped too.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    raise TypeError(f"no TOML form for {value!r}")


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201 - this is what it is for
