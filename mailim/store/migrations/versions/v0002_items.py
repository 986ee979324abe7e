"""Folders, items, what is derived from messages, and the full-text index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"

# SQLite numbers rows by itself only if the type is exactly INTEGER.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# The full-text index over message_text: it keeps words only, the text stays there.
_SEARCH = """
CREATE VIRTUAL TABLE message_search USING fts5(
    headers, body, content='message_text', content_rowid='body_id',
    tokenize='unicode61 remove_diacritics 2'
)
"""
_INSERTED = """
CREATE TRIGGER message_text_inserted AFTER INSERT ON message_text BEGIN
    INSERT INTO message_search (rowid, headers, body)
    VALUES (new.body_id, new.headers, new.body);
END
"""
_DELETED = """
CREATE TRIGGER message_text_deleted AFTER DELETE ON message_text BEGIN
    INSERT INTO message_search (message_search, rowid, headers, body)
    VALUES ('delete', old.body_id, old.headers, old.body);
END
"""


def upgrade() -> None:
    """Make the tables, those that others refer to first."""
    for make in (
        _mail_state,
        _folder,
        _folder_tombstone,
        _thread,
        _thread_tombstone,
        _thread_key,
        _thread_folder,
        _item,
        _item_tombstone,
        _upload,
        _message_facts,
        _message_key,
        _message_unindexed,
        _message_text,
    ):
        make()
    for each in (_SEARCH, _INSERTED, _DELETED):
        op.execute(each)


def _mail_state() -> None:
    op.create_table(
        "mail_state",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("forgotten", sa.BigInteger(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_mail_state"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_mail_state_account_id", ondelete="CASCADE"
        ),
    )


def _folder() -> None:
    op.create_table(
        "folder",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("sort_order", sa.BigInteger(), nullable=False),
        sa.Column("subscribed", sa.Boolean(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uidnext", sa.BigInteger(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("created_modseq", sa.BigInteger(), nullable=False),
        sa.Column("own_modseq", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("unread", sa.BigInteger(), nullable=False),
        sa.Column("total_threads", sa.BigInteger(), nullable=False),
        sa.Column("unread_threads", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_folder"),
        sa.UniqueConstraint(
            "account_id", "parent_id", "name", name="uq_folder_account_id_parent_id_name"
        ),
        sa.UniqueConstraint("account_id", "role", name="uq_folder_account_id_role"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_folder_account_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_folder_account_id_modseq", "folder", ["account_id", "modseq"])


def _folder_tombstone() -> None:
    op.create_table(
        "folder_tombstone",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("modseq", _ID, autoincrement=False, nullable=False),
        sa.Column("folder_id", sa.BigInteger(), nullable=False),
        sa.Column("created_modseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "modseq", name="pk_folder_tombstone"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name="fk_folder_tombstone_account_id",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )


def _thread() -> None:
    op.create_table(
        "thread",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("item_count", sa.BigInteger(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("created_modseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_thread"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_thread_account_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_thread_changed", "thread", ["account_id", "modseq", "created_modseq"])
    op.create_index("ix_thread_created", "thread", ["account_id", "created_modseq"])


def _thread_tombstone() -> None:
    op.create_table(
        "thread_tombstone",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("modseq", _ID, autoincrement=False, nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("created_modseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "modseq", name="pk_thread_tombstone"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name="fk_thread_tombstone_account_id",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )


def _thread_key() -> None:
    op.create_table(
        "thread_key",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("thread_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key", name="pk_thread_key"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_thread_key_account_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name="fk_thread_key_thread_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_thread_key_thread_id", "thread_key", ["thread_id"])


def _thread_folder() -> None:
    op.create_table(
        "thread_folder",
        sa.Column("thread_id", _ID, nullable=False),
        sa.Column("folder_id", _ID, nullable=False),
        sa.Column("item_count", sa.BigInteger(), nullable=False),
        sa.Column("unread", sa.BigInteger(), nullable=False),
        sa.Column("latest_received", sa.BigInteger(), nullable=False),
        sa.Column("latest_item", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("thread_id", "folder_id", name="pk_thread_folder"),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name="fk_thread_folder_thread_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["folder_id"], ["folder.id"], name="fk_thread_folder_folder_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_thread_folder_listing", "thread_folder", ["folder_id", "latest_received", "latest_item"]
    )


def _item() -> None:
    op.create_table(
        "item",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("folder_id", _ID, nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("body_id", _ID, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("keywords", sa.Text(), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", _ID, nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("created_modseq", sa.BigInteger(), nullable=False),
        sa.Column("prefix", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_item"),
        sa.UniqueConstraint("folder_id", "uid", name="uq_item_folder_id_uid"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_item_account_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["folder_id"], ["folder.id"], name="fk_item_folder_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["body_id"], ["body.id"], name="fk_item_body_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name="fk_item_thread_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_item_account_listing", "item", ["account_id", "received", "id"])
    op.create_index("ix_item_body_id", "item", ["body_id", "account_id"])
    op.create_index("ix_item_changed", "item", ["account_id", "modseq", "created_modseq"])
    op.create_index("ix_item_created", "item", ["account_id", "created_modseq"])
    op.create_index("ix_item_listing", "item", ["folder_id", "received", "id", "thread_id"])
    op.create_index("ix_item_thread", "item", ["thread_id", "received", "id"])
    op.create_index(
        "ix_item_unseen",
        "item",
        ["folder_id", "received", "id", "thread_id"],
        sqlite_where=sa.text("seen IS 0"),
        postgresql_where=sa.text("seen IS false"),
    )


def _item_tombstone() -> None:
    op.create_table(
        "item_tombstone",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("modseq", _ID, autoincrement=False, nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("folder_id", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("created_modseq", sa.BigInteger(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "modseq", name="pk_item_tombstone"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_item_tombstone_account_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )


def _upload() -> None:
    op.create_table(
        "upload",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("body_id", _ID, nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "body_id", name="pk_upload"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_upload_account_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["body_id"], ["body.id"], name="fk_upload_body_id", ondelete="RESTRICT"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_upload_expires", "upload", ["expires"])


def _message_facts() -> None:
    op.create_table(
        "message_facts",
        sa.Column("body_id", _ID, nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("body_id", name="pk_message_facts"),
        sa.ForeignKeyConstraint(
            ["body_id"], ["body.id"], name="fk_message_facts_body_id", ondelete="CASCADE"
        ),
    )


def _message_key() -> None:
    op.create_table(
        "message_key",
        sa.Column("body_id", _ID, nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=True),
        sa.Column("has_attachment", sa.Boolean(), nullable=False),
        sa.Column("base_subject", sa.Text(), nullable=False),
        sa.Column("from_name", sa.Text(), nullable=False),
        sa.Column("to_name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("from", sa.Text(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("cc", sa.Text(), nullable=False),
        sa.Column("bcc", sa.Text(), nullable=False),
        sa.Column("preview", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("body_id", name="pk_message_key"),
        sa.ForeignKeyConstraint(
            ["body_id"], ["body.id"], name="fk_message_key_body_id", ondelete="CASCADE"
        ),
    )


def _message_unindexed() -> None:
    op.create_table(
        "message_unindexed",
        sa.Column("body_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("body_id", name="pk_message_unindexed"),
        sa.ForeignKeyConstraint(
            ["body_id"], ["body.id"], name="fk_message_unindexed_body_id", ondelete="CASCADE"
        ),
    )


def _message_text() -> None:
    op.create_table(
        "message_text",
        sa.Column("body_id", _ID, nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("body_id", name="pk_message_text"),
        sa.ForeignKeyConstraint(
            ["body_id"], ["body.id"], name="fk_message_text_body_id", ondelete="CASCADE"
        ),
    )
