"""Who may send as whom, and to whom (RFC 5321 3.3, 3.6; RFC 6409 6)."""

from __future__ import annotations

from typing import Protocol

from mailim.address import normal_domain, parse_address
from mailim.errors import Invalid, LimitExceeded
from mailim.interfaces.accounts import Account
from mailim.protocols.smtp.replies import refused
from mailim.wire.smtp_paths import Path


class DirectoryLike(Protocol):
    """What is asked of `accounts.Directory`."""

    async def get(self, account_id: int) -> Account | None:
        """Find an account by its id."""

    async def is_local(self, domain: str) -> bool:
        """Tell whether a domain is hosted here."""

    async def resolve(self, address: str) -> tuple[str, ...] | None:
        """Give what an address stands for; None: a local address that is nothing."""


class Addresses:
    """Judges the envelopes of all connections.

    domain: where `<Postmaster>` without a domain is.
    can_relay: whether mail for other servers has a way out.
    """

    def __init__(self, directory: DirectoryLike, domain: str, can_relay: bool) -> None:
        self._directory = directory
        self._domain = domain
        self._can_relay = can_relay

    async def may_send(self, account: Account) -> bool:
        """Say whether who has logged in is still there and enabled."""
        current = await self._directory.get(account.id)
        return current is not None and current.enabled

    async def sender(self, path: Path, utf8: bool, account: Account | None) -> str:
        """Give the reverse-path in normal form, "" for the null one; raises `Refused`.

        account: who has logged in, and may send as itself only.
        """
        if path.is_null:
            return ""
        _check_utf8(path, utf8)
        address = _normal_sender(path)
        if account is not None and await self._directory.resolve(address) != (account.address,):
            raise refused(550, "5.7.1", "This is not an address of yours.")
        return address

    async def recipient(self, path: Path, utf8: bool, account: Account | None) -> str:
        """Give a forward-path in normal form if its mail is taken here; raises `Refused`."""
        _check_utf8(path, utf8)
        domain = path.domain or self._domain
        if path.is_literal or not await self._directory.is_local(domain):
            return self._outside(path, account)
        if path.local.lower() == "postmaster":
            # Always taken (RFC 5321 4.5.1): without an administrator it waits in the queue.
            return f"postmaster@{normal_domain(domain)}"
        address = f"{path.local}@{domain}"
        try:
            meant = await self._directory.resolve(address)
        except LimitExceeded:
            raise refused(550, "5.2.4", "The address stands for too many.") from None
        if not meant:
            raise refused(550, "5.1.1", "There is no such address here.")
        if not self._can_relay and not await self._any_local(meant):
            raise refused(550, "5.3.2", "The address leads elsewhere; there is no way there.")
        return str(parse_address(address))

    def _outside(self, path: Path, account: Account | None) -> str:
        if account is None:
            raise refused(550, "5.7.1", "This server does not relay.")
        if not self._can_relay:
            raise refused(550, "5.3.2", "This server sends no mail to other servers.")
        if path.is_literal:
            raise refused(550, "5.1.2", "Address literals are not served.")
        try:
            return f"{path.local}@{normal_domain(path.domain)}"
        except Invalid:
            raise refused(550, "5.1.2", "This domain cannot be.") from None

    async def _any_local(self, addresses: tuple[str, ...]) -> bool:
        for address in addresses:
            if await self._directory.is_local(address.rpartition("@")[2]):
                return True
        return False


def _check_utf8(path: Path, utf8: bool) -> None:
    if not utf8 and not path.is_ascii:
        raise refused(553, "5.6.7", "This address needs SMTPUTF8.")  # RFC 6531 3.5


def _normal_sender(path: Path) -> str:
    if path.is_literal or path.domain.isascii():
        return f"{path.local}@{path.domain.lower()}"
    try:
        return f"{path.local}@{normal_domain(path.domain)}"
    except Invalid:
        raise refused(553, "5.1.7", "This domain cannot be.") from None
