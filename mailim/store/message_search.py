"""The full-text index over messages: filling it, and asking it.

`message_text` keeps the decoded header fields and the text of a body; the FTS5 table
`message_search` indexes them by triggers. A new body gets a row in `message_unindexed` in
the transaction that stores it, and `Indexing` takes it from there. Until then a search
reads the account's newest `UNINDEXED_READ` such bodies itself, so that nothing that just
arrived is missed. All of it can be rebuilt from the bodies.

Words match as beginnings of words: "invoi" finds "Invoices".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy import Integer, bindparam, delete, exists, literal_column, select
from sqlalchemy.dialects.sqlite import insert

from mailim.errors import LimitExceeded, MailimError
from mailim.limits import HEADER_CANDIDATES
from mailim.store.bodies import BodyRows
from mailim.store.connection import Connection
from mailim.store.message_facts import FactRows, folded
from mailim.store.message_text import MessageText, has_word, match_of, read_text, tokens
from mailim.store.schema.mail import (
    item,
    message_facts,
    message_search,
    message_text,
    message_unindexed,
)
from mailim.store.statements import Statement

UNINDEXED_READ: Final = 200

_BODY: Final = bindparam("body_id", type_=Integer)
_MATCHES: Final = literal_column("message_search").op("MATCH")
_WAITING: Final = Statement(
    select(message_unindexed.c.body_id)
    .where(message_unindexed.c.body_id > bindparam("after"))
    .order_by(message_unindexed.c.body_id)
    .limit(bindparam("limit"))
)
_OF_ACCOUNT: Final = Statement(
    select(message_unindexed.c.body_id)
    .where(
        exists(
            select(1).where(
                item.c.body_id == message_unindexed.c.body_id,
                item.c.account_id == bindparam("account_id"),
            )
        )
    )
    .order_by(message_unindexed.c.body_id.desc())
    .limit(bindparam("limit"))
)
_ADD: Final = Statement(
    insert(message_text)
    .values({each.name: bindparam(each.name) for each in message_text.c})
    .on_conflict_do_nothing()
)
_INDEXED: Final = Statement(delete(message_unindexed).where(message_unindexed.c.body_id == _BODY))
_REMOVE_ALL: Final = Statement(delete(message_text))
_ALL_UNINDEXED: Final = Statement(
    insert(message_unindexed)
    # SQLite needs a WHERE before ON CONFLICT.
    .from_select(["body_id"], select(message_facts.c.body_id).where(message_facts.c.body_id > 0))
    .on_conflict_do_nothing()
)
_HEADERS: Final = Statement(
    select(message_text.c.body_id, message_text.c.headers)
    .where(
        message_text.c.body_id.in_(
            select(message_search.c.rowid).where(_MATCHES(bindparam("match")))
        ),
        exists(
            select(1).where(
                item.c.body_id == message_text.c.body_id,
                item.c.account_id == bindparam("account_id"),
            )
        ),
    )
    .limit(bindparam("limit"))
)


class MessageSearch:
    """The index, for those who fill it and those who ask it."""

    def __init__(self, connection: Connection, bodies: BodyRows, facts: FactRows) -> None:
        self._db = connection
        self._bodies = bodies
        self._facts = facts

    def waiting(self, after: int, limit: int) -> list[int]:
        """Give bodies that are not in the index yet, by id."""
        return [row[0] for row in self._db.all(_WAITING, after=after, limit=limit)]

    def read(self, body_id: int) -> MessageText:
        """Read what is searched of a body; nothing, if it is gone or cannot be read."""
        try:
            sha256, _ = self._bodies.get(body_id)
            facts = self._facts.need(body_id)
            return read_text(facts, partial(self._bodies.slice, sha256))
        except (MailimError, OSError):
            return MessageText("", "")

    def add(self, body_id: int, text: MessageText) -> None:
        """Put a body into the index; nothing happens if the body is gone or in it."""
        if self._db.run(_INDEXED, body_id=body_id):
            self._db.run(_ADD, body_id=body_id, headers=text.headers, body=text.body)

    def empty(self) -> None:
        """Forget the index; `Indexing` makes it anew."""
        self._db.run(_REMOVE_ALL)
        self._db.run(_ALL_UNINDEXED)

    def fresh(self, account_id: int) -> Sequence[tuple[int, MessageText]]:
        """Read the account's newest bodies that are not in the index yet."""
        rows = self._db.all(_OF_ACCOUNT, account_id=account_id, limit=UNINDEXED_READ)
        return [(row[0], self.read(row[0])) for row in rows]

    def with_header(
        self,
        account_id: int,
        name: str,
        value: str | None,
        fresh: Sequence[tuple[int, MessageText]],
    ) -> list[int]:
        """Give the account's bodies that have a header field (with a text in it).

        Raises `LimitExceeded` if too many messages would have to be compared.
        """
        words = [word for word in (name, value) if word and tokens(word).strip()]
        rows = self._db.all(
            _HEADERS,
            match=match_of("headers", *words),
            account_id=account_id,
            limit=HEADER_CANDIDATES + 1,
        )
        if len(rows) > HEADER_CANDIDATES:
            raise LimitExceeded("Too many messages have that header field.")
        start, wanted = f"{name.lower()}:", folded(value or "", 200)
        both = [*rows, *((body_id, text.headers) for body_id, text in fresh)]
        return [
            body_id
            for body_id, headers in both
            if any(
                line.startswith(start) and wanted in line[len(start) :]
                for line in headers.split("\n")
            )
        ]

    @staticmethod
    def fresh_with(fresh: Sequence[tuple[int, MessageText]], word: str) -> list[int]:
        """Give those of the fresh bodies that have a word in their text."""
        return [body_id for body_id, text in fresh if has_word(tokens(text.body), word)]
