"""Notices about what was submitted, and what they are recognised by (RFC 8621 section 7)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Name the mails that were sent; of those before, by what their trace says."""
    for name in ("message_id", "envid"):
        op.add_column("submission", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.execute(
        "UPDATE submission SET message_id = coalesce((SELECT message_id FROM mail_trace"
        " WHERE mail_trace.spool_id = submission.spool_id), '')"
    )
    for name in ("message_id", "envid"):
        op.create_index(f"ix_submission_account_id_{name}", "submission", ["account_id", name])
    op.create_table(
        "submission_notice",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("submission_id", _ID, nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_submission_notice"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_submission_notice_account_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name="fk_submission_notice_submission_id",
            ondelete="CASCADE",
        ),
        sqlite_autoincrement=True,
    )  # fmt: skip
    for name in ("account_id", "submission_id", "item_id"):
        op.create_index(f"ix_submission_notice_{name}", "submission_notice", [name])
    op.create_table(
        "submission_told",
        sa.Column("submission_id", _ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("submission_id", "address", name="pk_submission_told"),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name="fk_submission_told_submission_id",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )  # fmt: skip
