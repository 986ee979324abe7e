"""Fetching the messages of a visit: each is stored together with its UIDL, or not at all.

Several RETRs are under way at once if the server allows it (RFC 2449 6.6), and while one
message is looked at and written, the next one arrives. What is wrong with one message is
noted with it, and the visit goes on where that is possible; a message that fails again and
again is left alone, and those behind it are collected.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailim.errors import LimitExceeded, MailimError, Unavailable
from mailim.interfaces.boxes import Box, SeenMessage
from mailim.interfaces.spool import NewMail
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.intake import Intake, MailWriter, PreparedMail
from mailim.remote.multipop.connection import Pop3Connection
from mailim.remote.multipop.keeping import Keeping
from mailim.remote.multipop.listing import Listed, Wanted, content_name
from mailim.remote.multipop.words import BoxWithdrawn, VisitFailed, in_words, is_known
from mailim.wire.pop3 import BodyEnd, Chunk, Command, Reply

# RETRs under way: their announced sizes together, and how many.
_WINDOW_OCTETS = 4 * 1024 * 1024
_WINDOW_MESSAGES = 32
# Messages received and not yet durable; each costs at most what bodies keep in memory.
_KEPT_AT_ONCE = 32
_STATUS_OCTETS = len(b"-ERR ")


@dataclass(frozen=True, slots=True)
class Errand:
    """For whom a visit is made, and what the configuration says about it."""

    box: Box
    address: str  # of the account
    message_octets: int
    failures_before_quarantine: int
    again: bool  # try what was left alone once more
    until: float  # no new message is asked for after this (reactor seconds)


class Collecting:
    """Fetches what a plan wants.

    names: what the server lists now; a message that has another name now is not new.
    """

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        intake: Intake,
        clock: IReactorTime,
        errand: Errand,
        connection: Pop3Connection,
        pipelining: bool,
        names: frozenset[str],
    ) -> None:
        self._store = store
        self._intake = intake
        self._clock = clock
        self._errand = errand
        self._connection = connection
        self._pipelining = pipelining
        self._begun = False  # something came of the message under way
        self._names = names
        self._keeping = Keeping(_KEPT_AT_ONCE)
        self._nth: Counter[bytes] = Counter()  # of messages without UIDL, by content
        self.met: set[str] = set()  # content names of those that were met
        self.stored: list[tuple[Listed, str]] = []  # with the names they are known by
        self.collected = 0
        self.failed = 0
        self.unfinished = False
        self.last_reason = ""

    async def run(self, wanted: Sequence[Wanted]) -> None:
        """Fetch; raises what ended it early. Afterwards nothing is under way."""
        if any(one.known is not None and not one.uncertain for one in wanted):
            # One at a time, to find out which of them the server cannot bear.
            self._pipelining = False
        try:
            await self._fetch_all(wanted)
        finally:
            await self._keeping.settle()
        self._keeping.check()

    async def _fetch_all(self, wanted: Sequence[Wanted]) -> None:
        waiting = deque(wanted)
        asked: deque[Wanted] = deque()
        octets = 0
        while waiting or asked:
            while waiting and self._may_ask(asked, octets, waiting[0]):
                one = waiting.popleft()
                self._connection.send(Command.retr(one.message.number))
                asked.append(one)
                octets += one.message.size
            if not asked:
                self.unfinished = True
                break
            await self._fetch(asked[0])
            octets -= asked.popleft().message.size

    def _may_ask(self, asked: deque[Wanted], octets: int, following: Wanted) -> bool:
        if asked and self._connection.ended:
            return False  # first take what came before the end
        if self._clock.seconds() >= self._errand.until:
            return False
        if not asked:
            return True
        return (
            self._pipelining
            and len(asked) < _WINDOW_MESSAGES
            and octets + following.message.size <= _WINDOW_OCTETS
        )

    # --- one message ---------------------------------------------------------------------

    async def _fetch(self, one: Wanted) -> None:
        """Receive one message and have it stored.

        What is wrong with the message alone is noted; what is wrong with the connection
        is noted too, for it may be this message that breaks it, and raised.
        """
        try:
            writer = await self._receive(one)
        except _Refused as error:
            await self._failed(one, error, counts=error.code not in ("SYS/TEMP", "IN-USE"))
        except (CancelledError, Unavailable):
            raise
        except Exception as error:
            # A connection that breaks while several are asked for may break at any of them.
            await self._failed(one, error, counts=self._begun or not self._pipelining)
            raise
        else:
            try:
                await self._keeping.add(self._finish(one, writer))
            except BaseException:
                await writer.abort()
                raise

    async def _receive(self, one: Wanted) -> MailWriter:
        self._begun = False
        event = await self._connection.event()
        self._begun = True
        if isinstance(event, Reply) and not event.ok:
            raise _Refused(f"the server does not give a message: {event.text}", event.code)
        writer = self._intake.writer()
        beginning = b""
        try:
            while not isinstance(event, BodyEnd):
                if isinstance(event, Chunk):
                    if len(beginning) < _STATUS_OCTETS:
                        beginning += event.data[:_STATUS_OCTETS]
                        _check_in_step(beginning)
                    await writer.write(event.data)
                event = await self._connection.event()
            self._check_end(one, event)
        except LimitExceeded:
            # What follows cannot be skipped: its end may never come.
            await writer.abort()
            raise VisitFailed("a message is larger than the server said, and too large") from None
        except BaseException:
            await writer.abort()
            raise
        return writer

    def _check_end(self, one: Wanted, end: BodyEnd) -> None:
        """Raise if it is doubtful that the message ends where the server says.

        A server that does not double the dot of a line with nothing else ends the message
        there, and the rest of it looks like answers: better to have none than half.
        """
        if self._connection.junk_follows:
            raise VisitFailed("the end of a message is doubtful: something else follows it")
        if not end.size and one.message.size:
            raise _Refused(f"the server gives nothing of a message of {one.message.size} octets")

    async def _finish(self, one: Wanted, writer: MailWriter) -> None:
        """Make durable what was received; the visit ends only for what is wrong with us."""
        try:
            await self._keep(one, await writer.finish())
        except (BoxWithdrawn, Unavailable):
            raise
        except Exception as error:
            if not is_known(error):
                self._log.failure("keeping message {uidl}", uidl=one.message.label)
            await self._failed(one, error)

    async def _keep(self, one: Wanted, prepared: PreparedMail) -> None:
        """Spool the message and remember it, in one transaction."""
        box, now = self._errand.box, int(self._clock.seconds() * 1_000_000)
        sha256 = prepared.body.sha256
        name = one.message.uidl
        if not name:
            self._nth[sha256] += 1
            name = content_name(sha256, self._nth[sha256])
            self.met.add(name)
        mail = NewMail(
            # POP3 knows no envelope; an empty one makes nothing bounce to strangers.
            sender="",
            recipients=(self._errand.address,),
            origin="multipop",
            source=f"{box.host} as {box.user}",
            received=now,
            account_id=box.account_id,
        )

        def unit(tx: ITransaction) -> int | None:
            check_unchanged(tx, box)
            spool_id = None
            if not self._is_ours(tx, name, sha256):
                spool_id = self._intake.spool(tx, prepared, mail)
            if one.known is not None and one.known.uidl != name:
                tx.boxes.forget(box.id, [one.known.uidl])  # how often it failed
            state = "stored" if box.leave else "deleting"
            tx.boxes.mark(box.id, SeenMessage(name, state, sha256, now))
            return spool_id

        spool_id = await self._store.write(unit)
        self.stored.append((one.message, name))
        if spool_id is None:
            return
        self.collected += 1
        self._log.info(
            "mail {spool_id} collected from {host} for {address}",
            spool_id=spool_id, host=box.host, address=self._errand.address,
            box=box.id, octets=prepared.body.size,
        )  # fmt: skip

    def _is_ours(self, tx: ITransaction, name: str, sha256: bytes) -> bool:
        """Say whether the message was collected before, under this name or another one.

        Another name counts only if the server lists it no more, and once: two messages
        with the same content are two. What the server confirmed as deleted does not count.
        Runs inside the unit.
        """
        box_id = self._errand.box.id
        known = tx.boxes.with_body(box_id, sha256)
        if any(each.uidl == name for each in known):
            return True
        for each in known:
            renamed = each.uidl not in self._names and each.uidl not in self.met
            if renamed and each.state != "deleted":
                tx.boxes.forget(box_id, [each.uidl])
                return True
        return False

    # --- failures ------------------------------------------------------------------------

    async def _failed(self, one: Wanted, error: Exception, counts: bool = True) -> None:
        """Remember that a message failed, so that it cannot stand in the way for ever."""
        self.failed += 1
        self.last_reason = in_words(error)
        uidl, now = one.message.label, int(self._clock.seconds() * 1_000_000)
        known = one.known or SeenMessage(uidl, "failing", None, now)
        failures = known.failures + counts
        state = known.state
        if not one.uncertain:
            limit = self._errand.failures_before_quarantine
            state = "quarantined" if failures >= limit else "failing"
        since = known.first_seen if one.uncertain else now
        reason = self.last_reason[:200]
        marked = replace(known, state=state, failures=failures, first_seen=since, error=reason)
        box_id = self._errand.box.id
        self._log.warn(
            "message {uidl} of box {box} failed: {error}",
            uidl=uidl, box=box_id, error=reason, failures=failures, state=state,
        )  # fmt: skip

        def unit(tx: ITransaction) -> None:
            if tx.boxes.get(box_id) is not None:
                tx.boxes.mark(box_id, marked)

        await self._store.write(unit)


class _Refused(MailimError):
    """RETR gave no message: this message's matter, not the visit's."""

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        self.code = code


def _check_in_step(beginning: bytes) -> None:
    """Raise `VisitFailed` if a message begins like an answer.

    A server that says +OK once too often is understood one answer behind from then on, and
    RETR's own +OK becomes the first line of the message. No header begins so.
    """
    word = beginning[:_STATUS_OCTETS].replace(b"\r", b" ").replace(b"\n", b" ")
    if word.startswith((b"+OK ", b"-ERR ")):
        raise VisitFailed("the server's answers are out of step")


def check_unchanged(tx: ITransaction, box: Box) -> None:
    """Raise `BoxWithdrawn` if the box is not any more what it was when the visit began."""
    now = tx.boxes.get(box.id)
    account = tx.accounts.get(box.account_id)
    if now is None or account is None:
        raise BoxWithdrawn("the box was removed")
    same = (now.host, now.port, now.user, now.leave) == (box.host, box.port, box.user, box.leave)
    if not (now.enabled and account.enabled and same):
        raise BoxWithdrawn("the box was changed")
