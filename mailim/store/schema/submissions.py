"""Identities and submissions (RFC 8621 sections 6 and 7)."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table
from sqlalchemy import text as sql_text

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

identity = Table(
    "identity",
    metadata,
    row_id(),
    reference("account_id", "account.id"),
    text("name"),
    text("email"),
    text("reply_to"),  # JSON, EmailAddress[] or null
    text("bcc"),  # likewise
    text("text_signature"),
    text("html_signature"),
    flag("own"),  # the account's own address; cannot be removed
    number("modseq"),
    number("created_modseq"),
    sqlite_autoincrement=True,
)

identity_changes = Index("ix_identity_account_id_modseq", identity.c.account_id, identity.c.modseq)

identity_tombstone = Table(
    "identity_tombstone",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    Column("modseq", Id, primary_key=True, autoincrement=False),
    number("identity_id"),
    number("created_modseq"),
    sqlite_with_rowid=False,
)

# No foreign keys to what it was made of: a submission outlives message and identity.
submission = Table(
    "submission",
    metadata,
    row_id(),
    reference("account_id", "account.id"),
    number("identity_id"),
    number("item_id"),
    number("thread_id"),
    reference("body_id", "body.id", ondelete="RESTRICT", nullable=True),  # while pending
    text("sender"),
    text("recipients"),  # JSON: [[as written, where it goes], ...]
    text("envelope"),  # JSON
    number("send_at"),
    number("due", nullable=True, index=True),  # send_at while pending
    text("undo_status"),
    number("spool_id", nullable=True, index=True),
    number("ended", nullable=True, index=True),  # when it was final or canceled
    flag("hidden"),  # its owner destroyed it before it was sent, or never saw it
    number("modseq"),
    number("created_modseq"),
    # What notices name it by, "" if not at all: the first Message-ID, the envelope's id.
    text("message_id", server_default=""),
    text("envid", server_default=""),
    # How it came, for the spool. What came over SMTP is hidden: no client of JMAP made it.
    text("origin", server_default="jmap"),
    text("source", server_default=""),
    octets("trace", server_default=sql_text("x''")),  # header fields, from when it came
    sqlite_autoincrement=True,
)

submission_changes = (
    Index("ix_submission_account_id_modseq", submission.c.account_id, submission.c.modseq),
    Index("ix_submission_body_id", submission.c.body_id),
    Index("ix_submission_account_id_message_id", submission.c.account_id, submission.c.message_id),
    Index("ix_submission_account_id_envid", submission.c.account_id, submission.c.envid),
)

submission_tombstone = Table(
    "submission_tombstone",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    Column("modseq", Id, primary_key=True, autoincrement=False),
    number("submission_id"),
    number("created_modseq"),
    sqlite_with_rowid=False,
)

# Reports that came to the account about what it had submitted (RFC 3464), by the message
# each of them is, and what they said last of each recipient: that outlives the messages.
submission_notice = Table(
    "submission_notice",
    metadata,
    row_id(),
    reference("account_id", "account.id", index=True),
    reference("submission_id", "submission.id", index=True),
    number("item_id", index=True),
    sqlite_autoincrement=True,
)

submission_told = Table(
    "submission_told",
    metadata,
    reference("submission_id", "submission.id", primary_key=True),
    text("address", primary_key=True),  # where the mail went, in lower case
    text("action"),
    text("reply"),
    sqlite_with_rowid=False,
)
