"""Folders, items, threads, uploads, the spool and MultiPOP boxes.

What is derived from a body stands once per body, whoever holds it: `message_facts` (the
JSON that answers for ENVELOPE and JMAP), `message_key` (what is sorted and filtered by) and
`message_text` (what is searched, filled in the background; a migration makes the FTS5 table
`message_search` and its triggers beside it). They go when the body goes.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Table,
    Text,
    UniqueConstraint,
    column,
    false,
    table,
)

from mailim.store.schema.columns import (
    Id,
    flag,
    metadata,
    number,
    octets,
    reference,
    row_id,
    text,
)


def no(flag_column: ColumnElement[bool]) -> ColumnElement[bool]:
    """Say that a flag is not set; SQLite finds a partial index by these very words."""
    return flag_column.is_(false())


# --- accounts' mail as a whole ---------------------------------------------------------

mail_state = Table(
    "mail_state",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    number("modseq"),  # the newest; every change of folders and items takes the next
    number("forgotten"),  # tombstones up to this modseq are gone
    number("uidvalidity"),  # the newest given to a folder
)

# --- folders -----------------------------------------------------------------------------

# The kind of a folder that its owner deleted, while its items go in small units.
REMOVED = "removed"

folder = Table(
    "folder",
    metadata,
    row_id(),
    reference("account_id", "account.id"),
    number("parent_id"),  # 0: none (NULLs would all be different to the unique constraint)
    text("name"),
    text("kind"),
    text("role", nullable=True),
    number("sort_order"),
    flag("subscribed"),
    number("uidvalidity"),
    number("uidnext"),
    number("modseq"),
    number("created_modseq"),
    number("own_modseq"),  # of the last change that was not one of counts only
    number("total"),
    number("unread"),
    number("total_threads"),
    number("unread_threads"),
    UniqueConstraint("account_id", "parent_id", "name"),
    UniqueConstraint("account_id", "role"),
    sqlite_autoincrement=True,
)

folder_changes = Index("ix_folder_account_id_modseq", folder.c.account_id, folder.c.modseq)

folder_tombstone = Table(
    "folder_tombstone",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    Column("modseq", Id, primary_key=True, autoincrement=False),
    number("folder_id"),
    number("created_modseq"),
    sqlite_with_rowid=False,
)

# --- threads -----------------------------------------------------------------------------

thread = Table(
    "thread",
    metadata,
    row_id(),
    reference("account_id", "account.id"),
    number("item_count"),
    number("modseq"),
    number("created_modseq"),
    sqlite_autoincrement=True,
)

thread_changes = (
    Index("ix_thread_changed", thread.c.account_id, thread.c.modseq, thread.c.created_modseq),
    Index("ix_thread_created", thread.c.account_id, thread.c.created_modseq),
)

thread_tombstone = Table(
    "thread_tombstone",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    Column("modseq", Id, primary_key=True, autoincrement=False),
    number("thread_id"),
    number("created_modseq"),
    sqlite_with_rowid=False,
)

# Which thread a message joins: by message identifier and base subject, hashed together.
thread_key = Table(
    "thread_key",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    octets("key", primary_key=True),
    reference("thread_id", "thread.id", index=True),
    sqlite_with_rowid=False,
)

# A thread's part in one folder; its counts make the folder's counts of threads.
thread_folder = Table(
    "thread_folder",
    metadata,
    reference("thread_id", "thread.id", primary_key=True),
    reference("folder_id", "folder.id", primary_key=True),
    number("item_count"),
    number("unread"),
    number("latest_received"),  # of the newest item of the thread in this folder
    number("latest_item"),
    sqlite_with_rowid=False,
)

# A folder's list of threads, newest first, without looking at items.
thread_listing = Index(
    "ix_thread_folder_listing",
    thread_folder.c.folder_id,
    thread_folder.c.latest_received,
    thread_folder.c.latest_item,
)

# --- items -------------------------------------------------------------------------------

item = Table(
    "item",
    metadata,
    row_id(),
    reference("account_id", "account.id"),
    reference("folder_id", "folder.id"),
    number("uid"),
    reference("body_id", "body.id", ondelete="RESTRICT"),
    number("size"),
    text("keywords"),  # sorted, a space before and behind each; " " if there is none
    flag("seen"),  # has $seen; for the index of what was not
    number("received"),
    reference("thread_id", "thread.id"),
    number("modseq"),
    number("created_modseq"),
    octets("prefix"),
    UniqueConstraint("folder_id", "uid"),
    sqlite_autoincrement=True,
)

item_indexes = (
    # A folder's list and its counting need no row of the table; a thread's neither.
    Index("ix_item_listing", item.c.folder_id, item.c.received, item.c.id, item.c.thread_id),
    Index("ix_item_account_listing", item.c.account_id, item.c.received, item.c.id),
    Index("ix_item_thread", item.c.thread_id, item.c.received, item.c.id),
    Index("ix_item_changed", item.c.account_id, item.c.modseq, item.c.created_modseq),
    Index("ix_item_created", item.c.account_id, item.c.created_modseq),
    Index("ix_item_body_id", item.c.body_id, item.c.account_id),
    Index(
        "ix_item_unseen",
        item.c.folder_id,
        item.c.received,
        item.c.id,
        item.c.thread_id,
        sqlite_where=no(item.c.seen),
        postgresql_where=no(item.c.seen),
    ),
)

# A move leaves one in its old folder (IMAP); `gone` are those that left the account (JMAP).
item_tombstone = Table(
    "item_tombstone",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    Column("modseq", Id, primary_key=True, autoincrement=False),
    number("item_id"),
    number("folder_id"),
    number("uid"),
    number("created_modseq"),
    flag("gone"),
    sqlite_with_rowid=False,
)

upload = Table(
    "upload",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    reference("body_id", "body.id", primary_key=True, ondelete="RESTRICT"),
    number("expires", index=True),
    sqlite_with_rowid=False,
)

# --- what is derived from a body -----------------------------------------------------------

message_facts = Table(
    "message_facts",
    metadata,
    reference("body_id", "body.id", primary_key=True),
    text("facts"),  # MessageFacts.to_json
)

# Texts are case-folded (mailim.store.message_keys).
message_key = Table(
    "message_key",
    metadata,
    reference("body_id", "body.id", primary_key=True),
    number("sent", nullable=True),  # of the Date field
    flag("has_attachment"),
    text("base_subject"),
    text("from_name"),  # sorted by: display name, else address
    text("to_name"),
    text("subject"),
    text("from"),  # searched: names and addresses
    text("to"),
    text("cc"),
    text("bcc"),
    text("preview"),
)

# Bodies whose text is not in `message_text` yet.
message_unindexed = Table(
    "message_unindexed",
    metadata,
    reference("body_id", "body.id", primary_key=True),
)

message_text = Table(
    "message_text",
    metadata,
    reference("body_id", "body.id", primary_key=True),
    text("headers"),  # one unfolded, decoded field a line, case-folded
    text("body"),
)

# The FTS5 table over message_text; not in the metadata, its DDL is the migration's.
message_search = table("message_search", column("rowid"), column("headers"), column("body"))

# --- the spool -----------------------------------------------------------------------------

spool = Table(
    "spool",
    metadata,
    row_id(),
    reference("body_id", "body.id", ondelete="RESTRICT", index=True),
    number("size"),
    text("sender"),
    text("origin"),
    text("source"),
    number("received"),
    # No foreign key: a mail under way outlives the account that brought it.
    number("account_id", nullable=True),
    octets("prefix"),
    sqlite_autoincrement=True,
)

# Ended ones stay until the entry goes, so that no alias or group brings them in again.
spool_recipient = Table(
    "spool_recipient",
    metadata,
    row_id(),
    reference("spool_id", "spool.id"),
    text("address"),
    number("attempts"),
    number("next_attempt"),
    flag("held"),
    flag("done"),
    text("last_error"),
    text("verdict", server_default=""),  # JSON of what filters said; "": not judged
    text("sent_to", server_default=""),  # the alias or group that led here; "": none did
    text("as_copy", server_default=""),  # the verdict it has as a copy; "": no rule made one
    text("ended", server_default=""),  # how, a word of interfaces/mail_events
    UniqueConstraint("spool_id", "address"),
    sqlite_autoincrement=True,
)

spool_due = Index(
    "ix_spool_recipient_due",
    spool_recipient.c.next_attempt,
    spool_recipient.c.spool_id,
    sqlite_where=no(spool_recipient.c.held) & no(spool_recipient.c.done),
    postgresql_where=no(spool_recipient.c.held) & no(spool_recipient.c.done),
)

# Accounts that have this mail already, whatever addresses led there.
spool_account = Table(
    "spool_account",
    metadata,
    reference("spool_id", "spool.id", primary_key=True),
    Column("account_id", Id, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# --- MultiPOP ------------------------------------------------------------------------------

box = Table(
    "box",
    metadata,
    row_id(),
    reference("account_id", "account.id"),
    text("host"),
    number("port"),
    text("user"),
    octets("secret"),
    text("tls"),
    text("ca"),
    flag("leave"),
    flag("enabled"),
    number("created"),
    number("last_run", nullable=True),
    number("last_success", nullable=True),
    text("last_error"),
    number("next_run", nullable=True),
    number("failures"),
    number("collected"),
    UniqueConstraint("account_id", "host", "port", "user"),
    sqlite_autoincrement=True,
)

box_message = Table(
    "box_message",
    metadata,
    reference("box_id", "box.id", primary_key=True),
    Column("uidl", Text, primary_key=True),
    text("state"),
    octets("sha256", nullable=True),
    number("first_seen"),
    number("failures"),
    text("error"),
    sqlite_with_rowid=False,
)

box_message_indexes = (
    Index("ix_box_message_box_id_sha256", box_message.c.box_id, box_message.c.sha256),
    Index("ix_box_message_box_id_state", box_message.c.box_id, box_message.c.state),
)
