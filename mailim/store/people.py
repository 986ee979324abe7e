"""The people of an account's mails, inside a transaction; only reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Integer, bindparam, case, desc, func, select
from zope.interface import implementer

from mailim.interfaces.people import LETTER_PEOPLE, IPeopleRows, Letter
from mailim.store.connection import Connection
from mailim.store.schema.mail import folder, item, message_facts
from mailim.store.statements import Statement
from mailim.wire.message import Mailbox

FACTS_CHARS: Final = 64 * 1024  # a mail with more was not written by hand; nobody is learnt of it

# In the order of `ix_item_created`: nothing is sorted, and no more is read than asked for.
_LETTERS: Final = Statement(
    select(
        item.c.created_modseq,
        item.c.received,
        folder.c.role,
        case(
            (func.length(message_facts.c.facts) <= FACTS_CHARS, message_facts.c.facts), else_="{}"
        ),
    )
    .select_from(
        item.join(folder, folder.c.id == item.c.folder_id).join(
            message_facts, message_facts.c.body_id == item.c.body_id
        )
    )
    .where(
        item.c.account_id == bindparam("account_id", type_=Integer),
        item.c.created_modseq > bindparam("since", type_=Integer),
    )
    .order_by(desc(item.c.created_modseq))
    .limit(bindparam("limit", type_=Integer))
)


@implementer(IPeopleRows)
class PeopleRows:
    """Reads the people out of `message_facts`."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def letters(self, account_id: int, since: int, limit: int) -> Sequence[Letter]:
        """Give what came into the account after the modseq `since`, newest first, up to `limit`."""
        rows = self._db.cursor(_LETTERS, {"account_id": account_id, "since": since, "limit": limit})
        return [_letter(*row) for row in rows]  # one by one: facts of strangers' mail are large


def _letter(modseq: int, received: int, role: str | None, text: str) -> Letter:
    # Only the address lists: making the whole `MessageFacts` takes several times as long.
    facts: Mapping[str, Any] = json.loads(text)
    return Letter(
        modseq,
        received,
        role,
        _people(facts, "from_"),
        _people(facts, "to", "cc", "bcc"),
    )


def _people(facts: Mapping[str, Any], *fields: str) -> tuple[Mailbox, ...]:
    def found() -> Iterator[Mailbox]:
        for field in fields:
            for name, email in facts.get(field, ()):
                yield Mailbox(name, email)

    return tuple(islice(found(), LETTER_PEOPLE))
