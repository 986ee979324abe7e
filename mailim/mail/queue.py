"""The queue: brings what is in the spool to where it belongs.

    due entries → filters → for each recipient: routing → rules → delivery | relay | hold

It is woken by `SpoolChanged`, by a mail that is over, and by a timer for the next attempt;
what it misses it finds the next time it looks, because all it knows is in the spool. Each
step ends in one transaction, so a crash at any moment repeats at most the step it cut.

What fails for now (a filter that raises, a store that is full, a server that says 4xx) is
tried again by the table in `backoff`. What cannot succeed, or has not for five days, ends
with a notice to its sender (`bounce`), without one if it came with none (`<>`); where nobody
can be told though he should be, it is held with its reason until an administrator decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from random import random
from typing import Final, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailim.background import spawn
from mailim.errors import MailimError, RateLimited
from mailim.events import Events, SpoolChanged
from mailim.interfaces.filters import Action, IFilter, IRules
from mailim.interfaces.mail_events import RELAYED
from mailim.interfaces.relay import Handed, IRelay
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.applying import Applying
from mailim.mail.backoff import Backoff
from mailim.mail.bounce import Bounces
from mailim.mail.delivery import LocalDelivery
from mailim.mail.endings import Endings, Unserved
from mailim.mail.judging import Judging
from mailim.mail.routing import Nowhere, Routing, ToAccount, ToAddresses
from mailim.mail.verdicts import together
from mailim.mail.work import Taken, Work, due_now, hold, taken
from mailim.wire.message import MessageFacts

TROUBLE_SECONDS: Final = 10.0  # until we look again after the spool itself failed us
LONGEST_SLEEP: Final = 3600.0
STOP_SECONDS: Final = 10.0  # that stopping waits for deliveries under way
RECIPIENTS_AT_ONCE: Final = 50  # of one mail, that are here
RELAYED_AT_ONCE: Final = 1000  # mails at other servers, for each domain they go to
NO_ROOM_SECONDS: Final = 10.0  # until mail that finds so many there is tried again

_Step = Callable[[Work, SpoolRecipient], Awaitable[str | None]]


class Queue(Service):
    """Works on up to `at_once` mails side by side, and those that slow servers have in hand.

    A Twisted service. `filters` are asked in their order, then `rules` for each recipient.
    Without a `relay` mail for other servers fails; without `bounces` what fails is held.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        store: IStore,
        events: Events,
        filters: Sequence[IFilter],
        routing: Routing,
        delivery: LocalDelivery,
        relay: IRelay | None = None,
        *,
        rules: IRules | None = None,
        bounces: Bounces | None = None,
        at_once: int = 20,
        backoff: Backoff | None = None,
    ) -> None:
        self._clock = reactor
        self._store = store
        self._events = events
        self._judging = Judging(reactor, filters)
        self._applying = Applying(reactor, store, rules, self._now)
        self._routing = routing
        self._delivery = delivery
        self._relay = relay
        self._endings = Endings(store, self._now, backoff or Backoff(random), bounces)
        self._at_once = at_once
        self._busy: set[int] = set()  # spool ids under way
        self._stuck: dict[int, IDelayedCall] = {}  # those of them that only wait
        # Those of them at other servers, and the domain there: for how many recipients.
        self._away: dict[tuple[int, str], int] = {}
        # By recipient: who has the mail though that could not be written down yet.
        self._handed: dict[int, Handed] = {}
        self._looking = False
        self._again = False
        self._timer: IDelayedCall | None = None
        self._stopped: Deferred[None] | None = None
        self._unsubscribe = lambda: None

    @property
    def busy(self) -> int:
        """How many mails are worked on."""
        return len(self._busy)

    def startService(self) -> None:
        """Begin with what is in the spool."""
        super().startService()
        self._unsubscribe = self._events.subscribe(SpoolChanged, lambda _event: self.wake())
        self.wake()

    def stopService(self) -> Deferred[None]:
        """Take nothing new; fires when nothing is under way, or after `STOP_SECONDS`.

        What is still under way then stays in the spool and is found at the next start.
        """
        super().stopService()
        self._unsubscribe()
        self._sleep(None)
        self._stopped = stopped = Deferred[None]()
        giving_up = self._clock.callLater(STOP_SECONDS, self._over)
        for spool_id, again in tuple(self._stuck.items()):
            again.cancel()
            self._finished(spool_id)
        self._check_over()

        def tidy(result: None) -> None:
            if giving_up.active():
                giving_up.cancel()

        return stopped.addCallback(tidy)

    def wake(self) -> None:
        """Look into the spool, now or as soon as the look under way is over."""
        self._again = True
        if self.running and not self._looking:
            self._looking = True
            spawn(self._look(), "the queue")

    # --- taking mails ---------------------------------------------------------------------

    async def _look(self) -> None:
        try:
            while self._again and self.running:
                self._again = False
                await self._take()
        except Exception:
            # The loop survives its body: whatever it was, we look again.
            self._log.failure("the spool could not be read")
            self._sleep(TROUBLE_SECONDS)
        finally:
            self._looking = False
            self._check_over()

    async def _take(self) -> None:
        """Start work on what is due, and sleep until the next is."""
        now = self._now()
        free = self._free()
        if free <= 0:
            return  # the next mail that is over, or away, wakes us
        busy = frozenset(self._busy)

        def unit(tx: ITransaction) -> tuple[Sequence[Taken], int | None]:
            due = tx.spool.due(now, free, busy)
            return [taken(tx, entry) for entry in due], tx.spool.next_due(now)

        found, next_due = await self._store.read(unit)
        self._sleep(None if next_due is None else (next_due - now) / 1e6)
        for entry, facts in found:
            if self.running:
                self._busy.add(entry.id)
                spawn(self._work_on(entry, facts), "work on a mail")

    def _free(self) -> int:
        """Say how many mails more may be worked on."""
        return self._at_once - len(self._busy) + len({spool_id for spool_id, _ in self._away})

    def _sleep(self, seconds: float | None) -> None:
        """Set the one timer, or none."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if seconds is not None and self.running:
            self._timer = self._clock.callLater(min(max(seconds, 0), LONGEST_SLEEP), self.wake)

    # --- one mail -------------------------------------------------------------------------

    async def _work_on(self, entry: SpoolEntry, facts: MessageFacts | Exception) -> None:
        try:
            await self._attempt(entry, facts)
        except Exception:
            # Not even the failure could be written down. The mail is as it was; it stays
            # among the busy ones for a while, or we would spin.
            self._log.failure("mail {spool_id} is stuck for now", spool_id=entry.id)
            if self.running:
                again = self._clock.callLater(TROUBLE_SECONDS, self._finished, entry.id)
                self._stuck[entry.id] = again
                return
        self._finished(entry.id)

    def _finished(self, spool_id: int) -> None:
        self._stuck.pop(spool_id, None)
        self._busy.discard(spool_id)
        self.wake()
        self._check_over()

    async def _attempt(self, entry: SpoolEntry, facts: MessageFacts | Exception) -> None:
        now = self._now()
        due = due_now(entry, now)
        try:
            if isinstance(facts, Exception):
                raise facts
            verdict = await self._judging.check(entry, facts)
        except Exception as error:
            await self._endings.put_off(entry, due, error)
            return
        if verdict.action is Action.HOLD:
            self._log.warn(
                "mail {spool_id} is held: {reason}", spool_id=entry.id, reason=verdict.reason
            )
            await self._store.write(lambda tx: hold(tx, entry.id, verdict.reason))
            return
        work = Work(entry, facts, verdict, self._applying.about(entry, facts))
        served: set[tuple[int, str]] = set()
        while due:
            served.update((each.id, each.verdict) for each in due)
            await self._serve_all(work, due, self._step)
            work, due = await self._brought_in(work, served, now)
        # All at once: who would be behind others might wait for servers that are silent.
        await self._serve_all(work, work.outgoing, self._hand_over, RELAYED_AT_ONCE)

    async def _brought_in(
        self, work: Work, served: Collection[tuple[int, str]], now: int
    ) -> tuple[Work, list[SpoolRecipient]]:
        """Find who came of aliases, groups and copies, if the mail is to go to the relay yet.

        Other servers can take hours: who is here gets the mail before they are asked.
        """
        if not work.outgoing:
            return work, []  # the next look finds them
        entry = await self._store.read(lambda tx: tx.spool.get(work.entry.id))
        due = {} if entry is None else {each.id: each for each in due_now(entry, now)}
        work.outgoing[:] = [each for each in work.outgoing if each.id in due]  # not ended, or held
        # One with another verdict is a copy by now: a rule deleted the mail that it had.
        new = [each for each in due.values() if (each.id, each.verdict) not in served]
        return replace(work, entry=entry or work.entry), new

    async def _serve_all(
        self,
        work: Work,
        recipients: Sequence[SpoolRecipient],
        step: _Step,
        at_once: int = RECIPIENTS_AT_ONCE,
    ) -> None:
        """Do a step for each; who cannot be served ends, or is tried again later."""
        for start in range(0, len(recipients), at_once):
            served = [
                Deferred.fromCoroutine(self._serve(work, each, step))
                for each in recipients[start : start + at_once]
            ]
            unserved: list[Unserved] = []
            for done, result in await DeferredList(served, consumeErrors=True):
                if not done:  # even writing down a failure failed
                    cast(Failure, result).raiseException()
                if result is not None:
                    unserved.append(result)
            await self._endings.end(work.entry, unserved)

    async def _serve(self, work: Work, recipient: SpoolRecipient, step: _Step) -> Unserved | None:
        """Do a step for one recipient; a failure for now that nobody hears of is written down."""
        try:
            reason = await step(work, recipient)
        except Exception as error:
            if isinstance(error, MailimError) and not error.temporary:
                return recipient, error.text
            if self._endings.tells(work.entry, recipient):
                return recipient, error
            await self._endings.put_off(work.entry, [recipient], error)
            return None
        return None if reason is None else (recipient, reason)

    async def _step(self, work: Work, recipient: SpoolRecipient) -> str | None:
        """Do what is done here; gives the reason if there is no way."""
        entry = work.entry
        destination = await self._routing.route(entry, recipient)
        if isinstance(destination, ToAddresses):
            await self._expand(entry, recipient, destination.addresses)
        elif isinstance(destination, Nowhere):
            return destination.reason
        elif isinstance(destination, ToAccount):
            await self._deliver(work, recipient, destination.account_id)
        elif self._relay is None:
            return "This server sends no mail to other servers."
        else:
            work.outgoing.append(recipient)
        return None

    async def _deliver(self, work: Work, recipient: SpoolRecipient, account_id: int) -> None:
        entry = work.entry
        said = await self._applying.verdict(entry, recipient, account_id, work.hearing)
        if said is None:
            return
        verdict = together(work.verdict, said)
        tell = await self._endings.succeeded(entry, recipient, "delivered")
        await self._delivery.deliver(entry, recipient, account_id, work.facts, verdict, tell)

    async def _expand(
        self, entry: SpoolEntry, recipient: SpoolRecipient, addresses: Sequence[str]
    ) -> None:
        tell = None
        if len(addresses) > 1:
            tell = await self._endings.succeeded(entry, recipient, "expanded")

        def unit(tx: ITransaction) -> None:
            tx.spool.replace_recipient(recipient.id, addresses)
            if tell is not None:
                tell(tx)

        await self._store.write(unit)

    async def _hand_over(self, work: Work, recipient: SpoolRecipient) -> None:
        entry, relay = work.entry, self._relay
        assert relay is not None  # noqa: S101 - nothing is outgoing without
        handed = self._handed.get(recipient.id)
        if handed is None:
            said = await self._applying.verdict(entry, recipient, None, work.hearing)
            if said is None:
                return
            headers = said.headers + work.verdict.headers
            handed = await self._away_to(relay, entry, recipient, headers)
            # While the disk is full it must not be sent again with each look.
            self._handed[recipient.id] = handed
        tell = None
        if not handed.tells:
            tell = await self._endings.succeeded(entry, recipient, "relayed")

        def unit(tx: ITransaction) -> None:
            tx.spool.done(recipient.id, RELAYED, f"{handed.host} said: {handed.words}")
            if tell is not None:
                tell(tx)

        await self._store.write(unit)
        del self._handed[recipient.id]

    async def _away_to(
        self, relay: IRelay, entry: SpoolEntry, recipient: SpoolRecipient, headers: bytes
    ) -> Handed:
        """Hand the mail over; meanwhile it is in nobody's way here."""
        away, way = self._away, (entry.id, recipient.address.rpartition("@")[2])
        if way not in away and len(away) >= RELAYED_AT_ONCE:
            raise RateLimited("Much other mail is on its way out.", NO_ROOM_SECONDS)
        was_full = self._free() <= 0
        away[way] = away.get(way, 0) + 1
        if was_full:
            self.wake()
        try:
            return await relay.send(entry, recipient, headers)
        finally:
            away[way] -= 1
            if not away[way]:
                del away[way]

    # --- the end --------------------------------------------------------------------------

    def _check_over(self) -> None:
        if not self.running and not self._busy and not self._looking:
            self._over()

    def _over(self) -> None:
        stopped, self._stopped = self._stopped, None
        if stopped is not None:
            stopped.callback(None)

    def _now(self) -> int:
        return int(self._clock.seconds() * 1_000_000)
