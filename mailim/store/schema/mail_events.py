"""What happened to each mail; rows outlive the spool's, so nothing here refers to them."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from mailim.store.schema.columns import Id, metadata, number, reference, row_id, text

# Addresses are kept in lower case: they are looked for by people.
mail_trace = Table(
    "mail_trace",
    metadata,
    Column("spool_id", Id, primary_key=True, autoincrement=False),
    number("time"),
    text("message_id"),
    text("sender"),
    number("size"),
    text("origin"),
    text("source"),
)

mail_trace_indexes = (
    Index("ix_mail_trace_time", mail_trace.c.time),
    Index("ix_mail_trace_message_id", mail_trace.c.message_id),
    Index("ix_mail_trace_sender", mail_trace.c.sender),
)

mail_event = Table(
    "mail_event",
    metadata,
    row_id(),
    reference("spool_id", "mail_trace.spool_id"),
    number("time"),
    text("what"),
    text("address"),
    text("detail"),
    number("next_attempt", nullable=True),
    number("other", nullable=True),  # spool id of a mail this one caused
)

mail_event_indexes = (
    Index("ix_mail_event_spool_id", mail_event.c.spool_id),
    Index("ix_mail_event_address", mail_event.c.address, mail_event.c.spool_id),
)
