"""Instant messages that programs hand in, and the tokens programs show."""

from __future__ import annotations

from sqlalchemy import Index, Table, UniqueConstraint

from mailim.store.schema.columns import flag, metadata, number, octets, row_id, text

notice = Table(
    "notice",
    metadata,
    row_id(),
    text("claim"),
    text("sender"),
    text("recipient"),
    text("body"),  # "" once it is over
    text("origin"),
    number("created"),
    octets("digest"),  # SHA-256 of what was handed in, to know the same again
    number("leaf", nullable=True),
    flag("over"),
    text("outcome"),
    UniqueConstraint("claim"),
    sqlite_autoincrement=True,  # ids are given out
)

notice_indexes = (
    Index("ix_notice_over_id", notice.c.over, notice.c.id),
    Index("ix_notice_over_created", notice.c.over, notice.c.created),
)

api_token = Table(
    "api_token",
    metadata,
    row_id(),
    text("name"),
    octets("digest"),  # SHA-256; the token itself is random and kept nowhere
    text("sender"),  # as whom it may send: an address, a domain, "" for the server
    number("created"),
    UniqueConstraint("name"),
    UniqueConstraint("digest"),
    sqlite_autoincrement=True,  # claims carry the id
)
