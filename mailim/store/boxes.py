"""MultiPOP boxes and their UIDLs inside a transaction; changes of a box publish themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Integer, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert
from zope.interface import implementer

from mailim.errors import AlreadyExists, Invalid, LimitExceeded, NotFound
from mailim.events import BoxChanged, Event
from mailim.interfaces.boxes import Box, IBoxRows, SeenMessage
from mailim.limits import BOX_ERROR_CHARS, UIDL_OCTETS
from mailim.store.connection import Connection, Row
from mailim.store.schema.mail import box, box_message
from mailim.store.statements import Statement, id_list, insert_into, one_of_ids

CHANGEABLE: Final = frozenset(
    {
        "host", "port", "user", "secret", "tls", "ca", "leave", "enabled", "last_run",
        "last_success", "last_error", "next_run", "failures", "collected",
    }
)  # fmt: skip
STATES: Final = frozenset({"failing", "quarantined", "stored", "deleting", "deleted", "gone"})

_ID: Final = bindparam("id", type_=Integer)
_BOX: Final = bindparam("box_id", type_=Integer)
_ROW: Final = select(
    box.c.id,
    box.c.account_id,
    box.c.host,
    box.c.port,
    box.c.user,
    box.c.secret,
    box.c.tls,
    box.c.ca,
    box.c.leave,
    box.c.enabled,
    box.c.created,
    box.c.last_run,
    box.c.last_success,
    box.c.last_error,
    box.c.next_run,
    box.c.failures,
    box.c.collected,
    select(func.count())
    .where(box_message.c.box_id == box.c.id, box_message.c.state == "deleting")
    .scalar_subquery(),
)
_ADD: Final = Statement(insert_into(box, "id").returning(box.c.id))
_GET: Final = Statement(_ROW.where(box.c.id == _ID))
_ALL: Final = Statement(_ROW.order_by(box.c.id))
_OF_ACCOUNT: Final = Statement(
    _ROW.where(box.c.account_id == bindparam("account_id", type_=Integer)).order_by(box.c.id)
)
_SAME: Final = Statement(
    select(box.c.id).where(
        box.c.account_id == bindparam("account_id"),
        box.c.host == bindparam("host"),
        box.c.port == bindparam("port"),
        box.c.user == bindparam("user"),
    )
)
_OWNER: Final = Statement(select(box.c.account_id).where(box.c.id == _ID))
_UPDATE: Final = Statement(
    update(box).where(box.c.id == _ID).values({name: bindparam(name) for name in CHANGEABLE})
)
_REMOVE: Final = Statement(delete(box).where(box.c.id == _ID))
_MESSAGE: Final = select(
    box_message.c.uidl,
    box_message.c.state,
    box_message.c.sha256,
    box_message.c.first_seen,
    box_message.c.failures,
    box_message.c.error,
).where(box_message.c.box_id == _BOX)
_SEEN: Final = Statement(_MESSAGE)
_WITH_BODY: Final = Statement(
    _MESSAGE.where(box_message.c.sha256 == bindparam("sha256")).order_by(box_message.c.uidl)
)
_MARK: Final = Statement(
    insert(box_message)
    .values({each.name: bindparam(each.name) for each in box_message.c})
    .on_conflict_do_update(
        index_elements=[box_message.c.box_id, box_message.c.uidl],
        set_={
            name: bindparam(name) for name in ("state", "sha256", "first_seen", "failures", "error")
        },
    )
)
_FORGET: Final = Statement(
    delete(box_message).where(box_message.c.box_id == _BOX, one_of_ids(box_message.c.uidl, "uidls"))
)
_STATE: Final = update(box_message).values(
    # Parameters may not be named like columns in SET and WHERE at once.
    state=bindparam("new_state"),
    first_seen=bindparam("since"),
    failures=bindparam("new_failures"),
)
_RESTATE: Final = Statement(
    _STATE.where(box_message.c.box_id == _BOX, one_of_ids(box_message.c.uidl, "uidls"))
)
_RESTATE_ALL: Final = Statement(
    _STATE.where(
        box_message.c.box_id == _BOX,
        or_(box_message.c.state == "stored", box_message.c.state == "deleting"),
    )
)


@implementer(IBoxRows)
class BoxRows:
    """Boxes and their UIDLs inside a transaction."""

    def __init__(self, connection: Connection, publish: Callable[[Event], None]) -> None:
        self._db = connection
        self._publish = publish

    def add(
        self,
        account_id: int,
        host: str,
        port: int,
        user: str,
        secret: bytes,
        tls: str,
        ca: str,
        leave: bool,
        created: int,
    ) -> Box:
        """Raises `AlreadyExists` for the same host, port and user of one account."""
        self._check_free(None, account_id, host, port, user)
        box_id = self._db.value(
            _ADD,
            account_id=account_id,
            host=host,
            port=port,
            user=user,
            secret=secret,
            tls=tls,
            ca=ca,
            leave=leave,
            enabled=True,
            created=created,
            last_run=None,
            last_success=None,
            last_error="",
            next_run=None,
            failures=0,
            collected=0,
        )
        self._publish(BoxChanged(account_id, box_id))
        return self._need(box_id)

    def get(self, box_id: int) -> Box | None:
        """Find by id."""
        row = self._db.one(_GET, id=box_id)
        return None if row is None else _box(row)

    def list(self, account_id: int | None = None) -> Sequence[Box]:
        """Give all, or those of an account, by id."""
        if account_id is None:
            rows = self._db.all(_ALL)
        else:
            rows = self._db.all(_OF_ACCOUNT, account_id=account_id)
        return [_box(row) for row in rows]

    def update(self, box_id: int, **changes: Any) -> Box:
        """Change any field but id, account_id, created, pending_deletes; raises `NotFound`.

        `Invalid` for another field, `AlreadyExists` as `add`.
        """
        if unknown := changes.keys() - CHANGEABLE:
            raise Invalid("That cannot be changed.", min(unknown))
        old = self._need(box_id)
        values = {name: getattr(old, name) for name in CHANGEABLE} | changes
        values["last_error"] = values["last_error"][:BOX_ERROR_CHARS]
        if changes.keys() & {"host", "port", "user"}:
            self._check_free(box_id, old.account_id, values["host"], values["port"], values["user"])
        self._db.run(_UPDATE, id=box_id, **values)
        self._publish(BoxChanged(old.account_id, box_id))
        return self._need(box_id)

    def remove(self, box_id: int) -> None:
        """Remove with its UIDLs; raises `NotFound`."""
        old = self._need(box_id)
        self._db.run(_REMOVE, id=box_id)
        self._publish(BoxChanged(old.account_id, box_id))

    def seen(self, box_id: int) -> Mapping[str, SeenMessage]:
        """Give all UIDLs known of a box."""
        return {row[0]: SeenMessage(*row) for row in self._db.cursor(_SEEN, {"box_id": box_id})}

    def mark(self, box_id: int, message: SeenMessage) -> None:
        """Insert or replace what is known of a UIDL; raises `NotFound`, `LimitExceeded`."""
        if message.state not in STATES:
            raise Invalid("There is no such state of a message.", "state")
        if len(message.uidl.encode("utf-8", "replace")) > UIDL_OCTETS:
            raise LimitExceeded(f"A UIDL may have {UIDL_OCTETS} octets.")
        account_id = self._db.value(_OWNER, id=box_id)
        if account_id is None:
            raise NotFound("There is no such box.")
        self._db.run(
            _MARK,
            box_id=box_id,
            uidl=message.uidl,
            state=message.state,
            sha256=message.sha256,
            first_seen=message.first_seen,
            failures=message.failures,
            error=message.error[:BOX_ERROR_CHARS],
        )
        self._publish(BoxChanged(account_id, box_id))

    def restate(
        self,
        box_id: int,
        uidls: Sequence[str] | None,
        state: str,
        since: int,
        failures: int = 0,
    ) -> None:
        """Change the state of known UIDLs; None means all that are stored or deleting."""
        if state not in STATES:
            raise Invalid("There is no such state of a message.", "state")
        values = {"box_id": box_id, "new_state": state, "since": since, "new_failures": failures}
        if uidls is None:
            changed = self._db.run(_RESTATE_ALL, **values)
        else:
            changed = self._db.run(_RESTATE, **values, uidls=id_list(uidls))
        account_id = self._db.value(_OWNER, id=box_id)
        if changed and account_id is not None:
            self._publish(BoxChanged(account_id, box_id))

    def forget(self, box_id: int, uidls: Sequence[str]) -> None:
        """Drop UIDLs."""
        self._db.run(_FORGET, box_id=box_id, uidls=id_list(uidls))

    def with_body(self, box_id: int, sha256: bytes) -> Sequence[SeenMessage]:
        """Give what is known of messages with this body (UIDLs change, or there are none)."""
        rows = self._db.all(_WITH_BODY, box_id=box_id, sha256=sha256)
        return [SeenMessage(*row) for row in rows]

    def _check_free(
        self, box_id: int | None, account_id: int, host: str, port: int, user: str
    ) -> None:
        same = self._db.value(_SAME, account_id=account_id, host=host, port=port, user=user)
        if same not in (None, box_id):
            raise AlreadyExists("The account has that box already.")

    def _need(self, box_id: int) -> Box:
        found = self.get(box_id)
        if found is None:
            raise NotFound("There is no such box.")
        return found


def _box(row: Row) -> Box:
    values: list[Any] = list(row)
    values[8:10] = [bool(row[8]), bool(row[9])]  # leave, enabled
    return Box(*values)
