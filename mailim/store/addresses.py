"""Domains, aliases and groups: everything an address can be besides an account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    bindparam,
    delete,
    exists,
    literal,
    or_,
    select,
)

from mailim.errors import AlreadyExists, Invalid, NotFound
from mailim.events import AccountsChanged, Event
from mailim.interfaces.accounts import Alias, Domain, Group
from mailim.store.connection import Connection, Row
from mailim.store.schema.accounts import account, address_group, alias, domain, group_member
from mailim.store.statements import Statement, insert_into

_NAME: Final = bindparam("name", type_=Text)
_ADDRESS: Final = bindparam("address", type_=Text)
_MEMBER: Final = bindparam("member", type_=Text)

_ADD_DOMAIN = Statement(insert_into(domain, "id").returning(domain.c.id))
_DOMAINS = Statement(select(domain.c.id, domain.c.name, domain.c.created).order_by(domain.c.name))
_DOMAIN_ID = Statement(select(domain.c.id).where(domain.c.name == _NAME))
_REMOVE_DOMAIN = Statement(delete(domain).where(domain.c.name == _NAME))


def _any_of(*rows: Select[Any]) -> ColumnElement[bool]:
    return or_(*(exists(each) for each in rows))


_DOMAIN_USED = Statement(
    select(literal(1)).where(
        _any_of(
            *(
                select(table.c.domain_id)
                .join(domain, domain.c.id == table.c.domain_id)
                .where(domain.c.name == _NAME)
                for table in (account, alias, address_group)
            )
        )
    )
)
_TAKEN = Statement(
    select(literal(1)).where(
        _any_of(
            *(
                select(table.c.address).where(table.c.address == _ADDRESS)
                for table in (account, alias, address_group)
            )
        )
    )
)

_ADD_ALIAS = Statement(insert_into(alias))
_ALIASES = Statement(select(alias.c.address, alias.c.target).order_by(alias.c.address))
_ALIAS = Statement(select(alias.c.address, alias.c.target).where(alias.c.address == _ADDRESS))
_REMOVE_ALIAS = Statement(delete(alias).where(alias.c.address == _ADDRESS))

_ADD_GROUP = Statement(insert_into(address_group, "id").returning(address_group.c.id))
# One row for each member, and one without a member for an empty group.
_MEMBERSHIPS: Final = (
    select(address_group.c.id, address_group.c.address, address_group.c.name, group_member.c.member)
    .outerjoin(group_member, group_member.c.group_id == address_group.c.id)
    .order_by(address_group.c.address, group_member.c.member)
)
_GROUPS = Statement(_MEMBERSHIPS)
_GROUP = Statement(_MEMBERSHIPS.where(address_group.c.address == _ADDRESS))
_GROUP_ID = Statement(select(address_group.c.id).where(address_group.c.address == _ADDRESS))
_REMOVE_GROUP = Statement(delete(address_group).where(address_group.c.address == _ADDRESS))
_ADD_MEMBER = Statement(insert_into(group_member))
_IS_MEMBER = Statement(
    select(literal(1)).where(
        group_member.c.group_id == bindparam("group_id"), group_member.c.member == _MEMBER
    )
)
_REMOVE_MEMBER = Statement(
    delete(group_member).where(
        group_member.c.group_id == bindparam("group_id"), group_member.c.member == _MEMBER
    )
)


def _groups(rows: Iterable[Row]) -> list[Group]:
    names: dict[int, tuple[str, str]] = {}
    members: dict[int, list[str]] = {}
    for group_id, address, name, member in rows:
        names[group_id] = (address, name)
        members.setdefault(group_id, [])
        if member is not None:
            members[group_id].append(member)
    return [
        Group(group_id, address, name, tuple(members[group_id]))
        for group_id, (address, name) in names.items()
    ]


class AddressRows:
    """The part of `IAccountRows` that is about domains, aliases and groups."""

    def __init__(self, connection: Connection, publish: Callable[[Event], None]) -> None:
        self._db = connection
        self._publish = publish

    def add_domain(self, name: str, created: int) -> Domain:
        """Raises `AlreadyExists`."""
        if self._db.value(_DOMAIN_ID, name=name) is not None:
            raise AlreadyExists(f"The domain {name} is already there.")
        domain_id = self._db.value(_ADD_DOMAIN, name=name, created=created)
        self._publish(AccountsChanged(""))
        return Domain(domain_id, name, created)

    def domains(self) -> Sequence[Domain]:
        """Give all, by name."""
        return [Domain(*row) for row in self._db.all(_DOMAINS)]

    def remove_domain(self, name: str) -> None:
        """Raises `NotFound`, or `Invalid` while it has accounts, aliases or groups."""
        if self._db.value(_DOMAIN_USED, name=name) is not None:
            raise Invalid(f"The domain {name} still has accounts, aliases or groups.")
        if not self._db.run(_REMOVE_DOMAIN, name=name):
            raise NotFound(f"There is no domain {name}.")
        self._publish(AccountsChanged(""))

    def free_address(self, address: str) -> int:
        """Give the id of the domain of a new address; `NotFound`, `AlreadyExists`."""
        name = address.rpartition("@")[2]
        domain_id: int | None = self._db.value(_DOMAIN_ID, name=name)
        if domain_id is None:
            raise NotFound(f"There is no domain {name}.")
        if self._db.value(_TAKEN, address=address) is not None:
            raise AlreadyExists(f"The address {address} is already there.")
        return domain_id

    # --- aliases ----------------------------------------------------------------------

    def add_alias(self, address: str, target: str) -> Alias:
        """Raises `AlreadyExists`, `NotFound` (no such domain)."""
        domain_id = self.free_address(address)
        self._db.run(_ADD_ALIAS, address=address, domain_id=domain_id, target=target)
        self._publish(AccountsChanged(address))
        return Alias(address, target)

    def aliases(self) -> Sequence[Alias]:
        """Give all, by address."""
        return [Alias(*row) for row in self._db.all(_ALIASES)]

    def alias(self, address: str) -> Alias | None:
        """Find one."""
        row = self._db.one(_ALIAS, address=address)
        return None if row is None else Alias(*row)

    def remove_alias(self, address: str) -> None:
        """Raises `NotFound`."""
        if not self._db.run(_REMOVE_ALIAS, address=address):
            raise NotFound(f"There is no alias {address}.")
        self._publish(AccountsChanged(address))

    # --- groups -----------------------------------------------------------------------

    def add_group(self, address: str, name: str) -> Group:
        """Raises `AlreadyExists`, `NotFound` (no such domain)."""
        domain_id = self.free_address(address)
        group_id = self._db.value(_ADD_GROUP, address=address, domain_id=domain_id, name=name)
        self._publish(AccountsChanged(address))
        return Group(group_id, address, name)

    def groups(self) -> Sequence[Group]:
        """Give all with their members, by address."""
        return _groups(self._db.all(_GROUPS))

    def group(self, address: str) -> Group | None:
        """Find one."""
        found = _groups(self._db.all(_GROUP, address=address))
        return found[0] if found else None

    def remove_group(self, address: str) -> None:
        """Raises `NotFound`."""
        if not self._db.run(_REMOVE_GROUP, address=address):
            raise NotFound(f"There is no group {address}.")
        self._publish(AccountsChanged(address))

    def add_member(self, group: str, member: str) -> None:
        """Raises `NotFound` (group), `AlreadyExists`."""
        group_id = self._group_id(group)
        if self._db.value(_IS_MEMBER, group_id=group_id, member=member) is not None:
            raise AlreadyExists(f"{member} is already in {group}.")
        self._db.run(_ADD_MEMBER, group_id=group_id, member=member)
        self._publish(AccountsChanged(group))

    def remove_member(self, group: str, member: str) -> None:
        """Raises `NotFound`."""
        if not self._db.run(_REMOVE_MEMBER, group_id=self._group_id(group), member=member):
            raise NotFound(f"{member} is not in {group}.")
        self._publish(AccountsChanged(group))

    def _group_id(self, address: str) -> int:
        group_id: int | None = self._db.value(_GROUP_ID, address=address)
        if group_id is None:
            raise NotFound(f"There is no group {address}.")
        return group_id
