"""What happened to each mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"

# SQLite numbers rows by itself only if the type is exactly INTEGER.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; mails under way get a head, so that their ends are written down."""
    _mail_trace()
    _mail_event()
    op.execute(
        "INSERT INTO mail_trace (spool_id, time, message_id, sender, size, origin, source)"
        " SELECT id, received, '', lower(sender), size, origin, source FROM spool"
    )


def _mail_trace() -> None:
    op.create_table(
        "mail_trace",
        sa.Column("spool_id", _ID, autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("spool_id", name="pk_mail_trace"),
    )
    op.create_index("ix_mail_trace_time", "mail_trace", ["time"])
    op.create_index("ix_mail_trace_message_id", "mail_trace", ["message_id"])
    op.create_index("ix_mail_trace_sender", "mail_trace", ["sender"])


def _mail_event() -> None:
    op.create_table(
        "mail_event",
        sa.Column("id", _ID, nullable=False),
        sa.Column("spool_id", _ID, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("next_attempt", sa.BigInteger(), nullable=True),
        sa.Column("other", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_mail_event"),
        sa.ForeignKeyConstraint(
            ["spool_id"],
            ["mail_trace.spool_id"],
            name="fk_mail_event_spool_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_mail_event_spool_id", "mail_event", ["spool_id"])
    op.create_index("ix_mail_event_address", "mail_event", ["address", "spool_id"])
