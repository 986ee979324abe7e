"""Asking the rules about a recipient, and doing what they want: once, in one unit.

    not judged → rules → one unit: verdict kept, copies, instant messages, trace, end or hold

After that unit the recipient counts as judged, so that a crash at any moment, or a delivery
that is tried again, neither repeats an effect nor loses one. A recipient the rules have
nothing to say of costs no unit. Mail of our own making and copies are not judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailim.errors import MailimError, NotFound, Unavailable
from mailim.interfaces.filters import Action, IHearing, IRules, Ruling, Verdict
from mailim.interfaces.mail_events import FILTERED
from mailim.interfaces.notices import NewNotice
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.verdicts import kept, kept_of_copy, verdict_of
from mailim.wire.message import MessageFacts

RULES_SECONDS: Final = 300.0  # for one recipient; longer has failed
OWN: Final = "system"  # the origin of bounces and other mail we make


class Applying:
    """Lets rules have their way with recipients. `now` gives the time in microseconds."""

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, store: IStore, rules: IRules | None, now: Callable[[], int]
    ) -> None:
        self._clock = clock
        self._store = store
        self._rules = rules
        self._now = now

    def about(self, entry: SpoolEntry, facts: MessageFacts) -> IHearing | None:
        """Begin with a mail; None if no rules look at it."""
        if self._rules is None or entry.origin == OWN:
            return None
        return self._rules.about(entry, facts)

    async def verdict(
        self,
        entry: SpoolEntry,
        recipient: SpoolRecipient,
        account_id: int | None,
        hearing: IHearing | None,
    ) -> Verdict | None:
        """Give how the mail goes on to this recipient; None: it does not, for now or ever.

        All it raises is temporary.
        """
        before = verdict_of(recipient)
        if before is not None:
            return before
        if hearing is None:
            return Verdict()
        ruling = await self._asked(hearing, recipient, account_id)
        self._tell(entry, recipient, ruling)
        if ruling.plain:
            return Verdict()
        if not await self._store.write(lambda tx: self._apply(tx, entry, recipient, ruling)):
            return None
        return ruling.verdict

    async def _asked(
        self, hearing: IHearing, recipient: SpoolRecipient, account_id: int | None
    ) -> Ruling:
        asked = Deferred.fromCoroutine(hearing.judge(recipient, account_id))
        try:
            ruling: Ruling = await asked.addTimeout(RULES_SECONDS, self._clock)
            return ruling
        except MailimError as error:
            if error.temporary:
                raise
            raise Unavailable(error.text) from None  # rules that fail must not fail the mail

    def _apply(
        self, tx: ITransaction, entry: SpoolEntry, recipient: SpoolRecipient, ruling: Ruling
    ) -> bool:
        """Do all of it; False if the recipient does not go on."""
        try:
            if not tx.spool.judged(recipient.id, kept(ruling)):
                return False  # somebody else did; the next attempt goes by that
        except NotFound:
            return False  # an administrator ended it meanwhile
        tx.mail_events.add(entry.id, FILTERED, recipient.address, _detail(ruling))
        if ruling.copies:
            tx.spool.copy(recipient.id, ruling.copies, kept_of_copy(ruling.copy_headers))
        for ping in ruling.pings:
            claim = f"filter:{entry.id}:{_digest(ping.recipient, ping.body)}"
            tx.notices.add(
                NewNotice(claim, ping.sender, ping.recipient, ping.body, "filter", self._now())
            )
        if ruling.deleted:
            tx.spool.discard(recipient.id, f"by rule {', '.join(ruling.rules)}")
            return False
        if ruling.held:
            tx.spool.hold_recipient(recipient.id, ruling.held)
            return False
        return True

    def _tell(self, entry: SpoolEntry, recipient: SpoolRecipient, ruling: Ruling) -> None:
        if not ruling.rules:
            return
        self._log.info(
            "rules for mail {spool_id} to {address}: {what}",
            spool_id=entry.id,
            address=recipient.address,
            what=_detail(ruling),
            rules=ruling.rules,
        )


def _detail(ruling: Ruling) -> str:
    """Say what rules did, for the log and the trace."""
    verdict = ruling.verdict
    done = [f"rules {', '.join(ruling.rules)}"]
    if ruling.deleted:
        done.append("deleted")
    if ruling.held:
        done.append(f"held: {ruling.held}")
    if verdict.action is Action.JUNK:
        done.append("junk")
    if verdict.folder:
        done.append(f"folder {verdict.folder}")
    if verdict.keywords:
        done.append(f"keywords {', '.join(sorted(verdict.keywords))}")
    if verdict.headers:
        done.append("headers added")
    if ruling.copies:
        done.append(f"copies to {', '.join(ruling.copies)}")
    if ruling.pings:
        done.append(f"instant messages to {', '.join(one.recipient for one in ruling.pings)}")
    return "; ".join([*done, *ruling.notes])


def _digest(recipient: str, body: str) -> str:
    """Name a message: the same text to the same person is one, however many got the mail."""
    return hashlib.sha256(f"{recipient}\n{body}".encode("utf-8", "replace")).hexdigest()[:32]
