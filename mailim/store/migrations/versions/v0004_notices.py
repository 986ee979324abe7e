"""Instant messages that programs hand in."""

from __future__ import annotations

revision = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    """Nothing yet."""
