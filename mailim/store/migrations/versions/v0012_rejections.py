"""Mail that was refused at the door."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"

# SQLite numbers rows by itself only if the type is exactly INTEGER.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "rejection",
        sa.Column("id", _ID, nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("code", sa.BigInteger(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rejection"),
        sa.UniqueConstraint(
            "minute", "peer", "sender", "recipient", "code", "reply",
            name="uq_rejection_minute_peer_sender_recipient_code_reply",
        ),
    )  # fmt: skip
    op.create_index("ix_rejection_recipient", "rejection", ["recipient"])
    op.create_index("ix_rejection_sender", "rejection", ["sender"])
