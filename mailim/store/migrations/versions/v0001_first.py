"""Everything there is at first."""

from __future__ import annotations

from alembic import op

from mailim.store.schema import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    metadata.create_all(op.get_bind())
