"""Identities and submissions (RFC 8621 sections 6 and 7)."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from mailim.store.schema.columns import Id, flag, metadata, number, reference, row_id, text

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
    flag("hidden"),  # its owner destroyed it before it was sent
    number("modseq"),
    number("created_modseq"),
    sqlite_autoincrement=True,
)

submission_changes = (
    Index("ix_submission_account_id_modseq", submission.c.account_id, submission.c.modseq),
    Index("ix_submission_body_id", submission.c.body_id),
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
