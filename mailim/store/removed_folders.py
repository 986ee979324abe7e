"""Which folders are deleted, but not empty yet: what is in them is not there for anybody."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Integer, bindparam, select

from mailim.store.connection import Connection
from mailim.store.schema.mail import REMOVED, folder
from mailim.store.statements import Statement

# Removed folders are below -1: an index finds that there are none.
_GOING: Final = Statement(
    select(folder.c.id).where(
        folder.c.account_id == bindparam("account_id", type_=Integer),
        folder.c.parent_id == -1,
        folder.c.kind == REMOVED,
    )
)


def removed_folders(connection: Connection, account_id: int) -> frozenset[int]:
    """Give the ids of an account's folders that are deleted, but hold items still."""
    return frozenset(row[0] for row in connection.all(_GOING, account_id=account_id))
