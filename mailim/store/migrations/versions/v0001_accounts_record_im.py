"""Accounts, bodies, the record and instant messaging."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None

# SQLite numbers rows by itself only if the type is exactly INTEGER.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, those that others refer to first."""
    for make in (
        _domain,
        _account,
        _credential,
        _alias,
        _address_group,
        _group_member,
        _web_session,
        _body,
        _body_data,
        _leaf,
        _checkpoint,
        _roster_state,
        _roster_item,
        _roster_request,
        _offline_stanza,
        _archive_entry,
    ):
        make()


def _domain() -> None:
    op.create_table(
        "domain",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_domain"),
        sa.UniqueConstraint("name", name="uq_domain_name"),
    )


def _account() -> None:
    op.create_table(
        "account",
        sa.Column("id", _ID, nullable=False),
        sa.Column("domain_id", _ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("last_login", sa.BigInteger(), nullable=True),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domain.id"], name="fk_account_domain_id", ondelete="RESTRICT"
        ),
        sa.UniqueConstraint("address", name="uq_account_address"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_account_domain_id", "account", ["domain_id"])
    op.create_index("ix_account_domain_id_address", "account", ["domain_id", "address"])


def _credential() -> None:
    op.create_table(
        "credential",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "kind", name="pk_credential"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_credential_account_id", ondelete="CASCADE"
        ),
    )


def _alias() -> None:
    op.create_table(
        "alias",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("domain_id", _ID, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_alias"),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domain.id"], name="fk_alias_domain_id", ondelete="RESTRICT"
        ),
    )
    op.create_index("ix_alias_domain_id", "alias", ["domain_id"])


def _address_group() -> None:
    op.create_table(
        "address_group",
        sa.Column("id", _ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("domain_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_address_group"),
        sa.UniqueConstraint("address", name="uq_address_group_address"),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domain.id"], name="fk_address_group_domain_id", ondelete="RESTRICT"
        ),
    )
    op.create_index("ix_address_group_domain_id", "address_group", ["domain_id"])


def _group_member() -> None:
    op.create_table(
        "group_member",
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "member", name="pk_group_member"),
        sa.ForeignKeyConstraint(
            ["group_id"], ["address_group.id"], name="fk_group_member_group_id", ondelete="CASCADE"
        ),
    )


def _web_session() -> None:
    op.create_table(
        "web_session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_web_session"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_web_session_account_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_web_session_account_id", "web_session", ["account_id"])
    op.create_index("ix_web_session_expires", "web_session", ["expires"])


def _body() -> None:
    op.create_table(
        "body",
        sa.Column("id", _ID, nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("holds", sa.BigInteger(), nullable=False),
        sa.Column("in_file", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_body"),
        sa.UniqueConstraint("sha256", name="uq_body_sha256"),
    )
    op.create_index(
        "ix_body_unheld",
        "body",
        ["id"],
        sqlite_where=sa.text("holds = 0"),
        postgresql_where=sa.text("holds = 0"),
    )


def _body_data() -> None:
    op.create_table(
        "body_data",
        sa.Column("body_id", _ID, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("body_id", name="pk_body_data"),
        sa.ForeignKeyConstraint(
            ["body_id"], ["body.id"], name="fk_body_data_body_id", ondelete="CASCADE"
        ),
    )


def _leaf() -> None:
    op.create_table(
        "leaf",
        sa.Column("seq", _ID, autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("refers", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("inner", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_leaf"),
    )
    op.create_index("ix_leaf_recipient_seq", "leaf", ["recipient", "seq"])
    op.create_index(
        "ix_leaf_refers_seq",
        "leaf",
        ["refers", "seq"],
        sqlite_where=sa.text("refers IS NOT NULL"),
        postgresql_where=sa.text("refers IS NOT NULL"),
    )
    op.create_index("ix_leaf_sender_seq", "leaf", ["sender", "seq"])
    op.create_index("ix_leaf_time_seq", "leaf", ["time", "seq"])


def _checkpoint() -> None:
    op.create_table(
        "checkpoint",
        sa.Column("id", _ID, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoint"),
    )


def _roster_state() -> None:
    op.create_table(
        "roster_state",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("forgotten", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_roster_state"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_roster_state_account_id", ondelete="CASCADE"
        ),
    )


def _roster_item() -> None:
    op.create_table(
        "roster_item",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("jid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("ask", sa.Boolean(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "jid", name="pk_roster_item"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_roster_item_account_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_roster_item_account_id_version", "roster_item", ["account_id", "version"])


def _roster_request() -> None:
    op.create_table(
        "roster_request",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("jid", sa.Text(), nullable=False),
        sa.Column("stanza", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "jid", name="pk_roster_request"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_roster_request_account_id", ondelete="CASCADE"
        ),
    )


def _offline_stanza() -> None:
    op.create_table(
        "offline_stanza",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("stanza", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_offline_stanza"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_offline_stanza_account_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_offline_stanza_account_id_id", "offline_stanza", ["account_id", "id"])


def _archive_entry() -> None:
    op.create_table(
        "archive_entry",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("seq", _ID, autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("bare_peer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "seq", name="pk_archive_entry"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_archive_entry_account_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_archive_entry_account_id_bare_peer_seq",
        "archive_entry",
        ["account_id", "bare_peer", "seq", "time", "peer"],
    )
