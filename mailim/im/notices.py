"""Sending the instant messages that programs hand in (`mailim.interfaces.notices`).

The rows are taken in their order, side by side for different recipients. The leaf of the
record and the row's next state are one transaction:

* nobody is there: the message is kept in the leaf's transaction, and the row is over;
* somebody is there: the row is over once the message is delivered. A crash in between
  finds a row that has its leaf: it is delivered again, to who is there or into what is
  kept, with the same id and without a second leaf. So each has exactly one leaf, and its
  recipient gets it at least once. For a client that acknowledges (XEP-0198) the row stays
  until it does, and is left alone while we know of it.

An address that is no account's own (alias, group, name+tag) is looked up once: one
transaction ends the row and writes one for each account. Its claim is the row's, less the
address it may end with, and the account's address: what is handed in as "x a" and "x b"
reaches who is behind both once. What cannot be sent at all ends with a leaf of kind
"refusal" that says why. While record or store cannot be written everything waits (`WAITS`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mailim.accounts.directory import Directory
from mailim.background import spawn
from mailim.errors import AlreadyExists, LimitExceeded, MailimError, NotFound, Unavailable
from mailim.events import Events, NoticesChanged
from mailim.im.injection import Sent
from mailim.im.notice_parts import Outcome, landed, refused, share_of, shown
from mailim.im.router import Router
from mailim.interfaces.notices import NewNotice, Notice
from mailim.interfaces.store import IStore, ITransaction, Priority
from mailim.record.entries import Entry
from mailim.record.record import Record

BATCH: Final = 100  # notices in memory
AT_ONCE: Final = 8  # recipients side by side
PER_SECOND: Final = 200  # notices begun, on the average of a full batch
MAX_RECIPIENTS: Final = 1000  # that one address may stand for
MAX_WAITING: Final = 10_000  # more than this, and no more are taken but from inside
WAITS: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # seconds; the last repeats
TRIES: Final = 3  # of one that fails for a reason nobody foresaw
REPLY_SECONDS: Final = 10.0  # `send` waits for its outcome
_TEXT: Final = 4000  # characters of a refused text that go on record
_SHOWN: Final = 300  # characters of an address nobody checked


class Notices(Service):
    """Takes waiting notices and sends them."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        store: IStore,
        events: Events,
        directory: Directory,
        record: Record,
        router: Router,
        check: Callable[[str, str], None],
    ) -> None:
        """`check(sender, body)` raises what sending would, see `Injection.check`."""
        self._clock = clock
        self._store = store
        self._events = events
        self._directory = directory
        self._record = record
        self._router = router
        self._check = check
        self._watched: dict[str, Deferred[list[Outcome]]] = {}
        self._failures: dict[int, int] = {}
        self._in_flight: set[int] = set()  # sent, and not acknowledged yet
        self._troubles = 0  # looks in a row that came to nothing
        self._unsubscribe: Callable[[], None] = lambda: None
        self._timer: IDelayedCall | None = None
        self._looking = False
        self._again = False
        self._stopped: Deferred[None] | None = None

    # --- the service -------------------------------------------------------------------

    def startService(self) -> None:
        """Twisted calls this."""
        super().startService()
        self._unsubscribe = self._events.subscribe(NoticesChanged, lambda _event: self.wake())
        self.wake()

    def stopService(self) -> Deferred[None]:
        """Twisted calls this; fires when nothing is under way any more."""
        super().stopService()
        self._unsubscribe()
        self._sleep(None)
        if not self._looking:
            return succeed(None)
        self._stopped = Deferred()
        return self._stopped

    @property
    def busy(self) -> bool:
        """A look is under way."""
        return self._looking

    def wake(self) -> None:
        """Look at what waits; while the store is in trouble, when it is time to try again."""
        self._again = True
        if self.running and not self._looking and self._timer is None:
            self._looking = True
            spawn(self._look(), "sending notices")

    def _sleep(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and self.running:
            self._timer = self._clock.callLater(seconds, self._rested)

    def _rested(self) -> None:
        self._timer = None
        self.wake()

    # --- the entrance ------------------------------------------------------------------

    async def check(self, sender: str, recipient: str, body: str) -> None:
        """Raise what is wrong before anything is written down.

        `Invalid`, `LimitExceeded` (too long, or for too many), `NotFound` (nobody here has
        this address), `Unavailable`.
        """
        self._check(sender, body)
        await self._accounts(recipient)

    async def hand_in(self, news: Sequence[NewNotice]) -> list[bool]:
        """Write notices down in one unit; for each whether its claim was new.

        Raises `Unavailable` if too many wait.
        """

        def unit(tx: ITransaction) -> list[bool]:
            if tx.notices.count_waiting(MAX_WAITING) >= MAX_WAITING:
                raise Unavailable("too many messages are waiting; try again later")
            return [tx.notices.add(new) for new in news]

        return await self._store.write(unit)

    async def send(self, new: NewNotice) -> list[Outcome]:
        """Hand in one and wait for what becomes of it; empty if that takes too long.

        Raises as `check` and `hand_in` do; `AlreadyExists` for a claim handed in before.
        """
        await self.check(new.sender, new.recipient, new.body)
        outcome = self._watch(new.claim)
        try:
            if not (await self.hand_in([new]))[0]:
                raise AlreadyExists("this was handed in before")
            return await outcome.addTimeout(REPLY_SECONDS, self._clock)
        except TimeoutError:
            return []
        finally:
            self._watched.pop(new.claim, None)

    def _watch(self, claim: str) -> Deferred[list[Outcome]]:
        watching = self._watched[claim] = Deferred()
        return watching

    def _tell(self, new: NewNotice, outcome: Outcome) -> None:
        watching = self._watched.pop(new.claim, None)
        if watching is not None:
            watching.callback([outcome])

    # --- looking -----------------------------------------------------------------------

    async def _look(self) -> None:
        try:
            while self._again and self.running:
                self._again = False
                if not await self._send_waiting():
                    self._troubles += 1
                    self._sleep(WAITS[min(self._troubles, len(WAITS)) - 1])
                    return
                self._troubles = 0
        except Exception:
            # The loop survives its body: whatever it was, we look again.
            self._log.failure("waiting notices could not be read")
            self._sleep(WAITS[-1])
        finally:
            self._looking = False
            stopped, self._stopped = self._stopped, None
            if stopped is not None:
                stopped.callback(None)

    async def _send_waiting(self) -> bool:
        """Send all that waits; False if something has to be tried again later."""
        after = 0
        while self.running:
            began = self._clock.seconds()
            batch = await self._read(after)
            if batch is None:
                return False
            if not batch:
                break
            fresh = [notice for notice in batch if notice.id not in self._in_flight]
            if not await self._send_batch(fresh):
                return False
            after = batch[-1].id
            spare = began + len(fresh) / PER_SECOND - self._clock.seconds()
            if len(batch) == BATCH and spare > 0:
                await deferLater(self._clock, spare)
        return True

    async def _read(self, after: int) -> Sequence[Notice] | None:
        try:
            return await self._store.read(lambda tx: tx.notices.waiting(BATCH, after))
        except Unavailable as error:
            self._log.warn("notices have to wait: {error}", error=error.text)
            return None

    async def _send_batch(self, batch: Sequence[Notice]) -> bool:
        lanes: dict[str, list[Notice]] = {}
        for notice in batch:
            lanes.setdefault(notice.new.recipient, []).append(notice)
        waiting = list(lanes.values())[::-1]

        async def work() -> bool:
            good = True
            while good and waiting and self.running:
                good = await self._send_lane(waiting.pop())
            return good

        results = await gatherResults([Deferred.fromCoroutine(work()) for _ in range(AT_ONCE)])
        return all(results)

    async def _send_lane(self, lane: Sequence[Notice]) -> bool:
        """Send to one recipient, in order; False if the rest has to wait."""
        for notice in lane:
            if not self.running:
                return True
            try:
                await self._send(notice)
                self._failures.pop(notice.id, None)
            except Unavailable as error:
                self._log.warn("notice {notice_id} has to wait: {error}",
                    notice_id=notice.id, error=error.text)  # fmt: skip
                return False
            except Exception:
                self._log.failure("notice {notice_id} failed", notice_id=notice.id)
                if not await self._failed(notice):
                    return False
        return True

    async def _failed(self, notice: Notice) -> bool:
        """Give one up that fails again and again for a reason nobody foresaw."""
        failures = self._failures[notice.id] = self._failures.get(notice.id, 0) + 1
        if failures < TRIES:
            return False
        del self._failures[notice.id]
        try:
            await self._over(notice.id, "it failed inside the server, see the log")
        except Exception:
            self._log.failure("notice {notice_id} cannot be ended", notice_id=notice.id)
            return False
        self._tell(notice.new, refused(notice.new, Unavailable("it failed, see the log")))
        return True

    # --- one notice --------------------------------------------------------------------

    async def _send(self, notice: Notice) -> None:
        new = notice.new
        try:
            if notice.leaf is not None:
                outcome = await self._deliver_again(notice, notice.leaf)
            else:
                accounts = await self._accounts(new.recipient)
                if accounts != (new.recipient,):
                    await self._expand(notice, accounts)
                    return
                outcome = await self._deliver(notice)
        except MailimError as error:
            if error.temporary:
                raise
            self._log.warn("notice {notice_id} to {recipient} was not sent: {error}",
                           notice_id=notice.id, recipient=new.recipient[:_SHOWN],
                           error=error.text, origin=new.origin)  # fmt: skip
            await self._refuse(notice, error.text)
            outcome = refused(new, error)
        self._tell(new, outcome)

    async def _accounts(self, recipient: str) -> tuple[str, ...]:
        """Give the accounts here that an address stands for; raises `NotFound`."""
        found = await self._directory.resolve(recipient)
        accounts = [each for each in found or () if await self._directory.find(each) is not None]
        if not accounts:
            raise NotFound("nobody here has this address")
        if len(accounts) > MAX_RECIPIENTS:
            raise LimitExceeded(f"the address stands for more than {MAX_RECIPIENTS} accounts")
        return tuple(accounts)

    async def _expand(self, notice: Notice, accounts: Sequence[str]) -> None:
        """Write a row for each account, and end this one."""
        new = notice.new
        base = new.claim.removesuffix(f" {new.recipient}")
        parts = [replace(new, claim=share_of(base, each), recipient=each) for each in accounts]
        watching = self._watched.get(new.claim)
        outcomes = [self._watch(part.claim) for part in parts] if watching is not None else []

        def unit(tx: ITransaction) -> None:
            for part in parts:
                tx.notices.add(part)
            tx.notices.over(notice.id, f"sent on to {len(parts)} accounts")

        try:
            await self._store.write(unit)
        except BaseException:
            for part in parts:
                self._watched.pop(part.claim, None)
            raise
        if watching is not None:
            self._watched.pop(new.claim, None)
            gatherResults(outcomes).addCallback(
                lambda each: watching.callback([one for many in each for one in many])
            )

    async def _deliver(self, notice: Notice) -> Outcome:
        new = notice.new

        def inject() -> Awaitable[Sent]:
            return self._router.inject(
                new.sender, new.recipient, new.body, "headline", new.origin,
                {"claim": new.claim}, partial(landed, notice.id), partial(self._settled, notice.id),
            )  # fmt: skip

        return await self._delivered(notice, inject)

    async def _deliver_again(self, notice: Notice, seq: int) -> Outcome:
        leaf = await self._store.read(lambda tx: tx.record.get(seq))
        if leaf is None:
            raise NotFound("its leaf is not on record")
        self._log.info("notice {notice_id} is on record and may not have been delivered",
                       notice_id=notice.id, leaf=seq)  # fmt: skip
        return await self._delivered(
            notice,
            lambda: self._router.inject_again(
                leaf, partial(landed, notice.id), partial(self._settled, notice.id)
            ),
        )

    async def _delivered(self, notice: Notice, inject: Callable[[], Awaitable[Sent]]) -> Outcome:
        self._in_flight.add(notice.id)
        waits = False
        try:
            sent = await inject()
            waits = sent.waits
            if not waits and sent.became != "stored":  # what keeps it has ended the row too
                await self._over(notice.id, sent.became)
        finally:
            if not waits:
                self._in_flight.discard(notice.id)
        return Outcome(notice.new.recipient, sent.leaf.seq, sent.became)

    def _settled(self, notice_id: int, became: str) -> None:
        """A client has acknowledged it, or none has and it went elsewhere."""

        async def end() -> None:
            try:
                await self._over(notice_id, became)
            finally:
                self._in_flight.discard(notice_id)

        if became:
            spawn(end(), "ending a notice")
        else:
            self._in_flight.discard(notice_id)
            self.wake()

    async def _over(self, notice_id: int, outcome: str) -> None:
        await self._store.write(lambda tx: tx.notices.over(notice_id, outcome), Priority.IM)

    async def _refuse(self, notice: Notice, reason: str) -> None:
        """Put on record that, and why, it is not sent; unless its leaf says so already."""
        new = notice.new
        state = await self._store.read(lambda tx: tx.notices.find(new))
        if state is None or state.over:
            return
        if state.leaf is not None:
            await self._over(notice.id, reason)
            return
        sender, recipient = shown(new.sender[:_SHOWN]), shown(new.recipient[:_SHOWN])
        text = shown(new.body[:_TEXT])
        details: Mapping[str, str] = {"origin": new.origin, "claim": new.claim, "text": text}
        entry = Entry("refusal", sender, recipient, f"not sent: {reason}", details=details)
        await self._record.append(entry, lambda tx, _leaf: tx.notices.over(notice.id, reason))
