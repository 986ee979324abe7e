"""The few named errors of the house.

Every error says whether trying again may help (`temporary`) and carries a text that is
safe to show to a stranger: no path, no secret, no SQL. Each protocol has one table that
turns these classes into its own replies (SMTP codes, JMAP types, XMPP conditions, HTTP
statuses, exit statuses).
"""

from __future__ import annotations


class MailimError(Exception):
    """Base of every expected failure; `text` is safe for strangers."""

    temporary = False

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Invalid(MailimError):
    """The input breaks a rule; `path` names the offending field, if one can be named."""

    def __init__(self, text: str, path: str = "") -> None:
        super().__init__(text)
        self.path = path


class NotFound(MailimError):
    """What was asked for does not exist (or must look so to the asker)."""


class AlreadyExists(MailimError):
    """What should be made is already there."""


class NotPermitted(MailimError):
    """The asker is known, and may not do this."""


class AuthenticationFailed(MailimError):
    """Unknown user, wrong password or disabled account; the text never says which."""


class LimitExceeded(MailimError):
    """A configured size, count or depth was exceeded."""


class StateMismatch(MailimError):
    """The caller's view of the state is too old to continue from (JMAP, IMAP)."""


class Unavailable(MailimError):
    """Something needed is missing at the moment; trying again later may help."""

    temporary = True


class RateLimited(Unavailable):
    """Too many attempts; `retry_after` is in seconds."""

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class StoreUnavailable(Unavailable):
    """The store could not commit (disk full, read-only, broken); nothing was changed."""


class RecordUnavailable(Unavailable):
    """The central record could not be written, so nothing was delivered."""
