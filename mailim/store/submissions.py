"""Submissions inside a transaction (RFC 8621 section 7).

A pending one holds its body; what its owner destroyed before it was sent stays as a hidden
row, because destroying the object does not call the mail back.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Integer, bindparam, delete, func, literal_column, select, update
from zope.interface import implementer

from mailim.errors import NotFound
from mailim.interfaces.items import Changes
from mailim.interfaces.submissions import (
    ISubmissionRows,
    NewSubmission,
    Sending,
    Submission,
    Told,
)
from mailim.limits import MESSAGE_ID_CHARS, SUBMISSIONS_KEPT
from mailim.store.bodies import BodyRows
from mailim.store.connection import Connection, Row
from mailim.store.mail_state import MailState
from mailim.store.message_facts import FactRows
from mailim.store.object_changes import ChangeStatements, ObjectChanges
from mailim.store.schema.bodies import body
from mailim.store.schema.mail import no
from mailim.store.schema.submissions import submission, submission_tombstone
from mailim.store.statements import Statement, id_list, insert_into, one_of_ids
from mailim.store.submission_notices import SubmissionNotices
from mailim.wire.delivery_report import DeliveryReport
from mailim.wire.message import MessageFacts

TYPE: Final = "EmailSubmission"

_ID: Final = bindparam("id", type_=Integer)
_ACCOUNT: Final = bindparam("account_id", type_=Integer)
_SHOWN: Final = no(submission.c.hidden)
_ROW: Final = select(
    submission.c.id,
    submission.c.account_id,
    submission.c.identity_id,
    submission.c.item_id,
    submission.c.thread_id,
    submission.c.body_id,
    submission.c.sender,
    submission.c.recipients,
    submission.c.envelope,
    submission.c.send_at,
    submission.c.undo_status,
    submission.c.spool_id,
    submission.c.envid,
    submission.c.origin,
    submission.c.source,
    submission.c.trace,
)
_ADD: Final = Statement(insert_into(submission, "id").returning(submission.c.id))
_SOME: Final = Statement(
    _ROW.where(
        one_of_ids(submission.c.id, "ids"), submission.c.account_id == _ACCOUNT, _SHOWN
    ).order_by(submission.c.id)
)
_ALL: Final = Statement(
    _ROW.where(submission.c.account_id == _ACCOUNT, _SHOWN).order_by(submission.c.id)
)
# Without what may be long: the newest of an account may name millions of recipients.
_BRIEF: Final = Statement(
    select(
        *(
            literal_column({"recipients": "'[]'", "envelope": "'{}'"}.get(each.name, each.name))
            for each in _ROW.selected_columns
        )
    )
    .select_from(submission)
    .where(submission.c.account_id == _ACCOUNT, _SHOWN)
    .order_by(submission.c.id)
)
_PENDING: Final = Statement(_ROW.where(submission.c.id == _ID, submission.c.due.is_not(None)))
_COUNT_PENDING: Final = Statement(
    select(func.count()).where(submission.c.account_id == _ACCOUNT, submission.c.due.is_not(None))
)
_DUE: Final = Statement(
    select(submission.c.id)
    .where(submission.c.due <= bindparam("now"))
    .order_by(submission.c.due, submission.c.id)
)
_NEXT_DUE: Final = Statement(
    select(func.min(submission.c.due)).where(submission.c.due > bindparam("after"))
)
_SCHEDULED: Final = Statement(
    _ROW.where(submission.c.due.is_not(None))
    .order_by(submission.c.due, submission.c.id)
    .limit(bindparam("limit"))
)
_SEND_NOW: Final = Statement(
    update(submission)
    .where(submission.c.id == _ID)
    .values(send_at=bindparam("now"), due=bindparam("now"), modseq=bindparam("modseq"))
)
_KEEPING: Final = Statement(
    select(
        submission.c.body_id,
        submission.c.account_id,
        submission.c.created_modseq,
        submission.c.hidden,
    ).where(submission.c.id == _ID)
)
_END: Final = Statement(
    update(submission)
    .where(submission.c.id == _ID)
    .values(
        body_id=None,
        due=None,
        undo_status=bindparam("undo_status"),
        spool_id=bindparam("spool_id"),
        ended=bindparam("ended"),
        modseq=bindparam("modseq"),
    )
)
_SENT_AS: Final = Statement(
    select(submission.c.id, submission.c.account_id).where(
        submission.c.spool_id == bindparam("spool_id", type_=Integer)
    )
)
_MARK: Final = Statement(
    update(submission).where(submission.c.id == _ID).values(modseq=bindparam("modseq"))
)
_HIDE: Final = Statement(update(submission).where(submission.c.id == _ID).values(hidden=True))
_REMOVE: Final = Statement(delete(submission).where(submission.c.id == _ID))
_ENDED: Final = Statement(
    select(submission.c.id, submission.c.account_id)
    .where(submission.c.ended < bindparam("before"))
    .order_by(submission.c.ended)
    .limit(bindparam("limit"))
)
# Counting needs nothing but an index; who has too many is looked at alone.
_FULL: Final = Statement(
    select(submission.c.account_id)
    .group_by(submission.c.account_id)
    .having(func.count() > bindparam("most"))
)
_TOO_MANY: Final = Statement(
    select(submission.c.id, submission.c.account_id)
    .where(submission.c.account_id == _ACCOUNT, submission.c.ended.is_not(None))
    .order_by(submission.c.id.desc())
    .limit(bindparam("limit"))
    .offset(bindparam("most"))
)
_held: Final = (
    select(func.count())
    .where(submission.c.body_id == body.c.id, submission.c.account_id == _ACCOUNT)
    .scalar_subquery()
)
_FORGET: Final = Statement(
    update(body)
    .where(
        body.c.id.in_(
            select(submission.c.body_id).where(
                submission.c.account_id == _ACCOUNT, submission.c.body_id.is_not(None)
            )
        )
    )
    .values(holds=body.c.holds - _held)
)
_FORGET_ROWS: Final = Statement(delete(submission).where(submission.c.account_id == _ACCOUNT))
_CHANGES: Final = ChangeStatements(submission, submission_tombstone, "submission_id", _SHOWN)


@implementer(ISubmissionRows)
class SubmissionRows:
    """Submissions inside a transaction."""

    def __init__(
        self,
        connection: Connection,
        state: MailState,
        bodies: BodyRows,
        notices: SubmissionNotices,
    ) -> None:
        self._db = connection
        self._state = state
        self._bodies = bodies
        self._facts = FactRows(connection)
        self._changes = ObjectChanges(connection, state, _CHANGES)
        self._notices = notices

    def add(self, new: NewSubmission, facts: MessageFacts) -> Submission:
        """Take one, which holds the body and keeps its facts; raises `NotFound` (body)."""
        self._bodies.hold(new.body_id)
        self._facts.keep(new.body_id, facts)
        # A hidden one is published, too: who sends what is due has to look.
        modseq = self._state.advance_for(new.account_id, TYPE)
        added: int = self._db.value(
            _ADD,
            account_id=new.account_id,
            identity_id=new.identity_id,
            item_id=new.item_id,
            thread_id=new.thread_id,
            body_id=new.body_id,
            sender=new.sender,
            recipients=json.dumps([[each.email, each.address] for each in new.recipients]),
            envelope=json.dumps(new.envelope),
            send_at=new.send_at,
            due=new.send_at,
            undo_status="pending",
            spool_id=None,
            ended=None,
            hidden=new.hidden,
            modseq=modseq,
            created_modseq=modseq,
            message_id=next(iter(facts.message_id), "")[:MESSAGE_ID_CHARS],
            envid=envid_of(new.envelope) or secrets.token_hex(12),
            origin=new.origin,
            source=new.source,
            trace=new.trace,
        )
        return _submission(self._db.one(_PENDING, id=added) or ())

    def get(self, account_id: int, ids: Sequence[int] | None = None) -> Mapping[int, Submission]:
        """Give those of the asked that exist in that account; None: all, oldest first."""
        if ids is None:
            rows = self._db.all(_ALL, account_id=account_id)
        else:
            rows = self._db.all(_SOME, account_id=account_id, ids=id_list(ids))
        return {row[0]: _submission(row) for row in rows}

    def brief(self, account_id: int) -> Sequence[Submission]:
        """Give all of an account, oldest first, without recipients and envelopes."""
        return [_submission(row) for row in self._db.all(_BRIEF, account_id=account_id)]

    def count_pending(self, account_id: int) -> int:
        """Count what waits to be sent, also what its owner destroyed meanwhile."""
        count: int = self._db.value(_COUNT_PENDING, account_id=account_id)
        return count

    def pending(self, submission_id: int) -> Submission | None:
        """Find one that is still to be sent, also if its owner destroyed it meanwhile."""
        row = self._db.one(_PENDING, id=submission_id)
        return None if row is None else _submission(row)

    def due(self, now: int, limit: int, skip: Collection[int] = frozenset()) -> Sequence[int]:
        """Give the ids of those to be sent now, the longest due first."""
        found: list[int] = []
        cursor = self._db.cursor(_DUE, {"now": now})
        for (submission_id,) in cursor:
            if len(found) >= limit:
                break
            if submission_id not in skip:
                found.append(submission_id)
        cursor.close()
        return found

    def next_due(self, after: int) -> int | None:
        """Say when the next is to be sent, later than `after`."""
        found: int | None = self._db.value(_NEXT_DUE, after=after)
        return found

    def scheduled(self, limit: int) -> Iterator[Submission]:
        """Give up to `limit` of all accounts that wait to be sent, the next first."""
        yield from map(_submission, self._db.cursor(_SCHEDULED, {"limit": limit}))

    def send_now(self, submission_id: int, now: int) -> bool:
        """Let one be due now, whosever it is; False if it is not pending any more."""
        waiting = self.pending(submission_id)
        if waiting is None:
            return False
        modseq = self._state.advance_for(waiting.account_id, TYPE)
        self._db.run(_SEND_NOW, id=submission_id, now=now, modseq=modseq)
        return True

    def sent(self, submission_id: int, spool_id: int, now: int) -> None:
        """Make one final, because its mail stands in the spool as of this unit.

        Raises `NotFound` if it is not pending any more.
        """
        if self.pending(submission_id) is None:
            raise NotFound("The submission is not waiting any more.")
        self._end(submission_id, "final", spool_id, now)

    def cancel(self, submission_id: int, now: int) -> bool:
        """Cancel one, whosever it is; False if it is not pending any more."""
        if self.pending(submission_id) is None:
            return False
        self._end(submission_id, "canceled", None, now)
        return True

    def remove(self, account_id: int, submission_id: int) -> None:
        """Forget one; what is pending is sent all the same. Raises `NotFound`."""
        self._need(account_id, submission_id)
        modseq = self._state.advance_for(account_id, TYPE)
        body_id, _, created_modseq, _ = self._keeping(submission_id)
        self._changes.bury(account_id, submission_id, created_modseq, modseq)
        self._db.run(_REMOVE if body_id is None else _HIDE, id=submission_id)

    def changes(self, account_id: int, since: int, limit: int) -> Changes:
        """What happened to submissions since; raises `StateMismatch`."""
        return self._changes.since(account_id, since, limit)

    def expire(self, ended_before: int, limit: int) -> int:
        """Forget up to `limit` that ended before a time, or are too many; gives how many."""
        rows = self._db.all(_ENDED, before=ended_before, limit=limit)
        rows = rows or self._too_many(limit)
        for submission_id, account_id in rows:
            self.remove(account_id, submission_id)
        return len(rows)

    def told(self, account_id: int, report: DeliveryReport, item_id: int) -> int | None:
        """Keep that a message is a report about one; gives which, None if about none."""
        return self._notices.told(account_id, report, item_id)

    def reports(self, submission_id: int) -> Sequence[int]:
        """Give the items that are reports about one, oldest first."""
        return self._notices.items(submission_id)

    def reported(self, submission_id: int) -> Sequence[Told]:
        """Give what reports said of its recipients."""
        return self._notices.said(submission_id)

    def happened(self, spool_id: int) -> None:
        """Take a new modseq for what was sent as this mail: its deliveryStatus changes."""
        for submission_id, account_id in self._db.all(_SENT_AS, spool_id=spool_id):
            modseq = self._state.advance_for(account_id, TYPE)
            self._db.run(_MARK, id=submission_id, modseq=modseq)

    def forget_account(self, account_id: int) -> None:
        """Let go of the bodies an account holds here, before the account goes."""
        self._db.run(_FORGET, account_id=account_id)
        self._db.run(_FORGET_ROWS, account_id=account_id)

    def _too_many(self, limit: int) -> list[Row]:
        """Give what one account has too many of."""
        most = SUBMISSIONS_KEPT
        for (account_id,) in self._db.all(_FULL, most=most):
            rows = self._db.all(_TOO_MANY, account_id=account_id, most=most, limit=limit)
            if rows:
                return rows
        return []

    def _end(self, submission_id: int, status: str, spool_id: int | None, now: int) -> None:
        body_id, account_id, _, hidden = self._keeping(submission_id)
        if body_id is not None:
            self._bodies.release(body_id)
        if hidden:
            self._db.run(_REMOVE, id=submission_id)
            return
        self._db.run(
            _END,
            id=submission_id,
            undo_status=status,
            spool_id=spool_id,
            ended=now,
            modseq=self._state.advance_for(account_id, TYPE),
        )

    def _keeping(self, submission_id: int) -> tuple[int | None, int, int, bool]:
        row = self._db.one(_KEEPING, id=submission_id)
        if row is None:
            raise NotFound("There is no such submission.")
        return row[0], row[1], row[2], bool(row[3])

    def _need(self, account_id: int, submission_id: int) -> None:
        if submission_id not in self.get(account_id, [submission_id]):
            raise NotFound("There is no such submission.")


def envid_of(envelope: Mapping[str, Any]) -> str:
    """Give the envelope id a client chose (RFC 3461 4.4), "" if it chose none."""
    given = (envelope.get("mailFrom") or {}).get("parameters") or {}
    return next((str(value or "") for name, value in given.items() if name.upper() == "ENVID"), "")


def _submission(row: Row) -> Submission:
    values: list[Any] = list(row)
    values[7] = tuple(Sending(*each) for each in json.loads(row[7]))
    values[8] = json.loads(row[8])
    return Submission(*values)
