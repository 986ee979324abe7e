"""Replies of SMTP (RFC 5321 4.2, RFC 2034), and the one table from our errors to them."""

from __future__ import annotations

from dataclasses import dataclass

from mailim.errors import (
    AuthenticationFailed,
    Invalid,
    LimitExceeded,
    MailimError,
    NotPermitted,
    RateLimited,
    StoreUnavailable,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply; `status` is the enhanced status code (RFC 3463), "" where none may stand.

    lines: ASCII and ours: nothing of what a client said is repeated.
    """

    code: int
    status: str
    lines: tuple[str, ...]

    def __bytes__(self) -> bytes:
        status = f"{self.status} " if self.status else ""
        last = len(self.lines) - 1
        written = (
            f"{self.code}{' ' if place == last else '-'}{status}{line}\r\n"
            for place, line in enumerate(self.lines)
        )
        return "".join(written).encode("ascii", "replace")


class Refused(Exception):
    """A command is refused with this reply; the client may go on."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.code)
        self.reply = reply


class Ended(Exception):
    """The conversation is over, after this reply if there is one."""

    def __init__(self, reply: Reply | None = None) -> None:
        super().__init__("the conversation is over")
        self.reply = reply


def reply(code: int, status: str, *lines: str) -> Reply:
    """Give a reply."""
    return Reply(code, status, lines)


def refused(code: int, status: str, *lines: str) -> Refused:
    """Give a refusal to raise."""
    return Refused(Reply(code, status, lines))


def reply_to(error: Exception) -> Reply:
    """Give the reply for an error of ours; what is unexpected is temporary for the client."""
    if isinstance(error, StoreUnavailable):
        return reply(452, "4.3.1", "There is no room for mail at the moment.")
    if isinstance(error, RateLimited):
        return reply(450, "4.7.1", _line(error))
    if isinstance(error, LimitExceeded):
        return reply(552, "5.3.4", _line(error))
    if isinstance(error, AuthenticationFailed):
        return reply(535, "5.7.8", "The name or the password is wrong.")
    if isinstance(error, NotPermitted):
        return reply(550, "5.7.1", _line(error))
    if isinstance(error, Invalid):
        return reply(554, "5.4.6" if error.path == "loop" else "5.6.0", _line(error))
    if isinstance(error, MailimError) and not error.temporary:
        return reply(554, "5.3.0", _line(error))
    return reply(451, "4.3.0", "Something went wrong here; try again later.")


def _line(error: MailimError) -> str:
    return " ".join(error.text.split())[:400]
