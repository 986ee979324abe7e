"""Email/import (RFC 8621 section 4.8): files that are messages become messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mailim.errors import MailimError, NotFound
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.jmap.arguments import AccountArguments, Id, Object, State
from mailim.protocols.jmap.email_composer import EmailComposer
from mailim.protocols.jmap.email_create_headers import read_utc_date
from mailim.protocols.jmap.email_set import Draft, Made, add_all
from mailim.protocols.jmap.errors import SetError, invalid_properties
from mailim.protocols.jmap.getting import check_size, check_state
from mailim.protocols.jmap.limits import MAX_ID, JmapLimits
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.protocols.jmap.setting import Outcome, set_error_of
from mailim.wire.compose_fields import ComposeError

_PROPERTIES: Final = frozenset({"blobId", "mailboxIds", "keywords", "receivedAt"})


class EmailImportArguments(AccountArguments):
    """RFC 8621 section 4.8."""

    if_in_state: State | None = None
    emails: dict[Id, Object]


class EmailImport:
    """Takes messages from files."""

    name = "Email/import"
    capability = MAIL
    arguments = EmailImportArguments

    def __init__(self, store: IStore, composer: EmailComposer, limits: JmapLimits) -> None:
        self._store = store
        self._composer = composer
        self._limits = limits

    async def call(self, caller: Caller, arguments: EmailImportArguments) -> Mapping[str, Any]:
        """Take all in one transaction, once they are copied and looked at."""
        check_size(len(arguments.emails), self._limits.objects_in_set)
        state = await self._store.read(lambda tx: tx.items.state(caller.number))
        check_state(arguments, state)
        made: dict[str, Made] = {}
        left = self._limits.created_octets
        for key, value in arguments.emails.items():
            try:
                if left < 0:
                    raise SetError("rateLimit", "too much is imported by one call")
                draft = await self._draft(caller, value)
                left -= draft.composed.body.size
                made[key] = draft
            except (MailimError, SetError) as error:
                made[key] = set_error_of(error)

        def unit(tx: ITransaction) -> Outcome:
            outcome = Outcome(old_state=tx.items.state(caller.number))
            check_state(arguments, outcome.old_state)
            add_all(tx, caller, made, outcome)
            outcome.new_state = tx.items.state(caller.number)
            return outcome

        outcome = await self._store.write(unit)
        caller.created.update({key: each["id"] for key, each in outcome.created.items()})
        response = outcome.response(caller)
        names = ("accountId", "oldState", "newState", "created", "notCreated")
        return {name: response[name] for name in names}

    async def _draft(self, caller: Caller, value: Mapping[str, Any]) -> Draft:
        wrong = [name for name in value if name not in _PROPERTIES]
        wrong += [name for name in ("blobId", "mailboxIds") if value.get(name) is None]
        blob_id = value.get("blobId")
        if blob_id is not None and not (isinstance(blob_id, str) and len(blob_id) <= MAX_ID):
            wrong.append("blobId")
        received = value.get("receivedAt")
        try:
            received = None if received is None else read_utc_date(received)
        except ComposeError:
            wrong.append("receivedAt")
        if wrong:
            raise invalid_properties("missing, unknown, or of the wrong type", *wrong)
        try:
            copied = await self._composer.copy(caller.account, caller.resolve(str(blob_id)))
        except NotFound:
            raise invalid_properties("there is no such file", "blobId") from None
        if copied is None:
            raise SetError("invalidEmail", "the file begins with no header field")
        if received is None:
            received = self._composer.now() if copied.received is None else copied.received
        return Draft(value["mailboxIds"], value.get("keywords"), received, copied)
