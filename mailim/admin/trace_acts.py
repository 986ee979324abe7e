"""The operation `trace`: the way of one mail, or which mails there were.

A mail is named by its Message-ID or by its spool id, the number that stands in every line of
the log about it. Mails it caused (a notice to its sender, an automatic reply) come with it.
A list ends with what was refused at the door and so never became a mail.
Works with and without a server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mailim.admin.operations import Act
from mailim.admin.trace_text import listed, told
from mailim.errors import Invalid, NotFound
from mailim.interfaces.mail_events import MailEvent, MailQuery, TracedMail
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.interfaces.store import IStore, ITransaction
from mailim.limits import MESSAGE_ID_CHARS
from mailim.times import iso, micros

_ROWS: Final = 100
_MOST_ROWS: Final = 1000
_SAME_NAME: Final = 50  # mails with one Message-ID
_MOST_MAILS: Final = 100  # with all they caused
_MOST_LINES: Final = 2000
_NAMED: Final = 5  # recipients named in one row of the list
_LARGEST_ID: Final = 2**63 - 1
_QUESTIONS: Final = ("from", "to", "since", "until", "before", "limit")


class TraceActs:
    """Binds `trace`."""

    def __init__(self, store: IStore) -> None:
        self._store = store

    def acts(self) -> Mapping[str, Act]:
        """Give the acts by the names of their operations."""
        return {"trace": self.trace}

    async def trace(self, values: dict[str, Any], _actor: str) -> Any:
        """Give the way of the mails with a name, or the mails that fit."""
        if "mail" not in values:
            query = _query(values)
            mails, refused = await self._store.read(
                lambda tx: (_list(tx, query), _at_door(tx, query))
            )
            return {"mails": mails, "refused": refused, "text": listed(mails, refused)}
        if any(each in values for each in _QUESTIONS):
            raise Invalid("name a mail, or say from, to, since, until; not both", "mail")
        name = _name(values["mail"])
        found = await self._store.read(lambda tx: _way(tx, name))
        if not found["mails"]:
            raise NotFound("Nothing is known of such a mail.")
        return {**found, "text": told(found["mails"], found["cut"])}


def _name(text: str) -> str:
    """Give a name as the store knows it; raises `Invalid` for what cannot be one."""
    name = text.strip()
    if name.startswith("<") and name.endswith(">"):
        name = name[1:-1].strip()
    if not name or len(name) > MESSAGE_ID_CHARS or not name.isprintable():
        raise Invalid("a mail is named by its Message-ID or its number", "mail")
    return name


def _query(values: Mapping[str, Any]) -> MailQuery:
    limit, before = values.get("limit", _ROWS), values.get("before")
    if not 1 <= limit <= _MOST_ROWS:
        raise Invalid(f"limit must be between 1 and {_MOST_ROWS}", "limit")
    if before is not None and not 0 < before <= _LARGEST_ID:
        raise Invalid("before is the number of a mail", "before")
    since, until = (
        micros(values[name], name) if name in values else None for name in ("since", "until")
    )
    return MailQuery(_address(values, "from"), _address(values, "to"), since, until, before, limit)


def _address(values: Mapping[str, Any], name: str) -> str | None:
    if name not in values:
        return None
    text = str(values[name]).strip()
    if text == "<>" and name == "from":
        return ""
    text = text.strip("<>")
    if not text or len(text) > MESSAGE_ID_CHARS or not text.isprintable():
        raise Invalid(f"{name} is an address or a domain", name)
    return text


def _list(tx: ITransaction, query: MailQuery) -> list[dict[str, Any]]:
    mails = tx.mail_events.mails(query)
    ids = [each.spool_id for each in mails]
    recipients, last = tx.mail_events.recipients(ids), tx.mail_events.last(ids)
    rows = []
    for each in mails:
        to, event = recipients.get(each.spool_id, []), last.get(each.spool_id)
        row = {**_head(each), "recipients": len(to), "to": to[:_NAMED]}
        row["under_way"] = tx.spool.get(each.spool_id) is not None
        row["last"] = None if event is None else _line(event)
        rows.append(row)
    return rows


def _at_door(tx: ITransaction, query: MailQuery) -> list[dict[str, Any]]:
    """Give what was refused; with the first page only, since it has no numbers."""
    if query.before is not None:
        return []
    return [
        {
            "minute": iso(each.minute),
            "last": iso(each.last),
            "count": each.count,
            "peer": each.peer,
            "from": each.sender or "<>",
            "to": each.recipient,
            "code": each.code,
            "reply": each.reply,
        }
        for each in tx.rejections.find(query)
    ]


def _way(tx: ITransaction, name: str) -> dict[str, Any]:
    heads = {each.spool_id: each for each in tx.mail_events.named(name, _SAME_NAME)}
    new, events = list(heads), dict[int, list[MailEvent]]()
    lines = 0
    while new and lines < _MOST_LINES:
        found = tx.mail_events.events(new, _MOST_LINES - lines)
        lines += len(found)
        for each in found:
            events.setdefault(each.spool_id, []).append(each)
        caused = [each.other for each in found if each.other is not None]
        more = tx.mail_events.some(set(caused) - set(heads))[: _MOST_MAILS - len(heads)]
        new = [each.spool_id for each in more]
        heads |= {each.spool_id: each for each in more}
    mails = [
        _told(head, events.get(spool_id, ()), tx.spool.get(spool_id))
        for spool_id, head in heads.items()
    ]
    return {"mails": mails, "cut": lines >= _MOST_LINES or len(heads) >= _MOST_MAILS}


def _told(
    head: TracedMail, events: Sequence[MailEvent], entry: SpoolEntry | None
) -> dict[str, Any]:
    return {
        **_head(head),
        "events": [_line(each) for each in events],
        "waiting": [_recipient(each) for each in entry.recipients] if entry else [],
    }


def _head(mail: TracedMail) -> dict[str, Any]:
    return {
        "id": mail.spool_id,
        "time": iso(mail.time),
        "message_id": mail.message_id,
        "from": mail.sender or "<>",
        "size": mail.size,
        "origin": mail.origin,
        "source": mail.source,
    }


def _line(event: MailEvent) -> dict[str, Any]:
    return {
        "time": iso(event.time),
        "what": event.what,
        "address": event.address,
        "detail": event.detail,
        "next_attempt": iso(event.next_attempt),
        "other": event.other,
    }


def _recipient(recipient: SpoolRecipient) -> dict[str, Any]:
    return {
        "address": recipient.address,
        "state": "held" if recipient.held else "waiting",
        "next_attempt": None if recipient.held else iso(recipient.next_attempt),
        "reason": recipient.last_error,
    }
