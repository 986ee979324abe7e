"""Everything there is at first."""

from __future__ import annotations

from alembic import op

from mailim.store.schema import metadata

revision = "0001"
down_revision = None


# The full-text index over message_text: it keeps words only, the text stays there.
_SEARCH = """
CREATE VIRTUAL TABLE message_search USING fts5(
    headers, body, content='message_text', content_rowid='body_id',
    tokenize='unicode61 remove_diacritics 2'
)
"""
_INSERTED = """
CREATE TRIGGER message_text_inserted AFTER INSERT ON message_text BEGIN
    INSERT INTO message_search (rowid, headers, body)
    VALUES (new.body_id, new.headers, new.body);
END
"""
_DELETED = """
CREATE TRIGGER message_text_deleted AFTER DELETE ON message_text BEGIN
    INSERT INTO message_search (message_search, rowid, headers, body)
    VALUES ('delete', old.body_id, old.headers, old.body);
END
"""


def upgrade() -> None:
    """Make the tables."""
    metadata.create_all(op.get_bind())
    for each in (_SEARCH, _INSERTED, _DELETED):
        op.execute(each)
