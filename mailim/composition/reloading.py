"""What a reload takes up: every key but those that need a restart, which keep their value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailim.config import Site


def merged(old: Site, fresh: Site) -> tuple[Site, list[str]]:
    """Give the site in force after a reload, and the changed keys that need a restart."""
    sections: dict[str, Any] = {}
    waiting = []
    for section in type(old.config).model_fields:
        before, after = getattr(old.config, section), getattr(fresh.config, section)
        kept = {}
        for name, field in type(before).model_fields.items():
            if section == "listeners" or "(restart)" in (field.description or ""):
                kept[name] = getattr(before, name)
                if kept[name] != getattr(after, name):
                    waiting.append(f"{section}.{name}")
        sections[section] = after.model_copy(update=kept)
    return replace(fresh, config=fresh.config.model_copy(update=sections)), waiting
