"""Bodies by hash. Only `holds` ever changes, so the bytes stand in a table of their own.

(SQLite writes a whole row again when one of its columns changes.)
"""

from __future__ import annotations

from sqlalchemy import Index, Table

from mailim.store.schema.columns import flag, metadata, number, octets, reference, row_id

body = Table(
    "body",
    metadata,
    row_id(),
    octets("sha256", unique=True),
    number("size"),  # octets
    number("holds"),  # how many rows need it; 0: may be swept
    flag("in_file"),  # else the bytes are in body_data
)

body_data = Table(
    "body_data",
    metadata,
    reference("body_id", "body.id", primary_key=True),
    octets("data"),
)

# What the sweep looks for; holds next to nothing, so it costs next to nothing.
unheld = Index(
    "ix_body_unheld",
    body.c.id,
    sqlite_where=body.c.holds == 0,
    postgresql_where=body.c.holds == 0,
)
