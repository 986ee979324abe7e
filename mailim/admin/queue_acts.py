"""Operations on the queue: what waits or is held and why, and deciding what becomes of it.

A mail is named by its spool id, the number that stands in every line of the log about it.
They work with and without a server: all there is to know is in the spool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mailim.admin.operations import Act
from mailim.admin.scheduled import Scheduled, scheduled_id
from mailim.errors import Invalid, NotFound
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.interfaces.store import IStore, ITransaction
from mailim.times import iso
from mailim.wire.message import MessageFacts

_ROWS: Final = 100
_MOST_ROWS: Final = 1000
_PAGE: Final = 500  # entries read at once while those that are held are looked for
_NAMED: Final = 5  # recipients named in one row of the list
_LARGEST_ID: Final = 2**63 - 1


class QueueActs:
    """Binds `queue`; `now` gives the time in microseconds."""

    def __init__(self, store: IStore, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now
        self._scheduled = Scheduled(store, now)

    def acts(self) -> Mapping[str, Act]:
        """Give the acts by the names of their operations."""
        return {
            "queue.list": self.list,
            "queue.show": self.show,
            "queue.hold": self.hold,
            "queue.release": self.release,
            "queue.retry": self.retry,
            "queue.remove": self.remove,
        }

    async def list(self, values: dict[str, Any], _actor: str) -> Any:
        """Give the mails in the queue, oldest first; or those that wait for their time."""
        limit = values.get("limit", _ROWS)
        if not 1 <= limit <= _MOST_ROWS:
            raise Invalid(f"limit must be between 1 and {_MOST_ROWS}", "limit")
        if values.get("scheduled", False):
            return await self._scheduled.list(limit)
        after, only_held = values.get("after", 0), values.get("held", False)
        if not 0 <= after <= _LARGEST_ID:
            raise Invalid("after is the number of a mail", "after")
        entries = await self._store.read(lambda tx: _found(tx, limit, after, only_held))
        return [_row(entry) for entry in entries]

    async def show(self, values: dict[str, Any], _actor: str) -> Any:
        """Give all there is to know of one mail."""
        number = scheduled_id(values["id"])
        if number is not None:
            waiting, recipients = await self._scheduled.show(number)
            return {**waiting, "recipients": recipients, "text": _text(waiting, recipients)}
        spool_id = _spool_id(values)
        entry, facts = await self._store.read(lambda tx: _one(tx, spool_id))
        recipients = [_recipient(each, self._now()) for each in entry.recipients]
        about = {
            "id": entry.id,
            "received": iso(entry.received),
            "origin": entry.origin,
            "source": entry.source,
            "from": entry.sender or "<>",
            "subject": facts.subject or "",
            "message_id": " ".join(facts.message_id),
            "size": entry.size,
        }
        return {**about, "recipients": recipients, "text": _text(about, recipients)}

    async def hold(self, values: dict[str, Any], actor: str) -> Any:
        """Keep a mail where it is until it is released."""
        spool_id = _spool_id(values)
        reason = f"Held by {actor}"
        if values.get("reason"):
            reason += f": {values['reason']}"
        await self._store.write(lambda tx: tx.spool.hold(spool_id, True, reason))

    async def release(self, values: dict[str, Any], actor: str) -> Any:
        """Let a held mail go; its attempts start anew, at once."""
        number = scheduled_id(values["id"])
        if number is not None:
            return {"released": await self._scheduled.release(number, actor)}
        spool_id = _spool_id(values)

        def unit(tx: ITransaction) -> int:
            held = sum(each.held for each in _entry(tx, spool_id).recipients)
            if not held:
                raise Invalid("this mail is not held", "id")
            tx.spool.hold(spool_id, False, f"by {actor}")
            return held

        return {"released": await self._store.write(unit)}

    async def retry(self, values: dict[str, Any], actor: str) -> Any:
        """Try now what waits: one mail, or all."""
        spool_id = _spool_id(values) if "id" in values else None
        due = await self._store.write(lambda tx: tx.spool.retry_now(spool_id, f"by {actor}"))
        if not due and spool_id is not None:
            raise Invalid("this mail is held; release it", "id")
        return {"due": due}

    async def remove(self, values: dict[str, Any], actor: str) -> Any:
        """Throw a mail away; nobody is told."""
        number = scheduled_id(values["id"])
        if number is not None:
            await self._scheduled.remove(number, actor)
            return
        spool_id = _spool_id(values)
        await self._store.write(lambda tx: tx.spool.remove(spool_id, f"by {actor}"))


def _spool_id(values: dict[str, Any]) -> int:
    text = values["id"]
    if scheduled_id(text) is not None:
        raise Invalid("this mail waits for its time; release it, or remove it", "id")
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:20]) <= _LARGEST_ID:
        raise Invalid("a mail is named by its number, see queue list", "id")
    return int(text)


def _found(tx: ITransaction, limit: int, after: int, only_held: bool) -> list[SpoolEntry]:
    if not only_held:
        return list(tx.spool.list(limit, after))
    found: list[SpoolEntry] = []
    while len(found) < limit and (page := tx.spool.list(_PAGE, after)):
        found += [entry for entry in page if any(each.held for each in entry.recipients)]
        after = page[-1].id
    return found[:limit]


def _entry(tx: ITransaction, spool_id: int) -> SpoolEntry:
    entry = tx.spool.get(spool_id)
    if entry is None:
        raise NotFound("There is no such mail in the queue.")
    return entry


def _one(tx: ITransaction, spool_id: int) -> tuple[SpoolEntry, MessageFacts]:
    return _entry(tx, spool_id), tx.spool.facts(spool_id)


def _row(entry: SpoolEntry) -> dict[str, Any]:
    held = [each for each in entry.recipients if each.held]
    waiting = [each for each in entry.recipients if not each.held]
    state = "waiting" if not held else "partly held" if waiting else "held"
    reasons = dict.fromkeys(each.last_error for each in entry.recipients if each.last_error)
    return {
        "id": entry.id,
        "received": iso(entry.received),
        "size": entry.size,
        "from": entry.sender or "<>",
        "recipients": len(entry.recipients),
        "to": [each.address for each in entry.recipients[:_NAMED]],
        "state": state,
        "next_attempt": iso(min((each.next_attempt for each in waiting), default=None)),
        "reason": next(iter(reasons), ""),
    }


def _recipient(recipient: SpoolRecipient, now: int) -> dict[str, Any]:
    due = recipient.next_attempt <= now
    return {
        "address": recipient.address,
        "state": "held" if recipient.held else "due" if due else "waiting",
        "attempts": recipient.attempts,
        "next_attempt": None if recipient.held or due else iso(recipient.next_attempt),
        "reason": recipient.last_error,
    }


def _text(about: dict[str, Any], recipients: Sequence[dict[str, Any]]) -> str:
    """Say it for people; line breaks of strangers must not look like lines of ours."""
    lines = [f"{name:<10}  {_one_line(value) or '-'}" for name, value in about.items()]
    for each in recipients:
        when = f", next attempt {each['next_attempt']}" if each["next_attempt"] else ""
        lines.append(f"to          {_one_line(each['address'])}")
        lines.append(f"            {each['state']} after {each['attempts']} attempts{when}")
        if each["reason"]:
            lines.append(f"            {_one_line(each['reason'])}")
    return "\n".join(lines)


def _one_line(value: Any) -> str:
    return " ".join(str(value).split("\n"))
