"""The tables of the one database, as SQLAlchemy Core knows them.

Importing this package fills `metadata`; `mailim/store/migrations/` creates the same
tables, and a test compares the two.
"""

from __future__ import annotations

from mailim.store.schema import (
    accounts,
    bodies,
    dsn,
    im,
    mail,
    mail_events,
    notices,
    record,
    rejections,
    submissions,
    vacation,
)
from mailim.store.schema.columns import metadata

__all__ = [
    "accounts",
    "bodies",
    "dsn",
    "im",
    "mail",
    "mail_events",
    "metadata",
    "notices",
    "record",
    "rejections",
    "submissions",
    "vacation",
]
