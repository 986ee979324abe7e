"""What is derived from a message's body, once for each body, whoever holds it.

`message_facts` keeps the facts as they are; `message_key` what is sorted and filtered by.
Texts in keys are case-folded (Unicode, not only ASCII), and so must be what is compared
with them. They hold names and addresses in the order of the field, blanks between.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Integer, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from mailim.errors import NotFound
from mailim.store.connection import Connection
from mailim.store.schema.mail import message_facts, message_key, message_unindexed
from mailim.store.statements import Statement, id_list, insert_into, one_of_ids
from mailim.wire.message import Mailbox, MessageFacts

SORT_CHARS: Final = 200  # of a text that is sorted by
KEY_CHARS: Final = 4000  # of a text that is searched

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_ADD_FACTS = Statement(
    insert(message_facts)
    .values(body_id=bindparam("body_id"), facts=bindparam("facts"))
    .on_conflict_do_nothing()
)
_KNOWN = Statement(
    select(message_facts.c.body_id).where(
        message_facts.c.body_id == bindparam("body_id", type_=Integer)
    )
)
_ADD_KEY = Statement(insert_into(message_key))
_ADD_UNINDEXED = Statement(insert_into(message_unindexed))
_FACTS = Statement(
    select(message_facts.c.body_id, message_facts.c.facts).where(
        one_of_ids(message_facts.c.body_id, "body_ids")
    )
)


class FactRows:
    """Facts and keys of bodies."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def keep(self, body_id: int, facts: MessageFacts) -> None:
        """Store what was derived, unless it is there already."""
        if self._db.one(_KNOWN, body_id=body_id) is not None:
            return
        text = json.dumps(facts.to_json(), ensure_ascii=True, separators=(",", ":"))
        self._db.run(_ADD_FACTS, body_id=body_id, facts=text)
        self._db.run(_ADD_KEY, body_id=body_id, **keys_of(facts))
        self._db.run(_ADD_UNINDEXED, body_id=body_id)

    def get(self, body_ids: Iterable[int]) -> Mapping[int, MessageFacts]:
        """Give the facts of those bodies that have any."""
        rows = self._db.all(_FACTS, body_ids=id_list(body_ids))
        return {row[0]: MessageFacts.from_json(json.loads(row[1])) for row in rows}

    def one_by_one(self, body_ids: Iterable[int]) -> Iterator[tuple[int, int, MessageFacts]]:
        """Give (body, octets of its facts as they are kept, the facts) of each body that has any.

        They are read as they are taken: who stops has read no more.
        """
        for body_id, text in self._db.cursor(_FACTS, {"body_ids": id_list(body_ids)}):
            yield body_id, len(text), MessageFacts.from_json(json.loads(text))

    def need(self, body_id: int) -> MessageFacts:
        """Give the facts of one body; raises `NotFound`."""
        found = self.get((body_id,)).get(body_id)
        if found is None:
            raise NotFound("Nothing is known of that message.")
        return found


def keys_of(facts: MessageFacts) -> dict[str, Any]:
    """Give the columns of `message_key` but for the body's id."""
    sent = facts.date
    return {
        "sent": None if sent is None else (sent - _EPOCH) // timedelta(microseconds=1),
        "has_attachment": facts.has_attachment,
        "base_subject": folded(facts.base_subject, SORT_CHARS),
        "from_name": _first(facts.from_),
        "to_name": _first(facts.to),
        "subject": folded(facts.subject or "", KEY_CHARS),
        "from": _searched(facts.from_),
        "to": _searched(facts.to),
        "cc": _searched(facts.cc),
        "bcc": _searched(facts.bcc),
        "preview": folded(facts.preview, KEY_CHARS),
    }


def folded(text: str, limit: int) -> str:
    """Give a text as it is compared: case-folded, cut, storable in UTF-8."""
    return text[:limit].casefold().encode("utf-8", "replace").decode()


def _first(mailboxes: Sequence[Mailbox]) -> str:
    """RFC 8621 4.4.2: the name of the first mailbox, or else its address."""
    if not mailboxes:
        return ""
    return folded(mailboxes[0].name or mailboxes[0].email or "", SORT_CHARS)


def _searched(mailboxes: Sequence[Mailbox]) -> str:
    parts = [part for each in mailboxes for part in (each.name, each.email) if part]
    return folded(" ".join(parts), KEY_CHARS)
