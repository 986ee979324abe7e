"""Who may send as whom, and to whom, in the words of SMTP (RFC 5321 3.3, 3.6; RFC 6409 6)."""

from __future__ import annotations

from collections.abc import Iterable

from mailim.interfaces.accounts import Account
from mailim.mail.envelopes import Envelopes, Refusal, normal_sender
from mailim.protocols.smtp.replies import Refused, refused
from mailim.wire.smtp_paths import Path


class Addresses:
    """Judges the envelopes of all connections."""

    def __init__(self, envelopes: Envelopes) -> None:
        self._envelopes = envelopes

    async def may_send(self, account: Account) -> bool:
        """Say whether who has logged in is still there and enabled."""
        return await self._envelopes.may_send(account)

    async def sender(self, path: Path, utf8: bool, account: Account | None) -> str:
        """Give the reverse-path in normal form, "" for the null one; raises `Refused`.

        account: who has logged in, and may send as itself only.
        """
        if path.is_null:
            return ""
        _check_utf8(path, utf8)
        try:
            address = normal_sender(path)
        except Refusal as error:
            raise refused(553, error.status, error.text) from None
        if account is not None and not await self._envelopes.is_own(account, address):
            raise refused(550, "5.7.1", "This is not an address of yours.")
        return address

    async def recipient(self, path: Path, utf8: bool, account: Account | None) -> str:
        """Give a forward-path in normal form if its mail is taken here; raises `Refused`."""
        _check_utf8(path, utf8)
        try:
            return await self._envelopes.recipient(path, account)
        except Refusal as error:
            raise _refused(error) from None

    async def check_authors(self, account: Account, authors: Iterable[str]) -> None:
        """Raises `Refused` unless a message is from its sender (RFC 6409 6.1, 8)."""
        try:
            await self._envelopes.check_authors(account, authors)
        except Refusal as error:
            code = 554 if error.status.startswith("5.6.") else 550  # RFC 3463: the message itself
            raise refused(code, error.status, error.text) from None


def _refused(error: Refusal) -> Refused:
    return refused(550, error.status, error.text)


def _check_utf8(path: Path, utf8: bool) -> None:
    if not utf8 and not path.is_ascii:
        raise refused(553, "5.6.7", "This address needs SMTPUTF8.")  # RFC 6531 3.5
