"""What else is known of recipients: which address led to them, copies for them, their end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    """Let recipients say it; of those that are there already it is not known any more."""
    for name in ("sent_to", "as_copy", "ended"):
        op.add_column(
            "spool_recipient", sa.Column(name, sa.Text(), nullable=False, server_default="")
        )
