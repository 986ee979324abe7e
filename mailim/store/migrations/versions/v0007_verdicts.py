"""What filters said of a recipient."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """Give recipients a verdict; those that wait already were not judged."""
    op.add_column(
        "spool_recipient", sa.Column("verdict", sa.Text(), nullable=False, server_default="")
    )
