"""Sending what was submitted when its time has come (RFC 8621 section 7, RFC 4865).

A submission waits in its row until it is due; then one unit puts the mail into the spool
and makes the row final. Whether it is still pending is asked inside that unit, as it is in
the one that cancels: so each mail goes out once or not at all, whatever is killed when.

The service sleeps until the next one is due, and looks when the store says that submissions
changed. One that fails keeps its place and is tried again; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mailim.background import spawn
from mailim.errors import NotFound
from mailim.events import Events, ObjectsChanged
from mailim.interfaces.bodies import PreparedBody
from mailim.interfaces.dsn import MailDsn, RecipientDsn
from mailim.interfaces.spool import NewMail
from mailim.interfaces.store import IStore, ITransaction
from mailim.interfaces.submissions import Submission
from mailim.mail.intake import Intake, PreparedMail

TYPE: Final = "EmailSubmission"
AT_ONCE: Final = 50  # submissions read in one look
TROUBLE_SECONDS: Final = 60.0  # until what failed is tried again
LONGEST_SLEEP: Final = 3600.0  # clocks are set; look now and then
SHUT_OUT: Final = "The account that submitted it is disabled."
KEPT_SECONDS: Final = 30 * 24 * 3600  # what was sent or canceled is shown so long


class Submitting(Service):
    """Moves due submissions into the spool."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, store: IStore, events: Events, intake: Intake) -> None:
        self._clock = clock
        self._store = store
        self._events = events
        self._intake = intake
        self._unsubscribe: Callable[[], None] | None = None
        self._timer: IDelayedCall | None = None
        self._stuck: dict[int, IDelayedCall] = {}
        self._looking = False
        self._again = False
        self._stopped: Deferred[None] | None = None

    def startService(self) -> None:
        """Twisted calls this."""
        super().startService()
        self._unsubscribe = self._events.subscribe(ObjectsChanged, self._changed)
        self.wake()

    def stopService(self) -> Deferred[None]:
        """Twisted calls this; fires when nothing is under way any more."""
        super().stopService()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._sleep(None)
        for call in self._stuck.values():
            call.cancel()
        self._stuck.clear()
        if not self._looking:
            return succeed(None)
        self._stopped = Deferred()
        return self._stopped

    @property
    def busy(self) -> bool:
        """Whether a look is under way."""
        return self._looking

    def wake(self) -> None:
        """Look at what is due, at once or as soon as the look under way is over."""
        self._again = True
        if self.running and not self._looking:
            self._looking = True
            spawn(self._look(), "sending what was submitted")

    def _changed(self, event: ObjectsChanged) -> None:
        if event.type == TYPE:
            self.wake()

    async def _look(self) -> None:
        try:
            while self._again and self.running:
                self._again = False
                await self._send_due()
        except Exception:
            # The loop survives its body: whatever it was, we look again.
            self._log.failure("submissions could not be read")
            self._sleep(TROUBLE_SECONDS)
        finally:
            self._looking = False
            stopped, self._stopped = self._stopped, None
            if stopped is not None:
                stopped.callback(None)

    async def _send_due(self) -> None:
        """Send what is due, and sleep until the next is."""
        now = self._intake.now()
        stuck = frozenset(self._stuck)

        def unit(tx: ITransaction) -> tuple[Sequence[int], int | None]:
            return tx.submissions.due(now, AT_ONCE, stuck), tx.submissions.next_due(now)

        due, next_due = await self._store.read(unit)
        self._sleep(None if next_due is None else (next_due - now) / 1e6)
        for submission_id in due:
            if not self.running:
                return
            try:
                await self._send(submission_id)
            except Exception:
                self._log.failure(
                    "submission {submission_id} is stuck for now", submission_id=submission_id
                )
                self._put_off(submission_id)
        if due:
            self._again = True  # there may be more

    async def _send(self, submission_id: int) -> None:
        spool_id = await self._store.write(partial(self._unit, submission_id=submission_id))
        if spool_id is not None:
            self._log.info(
                "submission {submission_id} is mail {spool_id}",
                submission_id=submission_id,
                spool_id=spool_id,
            )

    def _unit(self, tx: ITransaction, submission_id: int) -> int | None:
        """Put one into the spool if it is still pending; gives its spool id."""
        waiting = tx.submissions.pending(submission_id)
        if waiting is None or waiting.body_id is None:
            return None
        now = self._intake.now()
        account = tx.accounts.get(waiting.account_id)
        shut_out = account is None or not account.enabled
        if account is None or (shut_out and waiting.origin == "jmap"):
            # Who was shut out meanwhile sends nothing more.
            tx.submissions.cancel(submission_id, now)
            return None
        found = tx.items.facts([waiting.body_id]).get(waiting.body_id)
        if found is None:
            raise NotFound("Nothing is known of the message to be sent.")
        sha256, octets = tx.bodies.get(waiting.body_id)
        mail = NewMail(
            waiting.sender,
            tuple(each.address for each in waiting.recipients),
            waiting.origin,
            waiting.source or account.address,
            now,
            account.id,
            dsn=dsn_of(waiting),
        )
        prepared = PreparedMail(PreparedBody(sha256, octets, None), found, waiting.trace)
        spool_id = self._intake.spool(tx, prepared, mail)
        if shut_out:
            # It was taken over SMTP, and nobody sees it there any more: an administrator may.
            tx.spool.hold(spool_id, True, SHUT_OUT)
        tx.submissions.sent(submission_id, spool_id, now)
        return spool_id

    def _put_off(self, submission_id: int) -> None:
        def again() -> None:
            self._stuck.pop(submission_id, None)
            self.wake()

        if self.running:
            self._stuck[submission_id] = self._clock.callLater(TROUBLE_SECONDS, again)

    def _sleep(self, seconds: float | None) -> None:
        """Set the one timer, or none."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if seconds is not None and self.running:
            self._timer = self._clock.callLater(min(max(seconds, 0), LONGEST_SLEEP), self.wake)


def dsn_of(submission: Submission) -> MailDsn:
    """Give what the envelope's parameters say about notices (RFC 3461)."""
    mail = _parameters(submission.envelope.get("mailFrom"))
    given = {each.get("email"): _parameters(each) for each in submission.envelope["rcptTo"]}
    said = {}
    for each in submission.recipients:
        words = tuple(str(given.get(each.email, {}).get("NOTIFY") or "").upper().split(","))
        wishes = RecipientDsn(
            words if words != ("",) else (), str(given.get(each.email, {}).get("ORCPT") or "")
        )
        if wishes != RecipientDsn():
            said[each.address] = wishes
    # Every mail has an envelope id: by it notices are known to be about this one.
    return MailDsn(str(mail.get("RET") or "").upper(), submission.envid, said)


def _parameters(address: Mapping[str, Any] | None) -> dict[str, Any]:
    given = (address or {}).get("parameters") or {}
    return {name.upper(): value for name, value in given.items()}
