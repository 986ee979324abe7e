"""Identity/set (RFC 8621 section 6.3): all in one unit of the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mailim.errors import MailimError, NotPermitted
from mailim.interfaces.store import IStore, ITransaction
from mailim.interfaces.submissions import Identity
from mailim.mail.outgoing import Outgoing
from mailim.protocols.jmap.arguments import SetArguments
from mailim.protocols.jmap.errors import SetError, invalid_properties
from mailim.protocols.jmap.getting import check_size, check_state
from mailim.protocols.jmap.identities import (
    OF_IDENTITY,
    add_own,
    identity_object,
    is_mailbox,
    read_columns,
)
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import SUBMISSION, Caller
from mailim.protocols.jmap.setting import Outcome, set_error_of
from mailim.wire.jmap_ids import IDENTITY, read_id


class IdentitySet:
    """Makes, changes and removes identities."""

    name = "Identity/set"
    capability = SUBMISSION
    arguments = SetArguments

    def __init__(self, store: IStore, outgoing: Outgoing, limits: JmapLimits) -> None:
        self._store = store
        self._outgoing = outgoing
        self._limits = limits

    async def call(self, caller: Caller, arguments: SetArguments) -> Mapping[str, Any]:
        """Check the addresses, then do it all in one transaction."""
        check_size(arguments.size, self._limits.objects_in_set)
        own = set()
        for value in (arguments.create or {}).values():
            email = value.get("email")
            if isinstance(email, str) and is_mailbox(email):
                if await self._outgoing.is_own(caller.account, email):
                    own.add(email)
        outcome = await self._store.write(lambda tx: _set(tx, caller, arguments, own))
        caller.created.update({key: each["id"] for key, each in outcome.created.items()})
        return outcome.response(caller)


def _set(tx: ITransaction, caller: Caller, arguments: SetArguments, own: set[str]) -> Outcome:
    outcome = Outcome(old_state=tx.items.state(caller.number))
    check_state(arguments, outcome.old_state)
    add_own(tx, caller.account)
    for key, value in (arguments.create or {}).items():
        try:
            outcome.created[key] = _create(tx, caller, value, own)
        except (MailimError, SetError) as error:
            outcome.not_created[key] = set_error_of(error)
    new = {f"#{key}": each["id"] for key, each in outcome.created.items()}

    def number_of(id: str) -> int:
        return read_id(IDENTITY, new.get(id) or caller.resolve(id)) or 0

    doomed = {number_of(id) for id in arguments.destroy or ()}
    for id, patch in (arguments.update or {}).items():
        try:
            if number_of(id) in doomed:
                raise SetError("willDestroy", "it is destroyed in the same call")
            _update(tx, caller, number_of(id), patch)
            outcome.updated[id] = None
        except (MailimError, SetError) as error:
            outcome.not_updated[id] = set_error_of(error)
    for id in dict.fromkeys(arguments.destroy or ()):
        try:
            tx.identities.remove(caller.number, number_of(id))
            outcome.destroyed.append(id)
        except NotPermitted as error:
            outcome.not_destroyed[id] = SetError("forbidden", error.text)
        except MailimError as error:
            outcome.not_destroyed[id] = set_error_of(error)
    outcome.new_state = tx.items.state(caller.number)
    return outcome


def _create(
    tx: ITransaction, caller: Caller, value: Mapping[str, Any], own: set[str]
) -> dict[str, Any]:
    email = value.get("email")
    if not isinstance(email, str) or not is_mailbox(email):
        raise invalid_properties("an identity needs an address", "email")
    columns = read_columns({name: each for name, each in value.items() if name != "email"})
    if email not in own:
        raise SetError("forbiddenFrom", "This is not an address of yours.")
    blank = Identity(0, caller.number, "", email, None, None, "", "", False)
    made = identity_object(tx.identities.add(replace(blank, **columns)))
    return {name: each for name, each in made.items() if value.get(name, made) != each}


def _update(tx: ITransaction, caller: Caller, number: int, patch: Mapping[str, Any]) -> None:
    identity = tx.identities.get(caller.number, number)
    if identity is None:
        raise SetError("notFound")
    # What cannot change may be given as it is (RFC 8620 section 5.3).
    changes = {
        name: each
        for name, each in patch.items()
        if name not in OF_IDENTITY or OF_IDENTITY[name](identity) != each
    }
    columns = read_columns(changes)
    if columns:
        tx.identities.update(replace(identity, **columns))
