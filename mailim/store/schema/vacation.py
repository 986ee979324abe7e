"""Automatic replies: the settings of accounts, and who was answered when."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from mailim.store.schema.columns import flag, metadata, number, reference, text

vacation = Table(
    "vacation",
    metadata,
    reference("account_id", "account.id", primary_key=True, autoincrement=False),
    flag("enabled"),
    number("from_date", nullable=True),
    number("to_date", nullable=True),
    text("subject", nullable=True),
    text("text", nullable=True),
    text("html", nullable=True),
    number("days"),
    text("excluded"),  # JSON: a list of patterns
    flag("colleagues"),
    number("modseq"),
)

vacation_reply = Table(
    "vacation_reply",
    metadata,
    reference("account_id", "account.id", primary_key=True, autoincrement=False),
    Column("sender", Text, primary_key=True),
    number("time"),
    sqlite_with_rowid=False,
)

vacation_reply_indexes = (
    Index("ix_vacation_reply_account_id_time", vacation_reply.c.account_id, vacation_reply.c.time),
    Index("ix_vacation_reply_time", vacation_reply.c.time),
)
