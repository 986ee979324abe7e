"""What was submitted over SMTP to be sent later (RFC 4865): how it came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"


def upgrade() -> None:
    """Let submissions say so; until now all of them came by JMAP."""
    for name, default in (("origin", "jmap"), ("source", "")):
        column = sa.Column(name, sa.Text(), nullable=False, server_default=default)
        op.add_column("submission", column)
    trace = sa.Column("trace", sa.LargeBinary(), nullable=False, server_default=sa.text("x''"))
    op.add_column("submission", trace)
