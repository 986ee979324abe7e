"""The central record: leaves and checkpoints. Rows are only ever added."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from mailim.store.schema.columns import Id, metadata, number, octets, text

leaf = Table(
    "leaf",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    octets("hash"),
    octets("header"),
    octets("inner"),
    octets("salt", nullable=True),
    octets("content", nullable=True),
    number("time"),
    text("kind"),
    text("sender"),
    text("recipient"),
    number("refers", nullable=True),
    text("body"),
)

# Each ends in seq by itself on SQLite (the rowid); PostgreSQL needs it said.
leaf_indexes = (
    Index("ix_leaf_sender_seq", leaf.c.sender, leaf.c.seq),
    Index("ix_leaf_recipient_seq", leaf.c.recipient, leaf.c.seq),
    Index("ix_leaf_time_seq", leaf.c.time, leaf.c.seq),
    Index(
        "ix_leaf_refers_seq",
        leaf.c.refers,
        leaf.c.seq,
        sqlite_where=leaf.c.refers.is_not(None),
        postgresql_where=leaf.c.refers.is_not(None),
    ),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("size", Id, primary_key=True, autoincrement=False),
    octets("root"),
    number("time"),
    text("note"),
)
