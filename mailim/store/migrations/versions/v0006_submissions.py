"""Identities and submissions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"

# SQLite numbers rows by itself only if the type is exactly INTEGER.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _identity()
    _tombstone("identity")
    _submission()
    _tombstone("submission")


def _identity() -> None:
    op.create_table(
        "identity",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=False),
        sa.Column("bcc", sa.Text(), nullable=False),
        sa.Column("text_signature", sa.Text(), nullable=False),
        sa.Column("html_signature", sa.Text(), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("created_modseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identity"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_identity_account_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_identity_account_id_modseq", "identity", ["account_id", "modseq"])


def _submission() -> None:
    op.create_table(
        "submission",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("identity_id", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("body_id", _ID, nullable=True),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("send_at", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("undo_status", sa.Text(), nullable=False),
        sa.Column("spool_id", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("created_modseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_submission"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_submission_account_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["body_id"], ["body.id"], name="fk_submission_body_id", ondelete="RESTRICT"
        ),
        sqlite_autoincrement=True,
    )
    for name in ("body_id", "due", "spool_id", "ended"):
        op.create_index(f"ix_submission_{name}", "submission", [name])
    op.create_index("ix_submission_account_id_modseq", "submission", ["account_id", "modseq"])


def _tombstone(of: str) -> None:
    table = f"{of}_tombstone"
    op.create_table(
        table,
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("modseq", _ID, autoincrement=False, nullable=False),
        sa.Column(f"{of}_id", sa.BigInteger(), nullable=False),
        sa.Column("created_modseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "modseq", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=f"fk_{table}_account_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
