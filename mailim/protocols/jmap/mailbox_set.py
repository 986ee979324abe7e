"""Mailbox/set (RFC 8621 section 2.5).

All is one unit of the store: creations first, parents before children whatever their order
in the request, then updates, then removals, children before parents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mailim.errors import Invalid, MailimError
from mailim.interfaces.items import Folder
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.jmap.arguments import SetArguments
from mailim.protocols.jmap.errors import SetError, invalid_properties
from mailim.protocols.jmap.getting import check_size, check_state
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.mailboxes import PROPERTIES, mailbox_object, rights_of
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.protocols.jmap.setting import Outcome, set_error_of, split_patch
from mailim.wire.jmap_ids import MAILBOX, read_id, write_id

_MAX_SORT_ORDER: Final = 2**31 - 1
_COLUMNS: Final = {
    "name": "name", "parentId": "parent_id", "role": "role", "sortOrder": "sort_order",
    "isSubscribed": "subscribed",
}  # fmt: skip


class MailboxSetArguments(SetArguments):
    """RFC 8621 section 2.5."""

    on_destroy_remove_emails: bool = False


class MailboxSet:
    """Makes, changes and removes folders."""

    name = "Mailbox/set"
    capability = MAIL
    arguments = MailboxSetArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: MailboxSetArguments) -> Mapping[str, Any]:
        """Do it all in one transaction."""
        check_size(arguments.size, self._limits.objects_in_set)
        outcome = await self._store.write(lambda tx: _Setting(tx, caller, arguments).run())
        caller.created.update({key: each["id"] for key, each in outcome.created.items()})
        return outcome.response(caller)


class _Setting:
    """One call inside its transaction."""

    def __init__(self, tx: ITransaction, caller: Caller, arguments: MailboxSetArguments) -> None:
        self._tx = tx
        self._caller = caller
        self._arguments = arguments
        self._new: dict[str, int] = {}  # creation id -> folder
        self._outcome = Outcome()

    def run(self) -> Outcome:
        state = self._tx.items.state(self._caller.number)
        check_state(self._arguments, state)
        self._outcome.old_state = state
        self._create_all(dict(self._arguments.create or {}))
        doomed = {self._written(each) for each in self._arguments.destroy or ()}
        for id, patch in (self._arguments.update or {}).items():
            try:
                if self._written(id) in doomed:
                    raise SetError("willDestroy", "it is destroyed in the same call")
                self._outcome.updated[id] = self._update(id, patch)
            except (MailimError, SetError) as error:
                self._outcome.not_updated[id] = set_error_of(error, *_changed(patch))
        self._destroy_all()
        self._outcome.new_state = self._tx.items.state(self._caller.number)
        return self._outcome

    # Ids

    def _written(self, id: str) -> str:
        """Replace a reference to something created, in this call or before."""
        if id.startswith("#") and id[1:] in self._new:
            return write_id(MAILBOX, self._new[id[1:]])
        return self._caller.resolve(id)

    def _folder(self, id: str) -> Folder:
        number = read_id(MAILBOX, self._written(id))
        found = None if number is None else self._tx.folders.get(number)
        if found is None or found.account_id != self._caller.number or found.kind != "mail":
            raise SetError("notFound")
        return found

    # Creating

    def _create_all(self, waiting: dict[str, dict[str, Any]]) -> None:
        while waiting:
            ready = [key for key, value in waiting.items() if not self._waits(value, waiting)]
            for key in ready or list(waiting):  # what is left waits for itself
                value = waiting.pop(key)
                try:
                    self._outcome.created[key] = self._create(key, value)
                except (MailimError, SetError) as error:
                    self._outcome.not_created[key] = set_error_of(error, *_changed(value))

    def _waits(self, value: Mapping[str, Any], waiting: Mapping[str, Any]) -> bool:
        parent = value.get("parentId")
        return isinstance(parent, str) and parent.startswith("#") and parent[1:] in waiting

    def _create(self, key: str, value: Mapping[str, Any]) -> dict[str, Any]:
        columns = self._columns(value)
        if "name" not in columns:
            raise invalid_properties("a mailbox needs a name", "name")
        self._check_parent(columns.get("parent_id"))
        folder = self._tx.folders.create(
            self._caller.number,
            columns["name"],
            "mail",
            columns.get("role"),
            columns.get("parent_id"),
            columns.get("sort_order", 0),
        )
        if columns.get("subscribed") is False:
            folder = self._tx.folders.update(folder.id, subscribed=False)
        self._new[key] = folder.id
        made = mailbox_object(folder)
        given = {name for name in value if made.get(name) == value[name]}
        return {name: each for name, each in made.items() if name not in given}

    # Updating

    def _update(self, id: str, patch: Mapping[str, Any]) -> dict[str, Any] | None:
        folder = self._folder(id)
        whole, inside = split_patch(patch)
        if inside:
            raise invalid_properties("no property of a mailbox can be patched", *inside)
        before = mailbox_object(folder)
        # What the server sets may be given as it is (RFC 8620 section 5.3).
        changes = {name: each for name, each in whole.items() if before.get(name, self) != each}
        columns = self._columns(changes)
        if "parent_id" in columns:
            self._check_parent(columns["parent_id"])
        if folder.role == "inbox" and columns.keys() & {"name", "role", "parent_id"}:
            raise SetError("forbidden", "the inbox stays what it is")
        after = mailbox_object(self._tx.folders.update(folder.id, **columns))
        # The name may have been normalised.
        told = {name: after[name] for name in changes if after[name] != self._meant(changes[name])}
        return told or None

    def _meant(self, value: Any) -> Any:
        return self._written(value) if isinstance(value, str) else value

    def _columns(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Check types and give what the store calls them."""
        columns: dict[str, Any] = {}
        wrong = []
        for name, each in value.items():
            if name not in _COLUMNS or not _fits(name, each):
                wrong.append(name)
            elif name == "parentId" and each is not None:
                columns["parent_id"] = read_id(MAILBOX, self._written(each)) or -1
            else:
                columns[_COLUMNS[name]] = each
        if wrong:
            server_set = any(name in PROPERTIES and name not in _COLUMNS for name in wrong)
            text = "set by the server" if server_set else "unknown, or of the wrong type"
            raise invalid_properties(text, *wrong)
        return columns

    def _check_parent(self, parent_id: int | None) -> None:
        if parent_id is not None:
            found = self._tx.folders.get(parent_id)
            if found is None or found.account_id != self._caller.number or found.kind != "mail":
                raise invalid_properties("there is no such parent", "parentId")

    # Destroying

    def _destroy_all(self) -> None:
        found: list[tuple[str, Folder]] = []
        for id in dict.fromkeys(self._arguments.destroy or ()):
            try:
                found.append((id, self._folder(id)))
            except SetError as error:
                self._outcome.not_destroyed[id] = error
        parents = {each.id: each.parent_id for each in self._tx.folders.list(self._caller.number)}
        found.sort(key=lambda pair: _depth(pair[1].id, parents), reverse=True)
        for id, folder in found:
            try:
                self._destroy(folder)
                self._outcome.destroyed.append(id)
            except (MailimError, SetError) as error:
                self._outcome.not_destroyed[id] = set_error_of(error)

    def _destroy(self, folder: Folder) -> None:
        if not rights_of(folder)["mayDelete"]:
            raise SetError("forbidden", f"this is the folder for {folder.role}")
        try:
            self._tx.folders.delete(folder.id, self._arguments.on_destroy_remove_emails)
        except Invalid as error:
            raise SetError(error.path or "forbidden", error.text) from None


def _fits(name: str, value: Any) -> bool:
    """Check the type of a property."""
    if name == "name":
        return isinstance(value, str)
    if name in ("parentId", "role"):
        return value is None or isinstance(value, str)
    if name == "isSubscribed":
        return isinstance(value, bool)
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_SORT_ORDER


def _changed(value: Mapping[str, Any]) -> list[str]:
    """Give the properties a store's refusal is most likely about."""
    return [name for name in ("name", "parentId", "role") if name in value]


def _depth(folder_id: int, parents: Mapping[int, int | None]) -> int:
    depth, at = 0, parents.get(folder_id)
    while at is not None:
        depth, at = depth + 1, parents.get(at)
    return depth
