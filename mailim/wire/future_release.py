"""When a message is to be sent: the two parameters of RFC 4865, as SMTP and JMAP write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_NUMBER: Final = re.compile(r"[0-9]{1,9}")  # RFC 4865 section 5
# RFC 3339 section 5.6, as the erratum to RFC 4865 has it.
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def hold_for(text: str) -> int | None:
    """Read HOLDFOR, in seconds; None if it is not as it should be."""
    return int(text) if _NUMBER.fullmatch(text) else None


def hold_until(text: str) -> int | None:
    """Read HOLDUNTIL, in microseconds; None if it is not as it should be."""
    if not _DATE_TIME.fullmatch(text):
        return None
    try:
        return int(datetime.fromisoformat(text.upper()).timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        return None


def date_time(microseconds: int) -> str:
    """Write a time as RFC 3339 has it, in UTC, cut to seconds."""
    moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    return moment.replace(tzinfo=None).isoformat() + "Z"
