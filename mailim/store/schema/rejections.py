"""Mail that was refused at the door, counted by the minute."""

from __future__ import annotations

from sqlalchemy import Index, Table, UniqueConstraint

from mailim.store.schema.columns import metadata, number, row_id, text

rejection = Table(
    "rejection",
    metadata,
    row_id(),
    number("minute"),
    text("peer"),
    text("sender"),
    text("recipient"),
    number("code"),
    text("reply"),
    number("last"),
    number("count"),
    UniqueConstraint("minute", "peer", "sender", "recipient", "code", "reply"),
)

rejection_indexes = (
    Index("ix_rejection_recipient", rejection.c.recipient),
    Index("ix_rejection_sender", rejection.c.sender),
)
