"""Delivery status notifications asked for with a mail (RFC 3461); few mails have rows here."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from mailim.store.schema.columns import metadata, reference, text

spool_dsn = Table(
    "spool_dsn",
    metadata,
    reference("spool_id", "spool.id", primary_key=True),
    text("ret"),
    text("envid"),
    sqlite_with_rowid=False,
)

# By address, not by recipient: an alias hands its wishes on to what it stands for.
spool_dsn_recipient = Table(
    "spool_dsn_recipient",
    metadata,
    reference("spool_id", "spool.id", primary_key=True),
    Column("address", Text, primary_key=True),
    text("notify"),  # words, a comma between them
    text("orcpt"),
    sqlite_with_rowid=False,
)
