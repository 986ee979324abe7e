"""What senders want to be told of a mail's fate (RFC 3461)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the two tables beside the spool."""
    op.create_table(
        "spool_dsn",
        sa.Column("spool_id", _ID, nullable=False),
        sa.Column("ret", sa.Text(), nullable=False),
        sa.Column("envid", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("spool_id", name="pk_spool_dsn"),
        sa.ForeignKeyConstraint(
            ["spool_id"], ["spool.id"], name="fk_spool_dsn_spool_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spool_dsn_recipient",
        sa.Column("spool_id", _ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("notify", sa.Text(), nullable=False),
        sa.Column("orcpt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("spool_id", "address", name="pk_spool_dsn_recipient"),
        sa.ForeignKeyConstraint(
            ["spool_id"], ["spool.id"], name="fk_spool_dsn_recipient_spool_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
