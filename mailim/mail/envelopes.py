"""Who may send as whom, and to whom (RFC 5321 3.3, 3.6; RFC 6409 6; RFC 8621 7.5).

The one place that decides it, for SMTP and for JMAP.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Protocol

from mailim.address import normal_domain, parse_address
from mailim.errors import Invalid, LimitExceeded, NotPermitted
from mailim.interfaces.accounts import Account
from mailim.wire.fields import raw_fields
from mailim.wire.mailboxes import parse_mailboxes
from mailim.wire.smtp_paths import Path

HEADER_OCTETS: Final = 1024 * 1024  # of a message that an account sends
MAX_AUTHORS: Final = 100  # addresses in its From fields

_LONE_CR: Final = re.compile(rb"\r(?!\n)")


class DirectoryLike(Protocol):
    """What is asked of `accounts.Directory`."""

    async def get(self, account_id: int) -> Account | None:
        """Find an account by its id."""

    async def is_local(self, domain: str) -> bool:
        """Tell whether a domain is hosted here."""

    async def resolve(self, address: str) -> tuple[str, ...] | None:
        """Give what an address stands for; None: a local address that is nothing."""


class Refusal(NotPermitted):
    """An address nobody may send from or to; `status` is an enhanced code (RFC 3463)."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status


class Envelopes:
    """Judges senders and recipients.

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

    async def is_own(self, account: Account, address: str) -> bool:
        """Say whether an address is the account's: its own, an alias of it, with or without +tag.

        An alias that stands for others, too, belongs to nobody.
        """
        try:
            return await self._directory.resolve(address) == (account.address,)
        except LimitExceeded:
            return False

    async def check_authors(self, account: Account, authors: Iterable[str]) -> None:
        """Raises `Refusal` unless all of these (see `authors_of`) are the account's addresses.

        Nobody at all is refused, too: a From is what makes a message one (RFC 5322 3.6).
        """
        found = tuple(dict.fromkeys(authors))
        if not found:
            raise Refusal("5.6.0", "The message needs a From field that says whom it is from.")
        if len(found) > MAX_AUTHORS:
            raise Refusal("5.7.1", f"A message may be from {MAX_AUTHORS} addresses.")
        for each in found:
            if not each:
                raise Refusal("5.7.1", "The header does not say clearly whom it is from.")
            if not await self.is_own(account, each):
                raise Refusal("5.7.1", "The message is from an address that is not yours.")

    async def recipient(self, path: Path, account: Account | None) -> str:
        """Give a forward-path in normal form if its mail is taken here; raises `Refusal`.

        account: who sends, None for strangers, whose mail goes nowhere else.
        """
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
            raise Refusal("5.2.4", "The address stands for too many.") from None
        if not meant:
            raise Refusal("5.1.1", "There is no such address here.")
        if not self._can_relay and not await self._any_local(meant):
            raise Refusal("5.3.2", "The address leads elsewhere; there is no way there.")
        return str(parse_address(address))

    def _outside(self, path: Path, account: Account | None) -> str:
        if account is None:
            raise Refusal("5.7.1", "This server does not relay.")
        if not self._can_relay:
            raise Refusal("5.3.2", "This server sends no mail to other servers.")
        if path.is_literal:
            raise Refusal("5.1.2", "Address literals are not served.")
        try:
            return f"{path.local}@{normal_domain(path.domain)}"
        except Invalid:
            raise Refusal("5.1.2", "This domain cannot be.") from None

    async def _any_local(self, addresses: tuple[str, ...]) -> bool:
        for address in addresses:
            if await self._directory.is_local(address.rpartition("@")[2]):
                return True
        return False


def normal_sender(path: Path) -> str:
    """Give a reverse-path in normal form; its local part stays as written. Raises `Refusal`."""
    if path.is_literal or path.domain.isascii():
        return f"{path.local}@{path.domain.lower()}"
    try:
        return f"{path.local}@{normal_domain(path.domain)}"
    except Invalid:
        raise Refusal("5.1.7", "This domain cannot be.") from None


def addresses_in(fields: Iterable[tuple[str, bytes]], *names: str) -> tuple[str, ...]:
    """Give the addresses in all fields of these names (lower case), as they are written.

    What stands there and is no address gives "", so that nobody takes it for nothing.
    """
    found: list[str] = []
    for name, value in fields:
        if name.lower() in names:
            found += [each.email for each in parse_mailboxes(value)]
    return tuple(found)


def authors_of(header: bytes, followed: bool) -> tuple[str, ...]:
    """Give the addresses in all From fields of a message's header, as they are written.

    header: up to and with the empty line, more than `HEADER_OCTETS` of it are not needed;
    followed: whether a body comes behind. Among them is "" where other programs might find
    a From field that is not found here: in a header that is too long or has no proper end, or
    behind a lone CR, which leaves as CRLF (RFC 5321 2.3.8).
    """
    found = addresses_in(raw_fields(header), "from")
    ended = header in (b"\n", b"\r\n") or header.endswith((b"\n\n", b"\n\r\n"))
    odd = len(header) > HEADER_OCTETS or (followed and not ended) or _LONE_CR.search(header)
    return (*found, "") if odd else found
