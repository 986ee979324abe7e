"""What happened to each mail, inside the transactions that make it happen.

A line costs one statement: it is inserted from the head (or the recipient) it belongs to,
so that a mail without a head gets none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
)
from zope.interface import implementer

from mailim.interfaces.mail_events import (
    IMailEventRows,
    MailEvent,
    MailQuery,
    TracedMail,
)
from mailim.interfaces.spool import NewMail
from mailim.limits import EVENT_DETAIL_CHARS, MESSAGE_ID_CHARS
from mailim.store.connection import Connection
from mailim.store.schema.mail import no, spool, spool_recipient
from mailim.store.schema.mail_events import mail_event, mail_trace
from mailim.store.statements import Statement, id_list, insert_into, one_of_ids
from mailim.wire.message import MessageFacts

_LARGEST_ID: Final = 2**63 - 1
_COLUMNS: Final = ("spool_id", "time", "what", "address", "detail", "next_attempt", "other")
_ID: Final = bindparam("id", type_=Integer)
_OPEN: Final = no(spool_recipient.c.done)


def _line(*where: ColumnElement[bool], of_recipient: bool) -> Statement:
    """Give an INSERT of a line for each head (or recipient with a head) that fits."""
    address = func.lower(spool_recipient.c.address) if of_recipient else bindparam("address")
    rows: Select[Any] = select(
        mail_trace.c.spool_id,
        bindparam("time", type_=Integer),
        bindparam("what", type_=Text),
        address,
        bindparam("detail", type_=Text),
        bindparam("next_attempt", type_=Integer),
        bindparam("other", type_=Integer),
    ).where(*where)
    if of_recipient:
        rows = rows.join(spool_recipient, spool_recipient.c.spool_id == mail_trace.c.spool_id)
        rows = rows.order_by(spool_recipient.c.id)
    return Statement(insert(mail_event).from_select(list(_COLUMNS), rows))


_HEAD: Final = Statement(insert_into(mail_trace))
_ADD: Final = _line(mail_trace.c.spool_id == _ID, of_recipient=False)
_ADD_WAITING: Final = _line(
    mail_trace.c.spool_id.in_(
        select(spool_recipient.c.spool_id).where(_OPEN, no(spool_recipient.c.held))
    ),
    of_recipient=False,
)
_ADD_RECIPIENT: Final = _line(spool_recipient.c.id == _ID, _OPEN, of_recipient=True)
_ADD_RECIPIENTS: Final = _line(spool_recipient.c.spool_id == _ID, _OPEN, of_recipient=True)
_OF_RECIPIENT: Final = Statement(
    select(spool_recipient.c.spool_id).where(spool_recipient.c.id == _ID, _OPEN)
)
_MAILS: Final = select(mail_trace)
_NAMED: Final = Statement(
    _MAILS.where(
        or_(
            mail_trace.c.message_id == bindparam("message_id", type_=Text),
            mail_trace.c.spool_id == _ID,
        )
    )
    .order_by(mail_trace.c.spool_id)
    .limit(bindparam("limit"))
)
_SOME: Final = Statement(
    _MAILS.where(one_of_ids(mail_trace.c.spool_id, "ids")).order_by(mail_trace.c.spool_id)
)
_EVENTS: Final = Statement(
    select(mail_event.c.id, *(mail_event.c[name] for name in _COLUMNS))
    .where(one_of_ids(mail_event.c.spool_id, "ids"))
    .order_by(mail_event.c.id)
    .limit(bindparam("limit"))
)
_SERVED: Final = Statement(
    select(mail_event.c.spool_id, mail_event.c.address)
    .where(one_of_ids(mail_event.c.spool_id, "ids"), mail_event.c.address != "")
    .union(
        select(spool_recipient.c.spool_id, func.lower(spool_recipient.c.address)).where(
            one_of_ids(spool_recipient.c.spool_id, "ids")
        )
    )
)
_LAST: Final = Statement(
    select(mail_event.c.id, *(mail_event.c[name] for name in _COLUMNS)).where(
        mail_event.c.id.in_(
            select(func.max(mail_event.c.id))
            .where(one_of_ids(mail_event.c.spool_id, "ids"))
            .group_by(mail_event.c.spool_id)
        )
    )
)
_OLD: Final = Statement(
    select(mail_trace.c.spool_id)
    .where(
        mail_trace.c.time < bindparam("before"),
        mail_trace.c.spool_id.not_in(select(spool.c.id)),
    )
    .order_by(mail_trace.c.time)
    .limit(bindparam("limit"))
)
_FORGET_EVENTS: Final = Statement(
    delete(mail_event).where(
        mail_event.c.id.in_(
            select(mail_event.c.id).where(mail_event.c.spool_id == _ID).limit(bindparam("limit"))
        )
    )
)
_FORGET: Final = Statement(delete(mail_trace).where(mail_trace.c.spool_id == _ID))


@implementer(IMailEventRows)
class MailEventRows:
    """Heads and lines; without `keeps` no heads are written, and so nothing is."""

    def __init__(
        self,
        connection: Connection,
        seconds: Callable[[], float],
        keeps: bool,
        happened: Callable[[int], None] = lambda spool_id: None,
    ) -> None:
        """`happened` hears, inside the unit, of each mail something happened to."""
        self._db = connection
        self._seconds = seconds
        self._keeps = keeps
        self._happened = happened

    # --- written by the spool's rows -----------------------------------------------------

    def accepted(self, spool_id: int, mail: NewMail, size: int, facts: MessageFacts) -> None:
        """Write the head of a mail."""
        if not self._keeps:
            return
        self._db.run(
            _HEAD,
            spool_id=spool_id,
            time=mail.received,
            message_id=_storable(facts.message_id[0], MESSAGE_ID_CHARS) if facts.message_id else "",
            sender=mail.sender.lower(),
            size=size,
            origin=mail.origin,
            source=mail.source,
        )

    def recipient(
        self, recipient_id: int, what: str, detail: str, next_attempt: int | None = None
    ) -> None:
        """Write what happened to one recipient, unless it ended before."""
        self._write(_ADD_RECIPIENT, recipient_id, what, detail, next_attempt=next_attempt)
        spool_id = self._db.value(_OF_RECIPIENT, id=recipient_id)
        if spool_id is not None:
            self._happened(spool_id)

    def each_recipient(self, spool_id: int, what: str, detail: str) -> None:
        """Write what happened to all recipients of a mail that are still open."""
        self._write(_ADD_RECIPIENTS, spool_id, what, detail)
        self._happened(spool_id)

    def all_waiting(self, what: str, detail: str) -> None:
        """Write what happened to all mails that wait."""
        self._write(_ADD_WAITING, 0, what, detail, address="")

    # --- for everybody -------------------------------------------------------------------

    def add(
        self,
        spool_id: int,
        what: str,
        address: str = "",
        detail: str = "",
        other: int | None = None,
    ) -> None:
        """Write that something happened to a mail; nothing is written if it has no head."""
        self._write(_ADD, spool_id, what, detail, address=address.lower(), other=other)
        self._happened(spool_id)

    def named(self, name: str, limit: int) -> Sequence[TracedMail]:
        """Give the mails with this message id (without <>) or spool id, oldest first."""
        number = int(name[:20]) if name.isascii() and name.isdigit() else 0
        rows = self._db.all(
            _NAMED,
            message_id=_storable(name, MESSAGE_ID_CHARS) or None,
            id=number if number <= _LARGEST_ID else 0,
            limit=limit,
        )
        return [TracedMail(*row) for row in rows]

    def mails(self, query: MailQuery) -> Sequence[TracedMail]:
        """Give the mails that fit, newest first."""
        wanted = _MAILS.order_by(mail_trace.c.spool_id.desc()).limit(query.limit)
        if query.sender is not None:
            wanted = wanted.where(is_address(mail_trace.c.sender, query.sender))
        if query.recipient is not None:
            ended = select(mail_event.c.spool_id).where(
                is_address(mail_event.c.address, query.recipient)
            )
            waits = select(spool_recipient.c.spool_id).where(
                is_address(func.lower(spool_recipient.c.address), query.recipient)
            )
            wanted = wanted.where(mail_trace.c.spool_id.in_(ended.union(waits)))
        if query.since is not None:
            wanted = wanted.where(mail_trace.c.time >= query.since)
        if query.until is not None:
            wanted = wanted.where(mail_trace.c.time < query.until)
        if query.before is not None:
            wanted = wanted.where(mail_trace.c.spool_id < query.before)
        return [TracedMail(*row) for row in self._db.all(Statement(wanted))]

    def some(self, spool_ids: Collection[int]) -> Sequence[TracedMail]:
        """Give these mails, those of them that have a head, oldest first."""
        return [TracedMail(*row) for row in self._db.all(_SOME, ids=id_list(spool_ids))]

    def events(self, spool_ids: Collection[int], limit: int) -> Sequence[MailEvent]:
        """Give the first lines of these mails, in the order they were written."""
        rows = self._db.all(_EVENTS, ids=id_list(spool_ids), limit=limit)
        return [MailEvent(*row) for row in rows]

    def last(self, spool_ids: Collection[int]) -> dict[int, MailEvent]:
        """Give the last line of each of these mails that has any."""
        rows = self._db.all(_LAST, ids=id_list(spool_ids))
        return {row[1]: MailEvent(*row) for row in rows}

    def recipients(self, spool_ids: Collection[int]) -> dict[int, list[str]]:
        """Give the addresses these mails went to, or still shall go to, by spool id."""
        found: dict[int, list[str]] = {}
        for spool_id, address in sorted(self._db.all(_SERVED, ids=id_list(spool_ids))):
            found.setdefault(spool_id, []).append(address)
        return found

    def sweep(self, before: int, limit: int) -> int:
        """Forget mails accepted before a time that left the spool; gives how many rows went."""
        gone = 0
        for (spool_id,) in self._db.all(_OLD, before=before, limit=limit):
            gone += self._db.run(_FORGET_EVENTS, id=spool_id, limit=limit - gone)
            if gone >= limit:
                break  # it may have more lines; its head goes next time
            gone += self._db.run(_FORGET, id=spool_id)
        return gone

    def _write(
        self,
        statement: Statement,
        id_: int,
        what: str,
        detail: str,
        address: str = "",
        next_attempt: int | None = None,
        other: int | None = None,
    ) -> None:
        self._db.run(
            statement,
            id=id_,
            time=int(self._seconds() * 1_000_000),
            what=what,
            address=address,
            detail=_storable(detail, EVENT_DETAIL_CHARS),
            next_attempt=next_attempt,
            other=other,
        )


def is_address(column: ColumnElement[str], wanted: str) -> ColumnElement[bool]:
    """Compare with an address, or with a domain where there is no "@"."""
    wanted = _storable(wanted.strip().lower(), MESSAGE_ID_CHARS)
    if "@" in wanted or not wanted:
        return column == wanted
    return cast(func.substr(column, func.instr(column, "@") + 1), Text) == wanted


def _storable(text: str, limit: int) -> str:
    """Cut a text; what is no Unicode is replaced."""
    return text[:limit].encode("utf-8", "replace").decode()
