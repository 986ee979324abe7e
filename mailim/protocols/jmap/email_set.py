"""Email/set (RFC 8621 section 4.6): new messages, keywords, mailboxes and removal.

What a client creates is composed before the transaction, which then puts it into folders and
does the rest of the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailim.errors import Invalid, LimitExceeded, MailimError
from mailim.interfaces.items import Item
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.jmap.arguments import SetArguments
from mailim.protocols.jmap.email_composer import Composed, EmailComposer
from mailim.protocols.jmap.emails import OF_ITEM, PROPERTIES
from mailim.protocols.jmap.errors import SetError, invalid_properties
from mailim.protocols.jmap.getting import check_size, check_state
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.protocols.jmap.setting import Outcome, set_error_of, split_patch
from mailim.wire.jmap_ids import EMAIL, MAILBOX, read_id, write_id


class EmailSet:
    """Creates, changes and removes messages."""

    name = "Email/set"
    capability = MAIL
    arguments = SetArguments

    def __init__(self, store: IStore, composer: EmailComposer, limits: JmapLimits) -> None:
        self._store = store
        self._composer = composer
        self._limits = limits

    async def call(self, caller: Caller, arguments: SetArguments) -> Mapping[str, Any]:
        """Do it all in one transaction, once new messages are composed."""
        check_size(arguments.size, self._limits.objects_in_set)
        made: dict[str, Made] = {}
        if arguments.create:
            state = await self._store.read(lambda tx: tx.items.state(caller.number))
            check_state(arguments, state)
            made = await self._compose(caller, arguments.create)
        outcome = await self._store.write(lambda tx: set_emails(tx, caller, arguments, made))
        caller.created.update({key: each["id"] for key, each in outcome.created.items()})
        return outcome.response(caller)

    async def _compose(
        self, caller: Caller, emails: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Made]:
        """Compose what is to be created; gives for each what it became, or why it did not."""
        made: dict[str, Made] = {}
        left = self._limits.created_octets
        for key, value in emails.items():
            try:
                if left < 0:
                    raise SetError("rateLimit", "too much is created by one call")
                email = await self._composer.read(value)
                composed = await self._composer.compose(caller.account, email)
                left -= composed.body.size
                received = self._composer.now() if email.received is None else email.received
                made[key] = Draft(email.mailbox_ids, email.keywords, received, composed)
            except (MailimError, SetError) as error:
                made[key] = set_error_of(error)
        return made


@dataclass(frozen=True, slots=True)
class Draft:
    """A composed message, and where it is to go; the first two as the client wrote them."""

    mailbox_ids: Any
    keywords: Any
    received: int
    composed: Composed


Made = Draft | SetError


def set_emails(
    tx: ITransaction, caller: Caller, arguments: SetArguments, made: Mapping[str, Made]
) -> Outcome:
    """Do an Email/set inside a unit; `made`: what was composed before, by creation id."""
    outcome = Outcome(old_state=tx.items.state(caller.number))
    check_state(arguments, outcome.old_state)
    add_all(tx, caller, made, outcome)
    new = {f"#{key}": each["id"] for key, each in outcome.created.items()}
    update, destroy = arguments.update or {}, arguments.destroy or ()
    numbers = {id: read_id(EMAIL, new.get(id) or caller.resolve(id)) for id in (*update, *destroy)}
    doomed = {numbers[id] for id in destroy}
    items = tx.items.get(caller.number, sorted({each for each in numbers.values() if each}))
    for id, patch in update.items():
        try:
            if numbers[id] in doomed:
                raise SetError("willDestroy", "it is destroyed in the same call")
            _update(tx, caller, items.get(numbers[id] or 0), patch)
            outcome.updated[id] = None
        except (MailimError, SetError) as error:
            outcome.not_updated[id] = set_error_of(error)
    for id in dict.fromkeys(destroy):
        try:
            tx.items.remove(caller.number, numbers[id] or 0)
            outcome.destroyed.append(id)
        except MailimError as error:
            outcome.not_destroyed[id] = set_error_of(error)
    outcome.new_state = tx.items.state(caller.number)
    return outcome


def add_all(tx: ITransaction, caller: Caller, made: Mapping[str, Made], outcome: Outcome) -> None:
    """Put composed messages into their folders, inside a unit; each fares alone."""
    for key, draft in made.items():
        try:
            if isinstance(draft, SetError):
                raise draft
            item = _add(tx, caller, draft)
            # What a client is told of a message it created.
            told = ("id", "blobId", "threadId", "size")
            outcome.created[key] = {name: OF_ITEM[name](item) for name in told}
        except (MailimError, SetError) as error:
            outcome.not_created[key] = set_error_of(error)


def _add(tx: ITransaction, caller: Caller, draft: Draft) -> Item:
    folder = folder_of(tx, caller, draft.mailbox_ids)
    given = draft.keywords
    keywords = frozenset() if given is None else frozenset(_members("keywords", given))
    body_id = tx.bodies.add(draft.composed.body)
    try:
        return tx.items.add(folder, body_id, b"", draft.composed.facts, keywords, draft.received)
    except LimitExceeded as error:
        raise SetError("tooManyKeywords", error.text) from None
    except Invalid as error:
        raise invalid_properties(error.text, "keywords") from None


def _update(tx: ITransaction, caller: Caller, item: Item | None, patch: Mapping[str, Any]) -> None:
    """Change one message, wholly or not at all."""
    if item is None:
        raise SetError("notFound")
    whole, inside = split_patch(patch)
    _check_names(item, whole, inside)
    keywords, folder = item.keywords, item.folder_id
    if "keywords" in whole:
        keywords = frozenset(_members("keywords", whole["keywords"]))
    if "keywords" in inside:
        keywords = frozenset(_patched("keywords", set(keywords), inside["keywords"]))
    if "mailboxIds" in whole or "mailboxIds" in inside:
        folder = _folder(tx, caller, item, whole.get("mailboxIds"), inside.get("mailboxIds", {}))
    try:
        tx.items.set_keywords(caller.number, item.id, keywords)
    except LimitExceeded as error:
        raise SetError("tooManyKeywords", error.text) from None
    except Invalid as error:
        raise invalid_properties(error.text, "keywords") from None
    if folder != item.folder_id:
        tx.items.move(caller.number, item.id, folder)


def _check_names(
    item: Item, whole: Mapping[str, Any], inside: Mapping[str, Mapping[str, Any]]
) -> None:
    wrong = [name for name in inside if name not in ("keywords", "mailboxIds")]
    for name, value in whole.items():
        # What cannot change may be given as it is (RFC 8620 section 5.3).
        same = name in OF_ITEM and OF_ITEM[name](item) == value
        if name not in ("keywords", "mailboxIds") and not same:
            wrong.append(name)
    if wrong:
        known = all(name in PROPERTIES for name in wrong)
        text = "cannot be changed" if known else "there is no such property"
        raise invalid_properties(text, *wrong)


def _members(name: str, value: Any) -> set[str]:
    """Read a set written as an object whose values are true."""
    if not isinstance(value, dict) or not all(each is True for each in value.values()):
        raise invalid_properties("an object with the value true for each", name)
    return {each.lower() for each in value} if name == "keywords" else set(value)


def _patched(name: str, members: set[str], changes: Mapping[str, Any]) -> set[str]:
    """Apply `{"x": true, "y": null}` to a set."""
    for key, value in changes.items():
        member = key.lower() if name == "keywords" else key
        if value is True:
            members.add(member)
        elif value is None:
            members.discard(member)
        else:
            raise invalid_properties("true, or null to take it away", f"{name}/{key}")
    return members


def _folder(
    tx: ITransaction, caller: Caller, item: Item, whole: Any, inside: Mapping[str, Any]
) -> int:
    """Give the one folder the message is to be in."""
    if not inside:
        return folder_of(tx, caller, whole)
    present = {write_id(MAILBOX, item.folder_id)}
    changes = {caller.resolve(key): value for key, value in inside.items()}
    return _one_folder(tx, caller, _patched("mailboxIds", present, changes))


def folder_of(tx: ITransaction, caller: Caller, mailbox_ids: Any) -> int:
    """Give the one folder `mailboxIds` names; raises `SetError`."""
    members = _members("mailboxIds", mailbox_ids)
    return _one_folder(tx, caller, {caller.resolve(each) for each in members})


def _one_folder(tx: ITransaction, caller: Caller, members: set[str]) -> int:
    if not members:
        raise invalid_properties("a message is in one mailbox at least", "mailboxIds")
    if len(members) > 1:
        raise SetError("tooManyMailboxes", "a message is in one mailbox here", ["mailboxIds"])
    number = read_id(MAILBOX, members.pop())
    folder = None if number is None else tx.folders.get(number)
    if folder is None or folder.account_id != caller.number or folder.kind != "mail":
        raise invalid_properties("there is no such mailbox", "mailboxIds")
    return folder.id
