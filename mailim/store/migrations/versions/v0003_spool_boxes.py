"""The spool and MultiPOP boxes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"

# SQLite numbers rows by itself only if the type is exactly INTEGER.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, those that others refer to first."""
    for make in (
        _spool,
        _spool_recipient,
        _spool_account,
        _box,
        _box_message,
    ):
        make()


def _spool() -> None:
    op.create_table(
        "spool",
        sa.Column("id", _ID, nullable=False),
        sa.Column("body_id", _ID, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("prefix", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_spool"),
        sa.ForeignKeyConstraint(
            ["body_id"], ["body.id"], name="fk_spool_body_id", ondelete="RESTRICT"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_spool_body_id", "spool", ["body_id"])


def _spool_recipient() -> None:
    op.create_table(
        "spool_recipient",
        sa.Column("id", _ID, nullable=False),
        sa.Column("spool_id", _ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_spool_recipient"),
        sa.UniqueConstraint("spool_id", "address", name="uq_spool_recipient_spool_id_address"),
        sa.ForeignKeyConstraint(
            ["spool_id"], ["spool.id"], name="fk_spool_recipient_spool_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_spool_recipient_due",
        "spool_recipient",
        ["next_attempt", "spool_id"],
        sqlite_where=sa.text("held IS 0 AND done IS 0"),
        postgresql_where=sa.text("held IS false AND done IS false"),
    )


def _spool_account() -> None:
    op.create_table(
        "spool_account",
        sa.Column("spool_id", _ID, nullable=False),
        sa.Column("account_id", _ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("spool_id", "account_id", name="pk_spool_account"),
        sa.ForeignKeyConstraint(
            ["spool_id"], ["spool.id"], name="fk_spool_account_spool_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )


def _box() -> None:
    op.create_table(
        "box",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.BigInteger(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("tls", sa.Text(), nullable=False),
        sa.Column("ca", sa.Text(), nullable=False),
        sa.Column("leave", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("last_run", sa.BigInteger(), nullable=True),
        sa.Column("last_success", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("next_run", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("collected", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_box"),
        sa.UniqueConstraint(
            "account_id", "host", "port", "user", name="uq_box_account_id_host_port_user"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_box_account_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )


def _box_message() -> None:
    op.create_table(
        "box_message",
        sa.Column("box_id", _ID, nullable=False),
        sa.Column("uidl", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("box_id", "uidl", name="pk_box_message"),
        sa.ForeignKeyConstraint(
            ["box_id"], ["box.id"], name="fk_box_message_box_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_box_message_box_id_sha256", "box_message", ["box_id", "sha256"])
    op.create_index("ix_box_message_box_id_state", "box_message", ["box_id", "state"])
