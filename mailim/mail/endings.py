"""How a recipient's way ends, or goes on later, and who is told (RFC 3461, RFC 5321 6.1).

What fails for now is tried again by the table in `backoff`; what failed for good, or for five
days, ends with a notice to its sender, in one unit with the end. Mail that came with the null
reverse-path ends without: whoever sent it, a program or a person, wanted to hear nothing, and
the trace knows why it ended. What has a sender who cannot be told, and what was collected, is
held with its reason. Nobody is told who wants no notice; of a success only who asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger
from twisted.python.failure import Failure

from mailim.errors import MailimError, NotFound, RateLimited
from mailim.interfaces.mail_events import FAILED, NOTICE
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.backoff import GIVE_UP_AFTER, NOTICE_AFTER, SECOND, Backoff
from mailim.mail.bounce import Bounces, Notice
from mailim.mail.troubles import GIVEN_UP, merged, trouble_of
from mailim.mail.verdicts import is_copy

Failed = tuple[SpoolRecipient, str]  # for good, and why
Unserved = tuple[SpoolRecipient, str | Exception]  # likewise, or for now
Tell = Callable[[ITransaction], object]  # to be called in the unit that ends the recipient


class Endings:
    """Writes down what became of recipients. `now` gives the time in microseconds.

    Without `bounces` nobody is told anything, and what failed is held.
    """

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        now: Callable[[], int],
        backoff: Backoff,
        bounces: Bounces | None,
    ) -> None:
        self._store = store
        self._now = now
        self._backoff = backoff
        self._bounces = bounces

    async def succeeded(
        self, entry: SpoolEntry, recipient: SpoolRecipient, action: str
    ) -> Tell | None:
        """Give what tells the sender of a success, None if nobody asked; see `Bounces`."""
        bounces = self._bounces
        if bounces is None or not entry.dsn.of(recipient.address).wants("SUCCESS"):
            return None
        try:
            notice = await bounces.succeeded(entry, recipient, action)
        except Exception:
            # The mail is more than its notice: what was handed over is not sent again.
            self._log.failure("no notice about mail {spool_id} could be made", spool_id=entry.id)
            return None
        if notice is None:
            return None
        return lambda tx: _tell(tx, entry, bounces, notice, f"{recipient.address} {action}")

    def tells(self, entry: SpoolEntry, recipient: SpoolRecipient) -> bool:
        """Say whether a sender is to be told of a failure for now: in one notice for all."""
        late = recipient.next_attempt == entry.received + NOTICE_AFTER
        return late or self._backoff.gives_up(self._now(), entry.received)

    async def end(self, entry: SpoolEntry, unserved: Sequence[Unserved]) -> None:
        """Do as `fail` and `put_off` for those of one attempt, together where reasons are alike."""
        await self.fail(entry, [(each, why) for each, why in unserved if isinstance(why, str)])
        groups: dict[tuple[type[Exception], str], list[SpoolRecipient]] = {}
        errors = {}
        for each, why in unserved:
            if isinstance(why, Exception):
                alike = type(why), str(why)
                errors[alike] = why
                groups.setdefault(alike, []).append(each)
        for alike, recipients in groups.items():
            await self.put_off(entry, recipients, errors[alike])

    async def put_off(
        self, entry: SpoolEntry, recipients: Sequence[SpoolRecipient], error: Exception
    ) -> None:
        """Write down a temporary failure, or hold what failed for too long.

        That there was no room (`RateLimited`) is no failure, and counts for nothing.
        """
        crowded = isinstance(error, RateLimited)
        reason = self._why_it_waits(entry, error)
        now = self._now()
        if self._backoff.gives_up(now, entry.received):
            given_up = f"{GIVEN_UP} {reason}"
            await self.fail(entry, [(each, given_up) for each in recipients])
            return
        # One attempt is at the mark itself: by that it is known, also after a crash, that the
        # sender is to be told now and was not before. The last one is when all give up, in one.
        mark = entry.received + NOTICE_AFTER
        tells = self._bounces is not None and await self._bounces.wanted(entry)
        late = [
            (each, reason)
            for each in recipients
            if tells and each.next_attempt == mark and entry.dsn.of(each.address).wants("DELAY")
        ]
        notice = await self._notice(entry, late, failed=False)
        stops = [*([mark] if tells else []), entry.received + GIVE_UP_AFTER]

        def unit(tx: ITransaction) -> None:
            for each in recipients:
                wanted = self._backoff.next_attempt(now, each.attempts)
                if isinstance(error, RateLimited):
                    wanted = now + int(error.retry_after * SECOND)
                next_attempt = min([wanted, *(stop for stop in stops if stop > now)])
                tx.spool.retry(each.id, next_attempt, reason, counts=not crowded)
            if self._bounces is not None and notice is not None:
                _tell(tx, entry, self._bounces, notice, "delayed")

        await self._store.write(unit)

    def _why_it_waits(self, entry: SpoolEntry, error: Exception) -> str:
        if isinstance(error, MailimError):
            self._log.warn("mail {spool_id} waits: {reason}", spool_id=entry.id, reason=error.text)
            return error.text
        self._log.failure("mail {spool_id} waits", failure=Failure(error), spool_id=entry.id)
        return "Something went wrong here."

    async def fail(self, entry: SpoolEntry, failed: Sequence[Failed]) -> None:
        """End recipients with a notice to the sender, or hold them if he cannot be told.

        Who wants no notice (RFC 3461 4.1, RFC 5321 4.5.5) is not written to.
        """
        for recipient, reason in failed:
            self._log.warn(
                "mail {spool_id} for {address} failed: {reason}",
                spool_id=entry.id,
                address=recipient.address,
                reason=reason,
            )
        copies = [one for one in failed if is_copy(one[0])]  # the sender knows nothing of them
        rest = [one for one in failed if one not in copies]
        unwanted = [one for one in rest if not self._wants_failure(entry, one[0])]
        told = [one for one in rest if one not in unwanted]
        notice = await self._notice(entry, told, failed=True)

        def unit(tx: ITransaction) -> None:
            for each, reason in copies:
                tx.spool.hold_recipient(each.id, reason)
            for each, reason in unwanted:
                _ended(tx, each.id, reason)
            if self._bounces is None or notice is None:
                for each, reason in told:
                    tx.spool.hold_recipient(each.id, reason)
            # What an administrator ended meanwhile needs no notice.
            elif [each for each, reason in told if _ended(tx, each.id, reason)]:
                _tell(tx, entry, self._bounces, notice, "failed")

        if failed:
            await self._store.write(unit)

    def _wants_failure(self, entry: SpoolEntry, recipient: SpoolRecipient) -> bool:
        if self._bounces is not None and not entry.sender and entry.origin != "multipop":
            return False
        return entry.dsn.of(recipient.address).wants("FAILURE")

    async def _notice(
        self, entry: SpoolEntry, about: Sequence[Failed], failed: bool
    ) -> Notice | None:
        """Make the notice for the sender; None if there is nobody to tell, or it cannot be."""
        if self._bounces is None or not about or not await self._bounces.wanted(entry):
            return None
        troubles = merged(trouble_of(each, entry.dsn, reason) for each, reason in about)
        try:
            if failed:
                return await self._bounces.failed(entry, troubles)
            return await self._bounces.delayed(entry, troubles)
        except Exception:
            self._log.failure("no notice about mail {spool_id} could be made", spool_id=entry.id)
            return None


def _tell(
    tx: ITransaction, entry: SpoolEntry, bounces: Bounces, notice: Notice, about: str
) -> None:
    notice_id = bounces.spool(tx, notice)
    tx.mail_events.add(entry.id, NOTICE, "", f"{about}: told {entry.sender}", notice_id)


def _ended(tx: ITransaction, recipient_id: int, reason: str) -> bool:
    try:
        tx.spool.done(recipient_id, FAILED, reason)
    except NotFound:
        return False
    return True
