"""The central record: leaves and checkpoints. Rows are only ever added."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from mailim.store.schema.columns import Id, metadata, number, octets, row_id, text

# What a search looks at comes first: SQLite reads no further into a row than it must.
leaf = Table(
    "leaf",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    number("time"),
    text("kind"),
    text("sender"),
    text("recipient"),
    number("refers", nullable=True),
    text("body"),
    text("folded", nullable=True),  # body.casefold(), where lower() would not find it
    octets("hash"),
    octets("inner"),
    octets("salt", nullable=True),
    octets("header"),
    octets("content", nullable=True),
)

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
    row_id(),
    number("size"),
    octets("root"),
    number("time"),
    text("note"),
)
