"""The last step for mail that stays here: into a folder of an account.

One unit puts the item into the folder and ends the recipient, so that a crash leaves the
mail either in the spool or in the folder, never in both, never in none. An account gets a
mail once, however many of its addresses the mail was sent to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from twisted.logger import Logger

from mailim.errors import NotFound
from mailim.events import MailDelivered
from mailim.interfaces.filters import Verdict
from mailim.interfaces.items import Folder
from mailim.interfaces.mail_events import DELIVERED
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.autoreply import Autoreplies
from mailim.mail.folders import folder_of
from mailim.mail.reports import Reports
from mailim.mail.trace import return_path
from mailim.wire.message import MessageFacts

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST = (datetime(1990, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_UNANSWERED = ("junk", "trash")  # a rule may have put the mail there

Answer = Callable[[ITransaction], None]


class _NotAnswered(Exception):
    """The reply failed, and the unit with it."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a delivery; `item_id` is None if the account had the mail already."""

    account_id: int
    item_id: int | None


class LocalDelivery:
    """Puts mail into folders."""

    _log = Logger()

    def __init__(self, store: IStore, autoreplies: Autoreplies | None = None) -> None:
        """With `autoreplies`, senders are answered where accounts wish it."""
        self._store = store
        self._autoreplies = autoreplies
        self._reports = Reports(store.bodies)

    async def deliver(
        self,
        entry: SpoolEntry,
        recipient: SpoolRecipient,
        account_id: int,
        facts: MessageFacts,
        verdict: Verdict,
        tell: Callable[[ITransaction], object] | None = None,
    ) -> Delivered:
        """Put the mail into the folder of the verdict and end the recipient, in one unit.

        tell: what else belongs into that unit. Publishes `MailDelivered`. Raises `NotFound`
        if the account or the recipient is gone; then nothing was changed.
        """
        report = await self._reports.of(entry, facts)

        def unit(tx: ITransaction, answer: Answer | None) -> Delivered:
            account = tx.accounts.get(account_id)
            if account is None:
                raise NotFound("The account does not exist any more.")
            item_id, place = None, "had it already"
            if tx.spool.claim(recipient.id, account_id):
                folder = folder_of(tx, account_id, verdict)
                item_id = _put(tx, folder, entry, facts, verdict)
                place = f"{_path(tx, folder)}, item {item_id}"
                if folder.role not in _UNANSWERED:
                    if report is not None:
                        tx.submissions.told(account_id, report, item_id)
                    if answer is not None:
                        answer(tx)
            tx.spool.done(recipient.id, DELIVERED, f"{account.address}, {place}")
            if tell is not None:
                tell(tx)
            return Delivered(account_id, item_id)

        answer = await self._answer(entry, recipient, account_id, facts, verdict)
        delivered = await self._written(unit, answer)
        self._log.info("mail {spool_id} delivered to {address}: item {item_id}",
                       spool_id=entry.id, address=recipient.address,
                       account_id=account_id, item_id=delivered.item_id)  # fmt: skip
        return delivered

    async def _answer(
        self,
        entry: SpoolEntry,
        recipient: SpoolRecipient,
        account_id: int,
        facts: MessageFacts,
        verdict: Verdict,
    ) -> Answer | None:
        """Make an automatic reply ready, if there shall be one."""
        autoreplies = self._autoreplies
        if autoreplies is None:
            return None
        reply = await autoreplies.prepare(entry, recipient, account_id, facts, verdict)
        if reply is None:
            return None

        def answer(tx: ITransaction) -> None:
            try:
                autoreplies.spool(tx, entry, reply)
            except Exception as error:
                raise _NotAnswered from error

        return answer

    async def _written(
        self, unit: Callable[[ITransaction, Answer | None], Delivered], answer: Answer | None
    ) -> Delivered:
        """Run the unit; a reply that fails is left out rather than the mail."""
        try:
            return await self._store.write(lambda tx: unit(tx, answer))
        except _NotAnswered:
            self._log.failure("a mail is delivered without its automatic reply")
            return await self._store.write(lambda tx: unit(tx, None))


def shown_time(entry: SpoolEntry, facts: MessageFacts) -> int:
    """Give the time an item counts as received at, in microseconds.

    Mail that was collected has waited elsewhere, perhaps for years: it counts from its own
    date, if that makes sense. What its Received field says stays true: when it came here.
    """
    if entry.origin != "multipop" or facts.date is None:
        return entry.received
    sent = (facts.date - _EPOCH) // timedelta(microseconds=1)
    return sent if _OLDEST <= sent <= entry.received else entry.received


def _put(
    tx: ITransaction, folder: Folder, entry: SpoolEntry, facts: MessageFacts, verdict: Verdict
) -> int:
    """Make an item of a mail; gives its id."""
    prefix = return_path(entry.sender) + verdict.headers + entry.prefix
    time = shown_time(entry, facts)
    item = tx.items.add(folder.id, entry.body_id, prefix, facts, verdict.keywords, time)
    tx.publish(MailDelivered(folder.account_id, folder.id, item.id))
    return item.id


def _path(tx: ITransaction, folder: Folder) -> str:
    """Name a folder with those it is in."""
    names, parent = [folder.name], folder.parent_id
    while parent is not None and (above := tx.folders.get(parent)) is not None:
        names.insert(0, above.name)
        parent = above.parent_id
    return "/".join(names)
