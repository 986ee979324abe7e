"""Ids as JMAP and IMAP (EMAILID, RFC 8474) show them: a letter for the kind and a number.

RFC 8620 section 1.2 asks for a letter first, so that no client takes them for numbers. They
are not secret: whoever shows one must still be asked whether the object is his.
"""

from __future__ import annotations

import re
from typing import Final

ACCOUNT: Final = "a"
MAILBOX: Final = "m"
EMAIL: Final = "e"
THREAD: Final = "t"
IDENTITY: Final = "i"
SUBMISSION: Final = "s"

_ID: Final = re.compile(r"([ametis])([1-9][0-9]{0,17})")


def write_id(kind: str, number: int) -> str:
    """Give the id of an object, such as "e17"."""
    return f"{kind}{number}"


def read_id(kind: str, text: str) -> int | None:
    """Give the number in an id of that kind, None if it is none."""
    found = _ID.fullmatch(text)
    return int(found[2]) if found is not None and found[1] == kind else None
