"""Submission of mail that is to be sent later (RFC 4865), on 587 and 465."""

from __future__ import annotations

from mailim.mail.outgoing import MAX_HOLD_SECONDS
from mailim.protocols.smtp.replies import refused
from mailim.wire.future_release import date_time
from mailim.wire.smtp_commands import MailFrom

_SECOND = 1_000_000


def keyword(now: int) -> str:
    """Give the line of EHLO: for how long, and until when, mail is held (section 4)."""
    return f"FUTURERELEASE {MAX_HOLD_SECONDS} {date_time(now + MAX_HOLD_SECONDS * _SECOND)}"


def release_of(mail: MailFrom, now: int, offered: bool) -> int | None:
    """Give when a mail is to be sent, in microseconds; None: at once.

    What has passed is at once. Raises `Refused` if that is too late, or was not offered.
    """
    if mail.hold_for is None and mail.hold_until is None:
        return None
    if not offered:
        raise refused(555, "5.5.4", "Nothing is held for later here.")
    release = mail.hold_until
    if mail.hold_for is not None:
        release = now + mail.hold_for * _SECOND
    if release is None or release <= now:
        return None
    if release > now + MAX_HOLD_SECONDS * _SECOND:
        raise refused(501, "5.5.4", f"At most {MAX_HOLD_SECONDS} seconds ahead.")
    return release
