"""Automatic replies: what an account answers while its owner is away, and who was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from zope.interface import Interface

SUBJECT_CHARS: Final = 255
TEXT_CHARS: Final = 65_536  # of the plain text, and of the HTML
MAX_DAYS: Final = 60  # the longest period; RFC 5230 4.1 asks for at least 30
EXCLUDED: Final = 500  # patterns of one account
PATTERN_CHARS: Final = 254


@dataclass(frozen=True, slots=True)
class Vacation:
    """The settings of an account; the ones everybody has before changing any.

    Times are microseconds: mail that arrives from `from_date` on and before `to_date` is
    answered, None is no bound. `subject` None: made from the subject of the mail answered.
    With neither `text` nor `html` a text of the server's is sent. `days`: nobody is answered
    twice within so many. `excluded`: addresses that are not answered, `*` and `?` stand for
    any characters and any one. `colleagues`: whether people of the account's own domain are
    answered. `modseq`: of the account's counter, when this last changed.
    """

    enabled: bool = False
    from_date: int | None = None
    to_date: int | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    days: int = 1
    excluded: tuple[str, ...] = ()
    colleagues: bool = True
    modseq: int = 0

    def covers(self, time: int) -> bool:
        """Say whether mail that arrives at a time (microseconds) is to be answered."""
        if not self.enabled or (self.from_date is not None and time < self.from_date):
            return False
        return self.to_date is None or time < self.to_date


class IVacationRows(Interface):
    """The settings of each account, and who was answered when."""

    def get(account_id: int) -> Vacation:
        """Give an account's settings; the standard ones if it never changed any."""

    def set(account_id: int, **changes: Any) -> Vacation:
        """Change any fields but `modseq`; publishes `ObjectsChanged` if anything is new.

        An absence that begins (`enabled` becomes true) or says something else (`subject`,
        `text`, `html`) is new to everybody: who was answered before is forgotten. Raises
        `Invalid` with the field's name as its path, `NotFound` (no such account).
        """

    def answered(account_id: int, sender: str, now: int, since: int) -> bool:
        """Say whether this sender was answered after `since`."""

    def claim(account_id: int, sender: str, now: int, since: int, most: int) -> bool:
        """Say, and remember, that this sender is answered now; in the reply's own unit.

        False, and nothing is changed, if the sender was answered after `since`, or `most`
        senders were answered within the last hour. Times are microseconds.
        """

    def forget(before: int, limit: int) -> int:
        """Forget who was answered before a time, at most so many; gives how many."""
