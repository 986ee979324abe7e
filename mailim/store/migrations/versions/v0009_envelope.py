"""The rest of the SMTP envelope."""

from __future__ import annotations

revision = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    """Nothing yet."""
