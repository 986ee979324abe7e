"""Accounts, domains, aliases and groups as the store keeps them.

All times in this house are integers: microseconds since 1970-01-01 UTC.
Addresses and domain names are normalised by the caller (`mailim.address`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain this server hosts."""

    id: int
    name: str
    created: int


@dataclass(frozen=True, slots=True)
class Account:
    """A person: one mailbox, one JID, one set of credentials."""

    id: int
    domain_id: int
    address: str
    name: str  # display name, may be ""
    admin: bool
    enabled: bool
    published: bool  # listed among the colleagues
    created: int
    last_login: int | None

    @property
    def local(self) -> str:
        """The part before the @."""
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        """The part behind the @."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Credential:
    """One verifier of an account's password; never the password.

    `kind` is "argon2id" (`data` = {"hash": PHC string}) or a SCRAM mechanism name
    (`data` = {"salt", "iterations", "stored_key", "server_key"}, bytes as base64 text).
    """

    kind: str
    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name for one address (RFC 5321 3.9.1)."""

    address: str
    target: str


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of addresses: a list of recipients, a holder of rights."""

    id: int
    address: str
    name: str
    members: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class WebSession:
    """A browser that signed in; found by the SHA-256 of its cookie."""

    token_hash: bytes = field(repr=False)
    account_id: int
    created: int
    last_seen: int
    expires: int
    peer: str
    agent: str


class IAccountRows(Interface):
    """Accounts and what belongs to them; every change publishes `AccountsChanged`."""

    def add_domain(name: str, created: int) -> Domain:
        """Raises `AlreadyExists`."""

    def domains() -> Sequence[Domain]:
        """Give all, by name."""

    def remove_domain(name: str) -> None:
        """Raises `NotFound`, or `Invalid` while it has accounts, aliases or groups."""

    def add(address: str, name: str, admin: bool, created: int) -> Account:
        """Raises `NotFound` (no such domain), `AlreadyExists` (also as alias or group)."""

    def get(account_id: int) -> Account | None:
        """Find by id."""

    def by_address(address: str) -> Account | None:
        """Find by address; aliases are not followed."""

    def list(domain: str | None = None) -> Sequence[Account]:
        """Give all, or those of a domain, by address."""

    def update(account_id: int, **changes: Any) -> Account:
        """Change name, admin, enabled, published; raises `NotFound`."""

    def delete(account_id: int) -> None:
        """Remove the account with its folders, items, roster, boxes; never its record."""

    def touch_login(account_id: int, time: int) -> None:
        """Remember the last login (no event)."""

    def credentials(account_id: int) -> Sequence[Credential]:
        """Give the verifiers."""

    def set_credentials(account_id: int, credentials: Sequence[Credential]) -> None:
        """Replace all verifiers and remove the account's web sessions."""

    def settings(account_id: int) -> Mapping[str, Any]:
        """Give what the user chose (a JSON object)."""

    def set_settings(account_id: int, settings: Mapping[str, Any]) -> None:
        """Replace what the user chose."""

    def add_alias(address: str, target: str) -> Alias:
        """Raises `AlreadyExists`, `NotFound` (no such domain)."""

    def aliases() -> Sequence[Alias]:
        """Give all, by address."""

    def alias(address: str) -> Alias | None:
        """Find one."""

    def remove_alias(address: str) -> None:
        """Raises `NotFound`."""

    def add_group(address: str, name: str) -> Group:
        """Raises `AlreadyExists`, `NotFound` (no such domain)."""

    def groups() -> Sequence[Group]:
        """Give all with their members, by address."""

    def group(address: str) -> Group | None:
        """Find one."""

    def remove_group(address: str) -> None:
        """Raises `NotFound`."""

    def add_member(group: str, member: str) -> None:
        """Raises `NotFound` (group), `AlreadyExists`."""

    def remove_member(group: str, member: str) -> None:
        """Raises `NotFound`."""

    def add_web_session(session: WebSession) -> None:
        """Store a browser session."""

    def web_session(token_hash: bytes) -> WebSession | None:
        """Find a browser session."""

    def touch_web_session(token_hash: bytes, last_seen: int, expires: int) -> None:
        """Move its idle limit."""

    def remove_web_sessions(
        token_hash: bytes | None = None,
        account_id: int | None = None,
        expired_at: int | None = None,
    ) -> int:
        """Remove one, all of an account, or all expired; gives how many."""
