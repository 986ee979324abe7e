"""Where a recipient's mail goes: an account here, other addresses, another server, nowhere.

Mail that MultiPOP fetched goes to the owner of the box, whatever its header says; but copies
that rules made of it do not. All else goes by its envelope: local addresses as the directory
knows them (accounts, aliases, groups, subaddresses), outside ones to the relay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mailim.address import parse_address
from mailim.errors import Invalid, LimitExceeded, Unavailable
from mailim.interfaces.accounts import Account
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.mail.verdicts import is_copy


@dataclass(frozen=True, slots=True)
class ToAccount:
    """The mail goes into this account."""

    account_id: int


@dataclass(frozen=True, slots=True)
class ToAddresses:
    """The recipient stands for these; each is a recipient of its own from now on."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToRelay:
    """The mail goes to another server."""


@dataclass(frozen=True, slots=True)
class Nowhere:
    """There is no way; `reason` is for people."""

    reason: str


Destination = ToAccount | ToAddresses | ToRelay | Nowhere


class DirectoryLike(Protocol):
    """What routing asks of `accounts.Directory`."""

    async def find(self, address: str) -> Account | None:
        """Find an account by its address; aliases are not followed."""

    async def is_local(self, domain: str) -> bool:
        """Tell whether a domain is hosted here."""

    async def resolve(self, address: str) -> tuple[str, ...] | None:
        """Give what an address stands for; None: a local address that is nothing."""


class Routing:
    """Finds destinations."""

    def __init__(self, directory: DirectoryLike) -> None:
        self._directory = directory

    async def route(self, entry: SpoolEntry, recipient: SpoolRecipient) -> Destination:
        """Give the destination of one recipient; what it raises is temporary."""
        address = recipient.address
        if entry.origin == "multipop" and entry.account_id is not None and not is_copy(recipient):
            return ToAccount(entry.account_id)
        account = await self._directory.find(address)
        if account is not None:
            return ToAccount(account.id)
        try:
            parsed = parse_address(address)
        except Invalid as error:
            return Nowhere(error.text)
        if not await self._directory.is_local(parsed.domain):
            return ToRelay()
        return await self._expanded(str(parsed))

    async def _expanded(self, address: str) -> Destination:
        try:
            meant = await self._directory.resolve(address)
        except LimitExceeded as error:
            return Nowhere(error.text)
        if meant is None:
            return Nowhere("There is no such address here.")
        if not meant:
            return Nowhere("The group has no members.")
        if meant == (address,):
            # An account made since `find`, or one that is gone since: ask again later.
            raise Unavailable("The address changed just now.")
        return ToAddresses(meant)
