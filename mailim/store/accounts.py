"""Accounts: people with their verifiers and settings. Every change publishes itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Integer, Text, bindparam, delete, select, update
from zope.interface import implementer

from mailim.errors import Invalid, NotFound
from mailim.events import AccountsChanged, Event, PasswordChanged
from mailim.interfaces.accounts import Account, Credential, IAccountRows
from mailim.store.addresses import AddressRows
from mailim.store.connection import Connection, Row
from mailim.store.schema.accounts import account, credential, domain
from mailim.store.statements import Statement, insert_into
from mailim.store.web_sessions import WebSessionRows

CHANGEABLE: Final = frozenset({"name", "admin", "enabled", "published"})

_ID: Final = bindparam("id", type_=Integer)
_ROW: Final = select(
    account.c.id,
    account.c.domain_id,
    account.c.address,
    account.c.name,
    account.c.admin,
    account.c.enabled,
    account.c.published,
    account.c.created,
    account.c.last_login,
)
_ADD = Statement(insert_into(account, "id").returning(account.c.id))
_BY_ID = Statement(_ROW.where(account.c.id == _ID))
_BY_ADDRESS = Statement(_ROW.where(account.c.address == bindparam("address", type_=Text)))
_ALL = Statement(_ROW.order_by(account.c.address))
_OF_DOMAIN = Statement(
    _ROW.join(domain, domain.c.id == account.c.domain_id)
    .where(domain.c.name == bindparam("domain", type_=Text))
    .order_by(account.c.address)
)
_UPDATE = Statement(
    update(account)
    .where(account.c.id == _ID)
    .values({name: bindparam(name) for name in sorted(CHANGEABLE)})
)
_DELETE = Statement(delete(account).where(account.c.id == _ID))
_TOUCH = Statement(
    update(account).where(account.c.id == _ID).values(last_login=bindparam("last_login"))
)
_SETTINGS = Statement(select(account.c.settings).where(account.c.id == _ID))
_SET_SETTINGS = Statement(
    update(account).where(account.c.id == _ID).values(settings=bindparam("settings"))
)
_CREDENTIALS = Statement(
    select(credential.c.kind, credential.c.data)
    .where(credential.c.account_id == _ID)
    .order_by(credential.c.kind)
)
_REMOVE_CREDENTIALS = Statement(delete(credential).where(credential.c.account_id == _ID))
_ADD_CREDENTIAL = Statement(insert_into(credential))


def _account(row: Row) -> Account:
    id_, domain_id, address, name, admin, enabled, published, created, last_login = row
    return Account(
        id=id_,
        domain_id=domain_id,
        address=address,
        name=name,
        admin=bool(admin),
        enabled=bool(enabled),
        published=bool(published),
        created=created,
        last_login=last_login,
    )


@implementer(IAccountRows)
class AccountRows(AddressRows, WebSessionRows):
    """Accounts and what belongs to them; every change publishes `AccountsChanged`."""

    def __init__(
        self,
        connection: Connection,
        publish: Callable[[Event], None],
        forget: Sequence[Callable[[int], None]],
    ) -> None:
        """`forget`: what repositories want called with an account before it is deleted."""
        super().__init__(connection, publish)
        self._forget = forget

    def add(self, address: str, name: str, admin: bool, created: int) -> Account:
        """Raises `NotFound` (no such domain), `AlreadyExists` (also as alias or group)."""
        domain_id = self.free_address(address)
        account_id = self._db.value(
            _ADD,
            domain_id=domain_id,
            address=address,
            name=name,
            admin=admin,
            enabled=True,
            published=True,
            created=created,
            last_login=None,
            settings="{}",
        )
        self._publish(AccountsChanged(address))
        return self._required(account_id)

    def get(self, account_id: int) -> Account | None:
        """Find by id."""
        row = self._db.one(_BY_ID, id=account_id)
        return None if row is None else _account(row)

    def by_address(self, address: str) -> Account | None:
        """Find by address; aliases are not followed."""
        row = self._db.one(_BY_ADDRESS, address=address)
        return None if row is None else _account(row)

    def list(self, domain: str | None = None) -> Sequence[Account]:
        """Give all, or those of a domain, by address."""
        rows = self._db.all(_ALL) if domain is None else self._db.all(_OF_DOMAIN, domain=domain)
        return [_account(row) for row in rows]

    def update(self, account_id: int, **changes: Any) -> Account:
        """Change name, admin, enabled, published; raises `NotFound`."""
        unknown = changes.keys() - CHANGEABLE
        if unknown:
            raise Invalid("This cannot be changed.", path=min(unknown))
        old = self._required(account_id)
        values = {name: getattr(old, name) for name in CHANGEABLE} | changes
        self._db.run(_UPDATE, id=account_id, **values)
        self._publish(AccountsChanged(old.address))
        return self._required(account_id)

    def delete(self, account_id: int) -> None:
        """Remove the account with its folders, items, roster, boxes; never its record."""
        old = self._required(account_id)
        for forget in self._forget:
            forget(account_id)
        self._db.run(_DELETE, id=account_id)
        self._publish(AccountsChanged(old.address))

    def touch_login(self, account_id: int, time: int) -> None:
        """Remember the last login (no event)."""
        self._db.run(_TOUCH, id=account_id, last_login=time)

    def credentials(self, account_id: int) -> Sequence[Credential]:
        """Give the verifiers."""
        return [
            Credential(kind, json.loads(data))
            for kind, data in self._db.all(_CREDENTIALS, id=account_id)
        ]

    def set_credentials(self, account_id: int, credentials: Sequence[Credential]) -> None:
        """Replace all verifiers and remove the account's web sessions."""
        owner = self._required(account_id)
        self._db.run(_REMOVE_CREDENTIALS, id=account_id)
        for each in credentials:
            self._db.run(
                _ADD_CREDENTIAL,
                account_id=account_id,
                kind=each.kind,
                data=json.dumps(dict(each.data)),
            )
        self.remove_web_sessions(account_id=account_id)
        self._publish(AccountsChanged(owner.address))
        self._publish(PasswordChanged(account_id))

    def settings(self, account_id: int) -> Mapping[str, Any]:
        """Give what the user chose (a JSON object)."""
        text = self._db.value(_SETTINGS, id=account_id)
        if text is None:
            raise NotFound("There is no such account.")
        settings: dict[str, Any] = json.loads(text)
        return settings

    def set_settings(self, account_id: int, settings: Mapping[str, Any]) -> None:
        """Replace what the user chose (no event: an account is the same with it)."""
        self._required(account_id)
        self._db.run(_SET_SETTINGS, id=account_id, settings=json.dumps(dict(settings)))

    def _required(self, account_id: int) -> Account:
        found = self.get(account_id)
        if found is None:
            raise NotFound("There is no such account.")
        return found
