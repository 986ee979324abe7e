"""Automatic replies inside a transaction; changes of settings publish themselves."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import Integer, bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert
from zope.interface import implementer

from mailim.errors import Invalid, NotFound
from mailim.interfaces.vacation import (
    EXCLUDED,
    MAX_DAYS,
    PATTERN_CHARS,
    SUBJECT_CHARS,
    TEXT_CHARS,
    IVacationRows,
    Vacation,
)
from mailim.store.connection import Connection
from mailim.store.mail_state import MailState
from mailim.store.schema.accounts import account
from mailim.store.schema.vacation import vacation, vacation_reply
from mailim.store.statements import Statement

_HOUR: Final = 3_600_000_000
_FIELDS: Final = (
    "enabled", "from_date", "to_date", "subject", "text", "html", "days", "excluded",
    "colleagues", "modseq",
)  # fmt: skip
_SAID: Final = ("subject", "text", "html")
_CHARS: Final = {"subject": SUBJECT_CHARS, "text": TEXT_CHARS, "html": TEXT_CHARS}

_ACCOUNT: Final = bindparam("account_id", type_=Integer)
_GET: Final = Statement(
    select(*(vacation.c[name] for name in _FIELDS)).where(vacation.c.account_id == _ACCOUNT)
)
_SET: Final = Statement(
    insert(vacation)
    .values({each.name: bindparam(each.name) for each in vacation.c})
    .on_conflict_do_update(
        index_elements=[vacation.c.account_id],
        set_={name: bindparam(name) for name in _FIELDS},
    )
)
_EXISTS: Final = Statement(select(account.c.id).where(account.c.id == _ACCOUNT))
_FORGET_ALL: Final = Statement(
    delete(vacation_reply).where(vacation_reply.c.account_id == _ACCOUNT)
)
_LAST: Final = Statement(
    select(vacation_reply.c.time).where(
        vacation_reply.c.account_id == _ACCOUNT, vacation_reply.c.sender == bindparam("sender")
    )
)
_LATELY: Final = Statement(
    select(func.count()).where(
        vacation_reply.c.account_id == _ACCOUNT,
        vacation_reply.c.time > bindparam("after", type_=Integer),
        vacation_reply.c.time <= bindparam("until", type_=Integer),
    )
)
_CLAIM: Final = Statement(
    insert(vacation_reply)
    .values({each.name: bindparam(each.name) for each in vacation_reply.c})
    .on_conflict_do_update(
        index_elements=[vacation_reply.c.account_id, vacation_reply.c.sender],
        set_={"time": bindparam("time")},
    )
)
_OLD: Final = Statement(
    select(vacation_reply.c.account_id, vacation_reply.c.sender)
    .where(vacation_reply.c.time < bindparam("before", type_=Integer))
    .order_by(vacation_reply.c.time)
    .limit(bindparam("most", type_=Integer))
)
_FORGET: Final = Statement(
    delete(vacation_reply).where(
        vacation_reply.c.account_id == _ACCOUNT, vacation_reply.c.sender == bindparam("sender")
    )
)


@implementer(IVacationRows)
class VacationRows:
    """Settings and answered senders inside a transaction."""

    def __init__(self, connection: Connection, state: MailState) -> None:
        self._db = connection
        self._state = state

    def get(self, account_id: int) -> Vacation:
        """Give an account's settings; the standard ones if it never changed any."""
        row = self._db.one(_GET, account_id=account_id)
        if row is None:
            return Vacation()
        values: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
        values["enabled"] = bool(values["enabled"])
        values["colleagues"] = bool(values["colleagues"])
        values["excluded"] = tuple(json.loads(values["excluded"]))
        return Vacation(**values)

    def set(self, account_id: int, **changes: Any) -> Vacation:
        """Change fields; raises `Invalid`, `NotFound`."""
        if unknown := changes.keys() - set(_FIELDS[:-1]):
            raise Invalid("That cannot be changed.", min(unknown))
        if self._db.value(_EXISTS, account_id=account_id) is None:
            raise NotFound("There is no such account.")
        old = self.get(account_id)
        new = replace(old, **changes)
        _check(new)
        if new == old:
            return old
        if any(getattr(new, name) != getattr(old, name) for name in _SAID) or (
            new.enabled and not old.enabled
        ):
            self._db.run(_FORGET_ALL, account_id=account_id)
        new = replace(new, modseq=self._state.advance_for(account_id, "VacationResponse"))
        values = asdict(new) | {"excluded": json.dumps(new.excluded)}
        self._db.run(_SET, account_id=account_id, **values)
        return new

    def answered(self, account_id: int, sender: str, now: int, since: int) -> bool:
        """Say whether this sender was answered after `since`."""
        last = self._db.value(_LAST, account_id=account_id, sender=sender)
        # `now` may be a little before the last claim: replies are made side by side. A time
        # far ahead is of a clock that went wrong: it must not silence us for years.
        return last is not None and since < last <= now + _HOUR

    def claim(self, account_id: int, sender: str, now: int, since: int, most: int) -> bool:
        """Say, and remember, that this sender is answered now."""
        if self.answered(account_id, sender, now, since):
            return False
        lately = self._db.value(
            _LATELY, account_id=account_id, after=now - _HOUR, until=now + _HOUR
        )
        if lately >= most:
            return False
        self._db.run(_CLAIM, account_id=account_id, sender=sender, time=now)
        return True

    def forget(self, before: int, limit: int) -> int:
        """Forget who was answered before a time; gives how many."""
        old = self._db.all(_OLD, before=before, most=limit)
        for account_id, sender in old:
            self._db.run(_FORGET, account_id=account_id, sender=sender)
        return len(old)


def _check(new: Vacation) -> None:
    """Hold to the limits; raises `Invalid`."""
    for name, most in _CHARS.items():
        value = getattr(new, name)
        if value is not None:
            _check_text(name, value, most, one_line=name == "subject")
    if not 1 <= new.days <= MAX_DAYS:
        raise Invalid(f"The period is 1 to {MAX_DAYS} days.", "days")
    if new.from_date is not None and new.to_date is not None and new.from_date >= new.to_date:
        raise Invalid("It would end before it begins.", "to_date")
    if len(new.excluded) > EXCLUDED:
        raise Invalid(f"At most {EXCLUDED} addresses can be excluded.", "excluded")
    for pattern in new.excluded:
        _check_text("excluded", pattern, PATTERN_CHARS, one_line=True)
        if not pattern or any(char.isspace() for char in pattern):
            raise Invalid("An excluded address is empty or has spaces in it.", "excluded")


def _check_text(name: str, value: str, most: int, one_line: bool) -> None:
    if len(value) > most:
        raise Invalid(f"This is longer than {most} characters.", name)
    if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise Invalid("This holds characters that are none.", name)
    if one_line and any(char < " " or char in "\x7f\x85\u2028\u2029" for char in value):
        raise Invalid("This must be one line.", name)
