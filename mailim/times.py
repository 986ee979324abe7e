"""Times as people and JSON have them: ISO 8601 in UTC, from and to microseconds."""

from __future__ import annotations

import datetime

from mailim.errors import Invalid

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def iso(time: int | None) -> str | None:
    """Give "2026-11-23T08:15:30.123456Z", or None for None."""
    if time is None:
        return None
    moment = _EPOCH + datetime.timedelta(microseconds=time)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def micros(text: str, name: str) -> int:
    """Read an ISO 8601 date or time, UTC unless it says otherwise; raises `Invalid`."""
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        raise Invalid(f"{name} is no ISO 8601 time: {text[:40]!r}", name) from None
