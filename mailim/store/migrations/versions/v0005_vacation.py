"""Automatic replies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "vacation",
        sa.Column("account_id", _ID, autoincrement=False, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("from_date", sa.BigInteger(), nullable=True),
        sa.Column("to_date", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("excluded", sa.Text(), nullable=False),
        sa.Column("colleagues", sa.Boolean(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_vacation"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_vacation_account_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "vacation_reply",
        sa.Column("account_id", _ID, autoincrement=False, nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sender", name="pk_vacation_reply"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_vacation_reply_account_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_vacation_reply_account_id_time", "vacation_reply", ["account_id", "time"])
    op.create_index("ix_vacation_reply_time", "vacation_reply", ["time"])
