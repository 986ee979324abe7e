"""EmailSubmission/set (RFC 8621 section 7.5).

Each message to be sent is checked and made ready first, outside of the transaction; then
one unit takes all that may be sent, cancels, and forgets. Whether a submission can still be
canceled is decided in that unit: the mail goes into the spool in another one, before or
after. What was asked for "on success" is one implied Email/set in the same unit: no crash
leaves a sent mail among the drafts, where it would be sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mailim.errors import MailimError, RateLimited
from mailim.interfaces.items import Item
from mailim.interfaces.store import IStore, ITransaction
from mailim.interfaces.submissions import Identity, NewSubmission
from mailim.limits import SUBMISSIONS_PENDING
from mailim.mail.outgoing import Outgoing, Ready, Unsendable
from mailim.protocols.jmap.arguments import Id, Object, SetArguments, read_arguments
from mailim.protocols.jmap.email_set import set_emails
from mailim.protocols.jmap.envelope import Envelope, plain_envelope, read_envelope
from mailim.protocols.jmap.errors import SetError, invalid_properties
from mailim.protocols.jmap.getting import check_size, check_state
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import SUBMISSION, Caller, Implied
from mailim.protocols.jmap.setting import Outcome, set_error_of
from mailim.protocols.jmap.submissions import PROPERTIES, submission_object
from mailim.wire.jmap_ids import EMAIL, IDENTITY, read_id, write_id
from mailim.wire.jmap_ids import SUBMISSION as KIND
from mailim.wire.message import MessageFacts


class EmailSubmissionSetArguments(SetArguments):
    """RFC 8621 section 7.5."""

    on_success_update_email: dict[Id, Object] | None = None
    on_success_destroy_email: list[Id] | None = None

    @property
    def emails(self) -> int:
        """How many messages the implied Email/set may be about."""
        return len(self.on_success_update_email or ()) + len(self.on_success_destroy_email or ())


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A submission that may be accepted."""

    item: Item
    identity: Identity
    ready: Ready
    envelope: Mapping[str, Any]
    created: int
    send_at: int


class EmailSubmissionSet:
    """Sends, cancels, and forgets. `undo_seconds` gives how long mail waits by itself."""

    name = "EmailSubmission/set"
    capability = SUBMISSION
    arguments = EmailSubmissionSetArguments

    def __init__(
        self,
        store: IStore,
        outgoing: Outgoing,
        now: Callable[[], int],
        undo_seconds: Callable[[], int],
        limits: JmapLimits,
    ) -> None:
        """`now` gives the time in microseconds."""
        self._store = store
        self._outgoing = outgoing
        self._now = now
        self._undo_seconds = undo_seconds
        self._limits = limits

    async def call(
        self, caller: Caller, arguments: EmailSubmissionSetArguments
    ) -> Mapping[str, Any] | Implied:
        """Do it."""
        check_size(arguments.size, self._limits.objects_in_set)
        check_size(arguments.emails, self._limits.objects_in_set)
        waiting: dict[str, _Waiting | SetError] = {}
        if arguments.create:
            state = await self._store.read(lambda tx: tx.items.state(caller.number))
            check_state(arguments, state)
            for key, value in arguments.create.items():
                try:
                    waiting[key] = await self._wait(caller, value)
                except (MailimError, SetError) as error:
                    waiting[key] = _set_error(error)
        setting = _Setting(caller, arguments, waiting, self._now())
        outcome = await self._store.write(setting.run)
        caller.created.update({key: each["id"] for key, each in outcome.created.items()})
        response = outcome.response(caller)
        if setting.implied is None:
            return response
        return Implied(response, [("Email/set", setting.implied.response(caller))])

    async def _wait(self, caller: Caller, value: Mapping[str, Any]) -> _Waiting:
        """Check and prepare one; raises `SetError`, or an error of the house."""
        wrong = [name for name in value if name not in ("identityId", "emailId", "envelope")]
        if wrong:
            known = all(name in PROPERTIES for name in wrong)
            text = "set by the server" if known else "there is no such property"
            raise invalid_properties(text, *wrong)
        now = self._now()
        given = value.get("envelope")
        most = self._outgoing.max_recipients
        envelope = None if given is None else read_envelope(given, now, most)
        item, facts, identity = await self._store.read(
            lambda tx: _named(tx, caller, value.get("identityId"), value.get("emailId"))
        )
        ready = await self._outgoing.make_ready(
            caller.account,
            item,
            facts,
            identity.email,
            None if envelope is None else envelope.sender,
            None if envelope is None else envelope.recipients,
        )
        return _Waiting(
            item, identity, ready, _object(envelope, ready), now, self._send_at(envelope, now)
        )

    def _send_at(self, envelope: Envelope | None, now: int) -> int:
        if envelope is not None and envelope.send_at is not None:
            return envelope.send_at
        return now + self._undo_seconds() * 1_000_000


def _named(
    tx: ITransaction, caller: Caller, identity_id: Any, email_id: Any
) -> tuple[Item, MessageFacts, Identity]:
    """Find what a submission is made of; raises `SetError`."""
    if not isinstance(identity_id, str) or not isinstance(email_id, str):
        missing = [
            name
            for name, given in (("identityId", identity_id), ("emailId", email_id))
            if not isinstance(given, str)
        ]
        raise invalid_properties("an id must be given", *missing)
    number = read_id(IDENTITY, caller.resolve(identity_id)) or 0
    identity = tx.identities.get(caller.number, number)
    if identity is None:
        raise invalid_properties("there is no such identity", "identityId")
    number = read_id(EMAIL, caller.resolve(email_id)) or 0
    item = tx.items.get(caller.number, [number]).get(number)
    if item is None:
        raise invalid_properties("there is no such message", "emailId")
    return item, tx.items.facts([item.body_id])[item.body_id], identity


def _object(envelope: Envelope | None, ready: Ready) -> Mapping[str, Any]:
    if envelope is not None:
        return envelope.value
    return plain_envelope(ready.written_sender, tuple(each.email for each in ready.recipients))


def _set_error(error: MailimError | SetError) -> SetError:
    if isinstance(error, Unsendable):
        return SetError(error.kind, error.text, **error.details)
    if isinstance(error, RateLimited):
        return SetError("rateLimit", error.text)
    return set_error_of(error)


def _on_success(
    caller: Caller, arguments: EmailSubmissionSetArguments, emails: Mapping[str, str]
) -> SetArguments | None:
    """Give the arguments of the implied Email/set, None if nothing is to be done."""
    update = {
        emails[id]: patch
        for id, patch in (arguments.on_success_update_email or {}).items()
        if id in emails
    }
    destroy = [emails[id] for id in arguments.on_success_destroy_email or () if id in emails]
    if not update and not destroy:
        return None
    given = {"accountId": caller.account_id, "update": update, "destroy": destroy}
    return read_arguments(SetArguments, given)


class _Setting:
    """One call inside its transaction.

    emails: Email ids by the id of a submission that succeeded, as the client may write it.
    implied: what became of the messages of those, None if nothing was asked.
    """

    def __init__(
        self,
        caller: Caller,
        arguments: EmailSubmissionSetArguments,
        waiting: Mapping[str, _Waiting | SetError],
        now: int,
    ) -> None:
        self._caller = caller
        self._arguments = arguments
        self._waiting = waiting
        self._now = now
        self._room = 0  # for submissions that wait
        self.emails: dict[str, str] = {}
        self.implied: Outcome | None = None

    def run(self, tx: ITransaction) -> Outcome:
        """Do it all."""
        outcome = self._run(tx)
        implied = _on_success(self._caller, self._arguments, self.emails)
        if implied is not None:
            self.implied = set_emails(tx, self._caller, implied, {})
        return outcome

    def _run(self, tx: ITransaction) -> Outcome:
        """Do what is asked of submissions."""
        if self._waiting:
            self._room = SUBMISSIONS_PENDING - tx.submissions.count_pending(self._caller.number)
        outcome = Outcome(old_state=tx.items.state(self._caller.number))
        check_state(self._arguments, outcome.old_state)
        for key, waiting in self._waiting.items():
            try:
                outcome.created[key] = self._create(tx, key, waiting)
            except (MailimError, SetError) as error:
                outcome.not_created[key] = _set_error(error)
        doomed = {self._number(id) for id in self._arguments.destroy or ()}
        for id, patch in (self._arguments.update or {}).items():
            try:
                if self._number(id) in doomed:
                    raise SetError("willDestroy", "it is destroyed in the same call")
                self._update(tx, id, patch)
                outcome.updated[id] = None
            except (MailimError, SetError) as error:
                outcome.not_updated[id] = _set_error(error)
        for id in dict.fromkeys(self._arguments.destroy or ()):
            try:
                self._destroy(tx, id)
                outcome.destroyed.append(id)
            except (MailimError, SetError) as error:
                outcome.not_destroyed[id] = _set_error(error)
        outcome.new_state = tx.items.state(self._caller.number)
        return outcome

    def _create(self, tx: ITransaction, key: str, waiting: _Waiting | SetError) -> dict[str, Any]:
        if isinstance(waiting, SetError):
            raise waiting
        if self._room <= 0:
            raise SetError("overQuota", f"At most {SUBMISSIONS_PENDING} may wait to be sent.")
        item, ready = waiting.item, waiting.ready
        if item.id not in tx.items.get(self._caller.number, [item.id]):
            raise invalid_properties("the message went away meanwhile", "emailId")
        new = NewSubmission(
            self._caller.number,
            waiting.identity.id,
            item.id,
            item.thread_id,
            tx.bodies.add(ready.prepared.body),
            ready.sender,
            ready.recipients,
            waiting.envelope,
            waiting.created,
            waiting.send_at,
        )
        made = tx.submissions.add(new, ready.prepared.facts)
        self._room -= 1
        self._succeeded(f"#{key}", made.item_id)
        self._succeeded(write_id(KIND, made.id), made.item_id)
        # What the client did not give itself.
        given = {"identityId", "emailId"}
        return submission_object(tx, made, PROPERTIES - given)

    def _update(self, tx: ITransaction, id: str, patch: Mapping[str, Any]) -> None:
        number = self._number(id)
        found = tx.submissions.get(self._caller.number, [number]).get(number)
        if found is None:
            raise SetError("notFound")
        # What became of a sent mail takes long to say, and no client has a say in it.
        sent = {"deliveryStatus"} if found.spool_id is not None else set()
        before = submission_object(tx, found, PROPERTIES - sent)
        changes = {name: each for name, each in patch.items() if before.get(name, self) != each}
        wrong = [name for name in changes if name != "undoStatus"]
        if wrong:
            known = all(name in PROPERTIES for name in wrong)
            text = "cannot be changed" if known else "there is no such property"
            raise invalid_properties(text, *wrong)
        if changes:
            if changes["undoStatus"] != "canceled":
                raise invalid_properties("it can only become canceled", "undoStatus")
            if not tx.submissions.cancel(number, self._now):
                raise SetError("cannotUnsend", "The message has been sent already.")
        self._succeeded(id, found.item_id)

    def _destroy(self, tx: ITransaction, id: str) -> None:
        number = self._number(id)
        found = tx.submissions.get(self._caller.number, [number]).get(number)
        if found is None:
            raise SetError("notFound")
        tx.submissions.remove(self._caller.number, number)
        self._succeeded(id, found.item_id)

    def _number(self, id: str) -> int:
        return read_id(KIND, self._caller.resolve(id)) or 0

    def _succeeded(self, id: str, item_id: int) -> None:
        self.emails[id] = write_id(EMAIL, item_id)
        self.emails[self._caller.resolve(id)] = self.emails[id]
