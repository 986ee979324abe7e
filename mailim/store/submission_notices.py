"""Reports that came back about what an account had submitted (RFC 3464, RFC 8621 section 7).

Of a report is kept which message it is, as long as that is there, and what it said of each
recipient the submission has, as long as the submission is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from mailim.interfaces.submissions import Told
from mailim.limits import SUBMISSION_NOTICES
from mailim.store.connection import Connection
from mailim.store.mail_state import MailState
from mailim.store.schema.mail import item
from mailim.store.schema.submissions import submission, submission_notice, submission_told
from mailim.store.statements import Statement, insert_into
from mailim.wire.delivery_report import DeliveryReport, ReportedRecipient

TYPE: Final = "EmailSubmission"
_ALIKE: Final = 20  # submissions of one message that are looked at, the newest

_ID: Final = bindparam("id", type_=Integer)
_ACCOUNT: Final = bindparam("account_id", type_=Integer)
_SENT: Final = (
    select(submission.c.id, submission.c.recipients)
    .where(submission.c.account_id == _ACCOUNT, submission.c.spool_id.is_not(None))
    .order_by(submission.c.id.desc())
    .limit(bindparam("limit"))
)
_BY_ENVID: Final = Statement(_SENT.where(submission.c.envid == bindparam("name")))
_BY_MESSAGE_ID: Final = Statement(_SENT.where(submission.c.message_id == bindparam("name")))
_COUNT: Final = Statement(select(func.count()).where(submission_notice.c.submission_id == _ID))
_ADD: Final = Statement(insert_into(submission_notice, "id"))
_ITEMS: Final = Statement(
    select(submission_notice.c.item_id)
    .where(submission_notice.c.submission_id == _ID)
    .order_by(submission_notice.c.id)
)


def _final(action: ColumnElement[str]) -> ColumnElement[bool]:
    return (action == literal_column("'failed'")) | (action == literal_column("'delivered'"))


_given: Final = insert(submission_told).values(
    {each.name: bindparam(each.name) for each in submission_told.columns}
)
_TELL: Final = Statement(
    _given.on_conflict_do_update(
        index_elements=[submission_told.c.submission_id, submission_told.c.address],
        set_={"action": _given.excluded.action, "reply": _given.excluded.reply},
        # That it waits still is old news once it has arrived, or has failed.
        where=_final(_given.excluded.action) | ~_final(submission_told.c.action),
    )
)
_SAID: Final = Statement(
    select(submission_told.c.address, submission_told.c.action, submission_told.c.reply).where(
        submission_told.c.submission_id == _ID
    )
)
_MARK: Final = Statement(
    update(submission).where(submission.c.id == _ID).values(modseq=bindparam("modseq"))
)
_ABOUT: Final = select(
    submission_notice.c.id, submission_notice.c.submission_id, submission_notice.c.account_id
)
_BY_ITEM: Final = Statement(
    _ABOUT.where(submission_notice.c.item_id == bindparam("item_id", type_=Integer))
)
_WITHOUT_ITEM: Final = Statement(
    _ABOUT.where(
        submission_notice.c.account_id == _ACCOUNT,
        ~exists(select(item.c.id).where(item.c.id == submission_notice.c.item_id)),
    )
)
_REMOVE: Final = Statement(delete(submission_notice).where(submission_notice.c.id == _ID))


class SubmissionNotices:
    """What came back, inside a transaction."""

    def __init__(self, connection: Connection, state: MailState) -> None:
        self._db = connection
        self._state = state

    def told(self, account_id: int, report: DeliveryReport, item_id: int) -> int | None:
        """See `ISubmissionRows.told`."""
        submission_id, told = self._about(account_id, report)
        if submission_id is None or self._db.value(_COUNT, id=submission_id) >= SUBMISSION_NOTICES:
            return None
        self._db.run(_ADD, account_id=account_id, submission_id=submission_id, item_id=item_id)
        for each in told:
            self._db.run(
                _TELL,
                submission_id=submission_id,
                address=each.address,
                action=each.action,
                reply=each.reply,
            )
        self._changed(account_id, submission_id)
        return submission_id

    def items(self, submission_id: int) -> Sequence[int]:
        """Give the messages that came about a submission, oldest first."""
        return [row[0] for row in self._db.all(_ITEMS, id=submission_id)]

    def said(self, submission_id: int) -> Sequence[Told]:
        """Give what was said last of each recipient that something was said of."""
        return [Told(*row) for row in self._db.all(_SAID, id=submission_id)]

    def item_gone(self, item_id: int) -> None:
        """Hear that a message was removed: it may have been a report."""
        self._lose(_BY_ITEM, item_id=item_id)

    def items_gone(self, account_id: int) -> None:
        """Hear that many messages of an account were removed."""
        self._lose(_WITHOUT_ITEM, account_id=account_id)

    def _about(self, account_id: int, report: DeliveryReport) -> tuple[int | None, Sequence[Told]]:
        """Find the submission a report is about, and what it says of its recipients."""
        said = {name: each for each in report.recipients for name in each.addresses}
        for statement, name in ((_BY_ENVID, report.envid), (_BY_MESSAGE_ID, report.message_id)):
            if not name:
                continue
            rows = self._db.all(statement, account_id=account_id, name=name, limit=_ALIKE)
            found = [(row[0], _told(said, json.loads(row[1]))) for row in rows]
            if found:
                return next((each for each in found if each[1]), found[0])
        return None, ()

    def _lose(self, statement: Statement, **values: int) -> None:
        for notice_id, submission_id, account_id in self._db.all(statement, **values):
            self._db.run(_REMOVE, id=notice_id)
            self._changed(account_id, submission_id)

    def _changed(self, account_id: int, submission_id: int) -> None:
        modseq = self._state.advance_for(account_id, TYPE)
        self._db.run(_MARK, id=submission_id, modseq=modseq)


def _told(said: Mapping[str, ReportedRecipient], recipients: Any) -> Sequence[Told]:
    """Give what is said of recipients: pairs as the row of a submission has them."""
    found = []
    for email, address in recipients:
        each = said.get(address.lower()) or said.get(email.lower())
        if each is not None:
            found.append(Told(address.lower(), each.action, each.reply))
    return found
