"""Shows results to people: lists of objects as columns, one object as lines."""

from __future__ import annotations

import json
from typing import Any

_MAX_WIDTH = 60


def shown(result: Any, as_json: bool) -> str:
    """Give the text to print, "" for nothing."""
    if as_json:
        return json.dumps(result, ensure_ascii=False, indent=1)
    if result is None or result == {}:
        return ""
    if isinstance(result, str):
        return _safe(result, keep_lines=True)
    if isinstance(result, dict):
        if isinstance(result.get("raw"), str):  # a file, not a text for a screen
            return str(result["raw"]).rstrip("\n")
        if isinstance(result.get("text"), str):
            return _safe(result["text"], keep_lines=True)
        width = max(len(name) for name in result)
        return "\n".join(f"{name:<{width}}  {_cell(value)}" for name, value in result.items())
    if isinstance(result, list):
        return _columns(result)
    return _cell(result)


def _columns(rows: list[Any]) -> str:
    if not rows:
        return "(none)"
    if not all(isinstance(row, dict) for row in rows):
        return "\n".join(_cell(row) for row in rows)
    names = [name for name, value in rows[0].items() if not isinstance(value, dict)]
    table = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [
        min(_MAX_WIDTH, max(len(line[column]) for line in table)) for column in range(len(names))
    ]
    lines = []
    for line in table:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value) or "-"
    return _safe(str(value))


def _safe(text: str, keep_lines: bool = False) -> str:
    """Escape what could steer a terminal: texts come from strangers."""
    return "".join(
        char if char.isprintable() or (keep_lines and char == "\n") else repr(char)[1:-1]
        for char in text
    )
