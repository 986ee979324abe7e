"""One visit to one box: everything new is stored here, and only then deleted there.

A message, its UIDL and the intention to delete it are one transaction; DELE comes after
that is durable, and the intention goes when the server has confirmed QUIT. So a crash, a
lost connection or a lying server can cost a second look at a message, never a message,
and never a second copy. A message that fails again and again is left alone, and those
behind it are collected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from mailim.errors import LimitExceeded, MailimError, StoreUnavailable
from mailim.interfaces.boxes import Box, SeenMessage
from mailim.interfaces.spool import NewMail
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.intake import Intake, MailWriter, PreparedMail
from mailim.remote.multipop.connection import Pop3Connection
from mailim.remote.multipop.listing import CONTENT_NAME, Listed, listed, plan
from mailim.remote.multipop.words import VisitFailed, in_words
from mailim.wire.pop3 import BodyEnd, BodyStart, Chunk, Command, Reply

# RETRs under way: their announced sizes together, and how many.
_WINDOW_OCTETS = 4 * 1024 * 1024
_WINDOW_MESSAGES = 32
_DELE_BATCH = 50


@dataclass(frozen=True, slots=True)
class VisitRules:
    """What the configuration says about visits."""

    message_octets: int
    failures_before_quarantine: int


@dataclass(slots=True)
class Outcome:
    """What a visit did; `note` tells of messages left behind, "" if none."""

    collected: int = 0
    deleted: int = 0
    note: str = ""


class Visit:
    """Works through an open, logged in connection."""

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        intake: Intake,
        box: Box,
        address: str,
        connection: Pop3Connection,
        pipelining: bool,
        rules: VisitRules,
        now: Callable[[], int],
    ) -> None:
        self._store = store
        self._intake = intake
        self._box = box
        self._address = address
        self._connection = connection
        self._pipelining = pipelining
        self._rules = rules
        self._now = now
        self._seen: dict[str, SeenMessage] = {}
        self._unnamed: set[str] = set()  # content names met in this visit
        self.outcome = Outcome()

    async def run(self) -> Outcome:
        """Do all of it; raises what ended the visit early, `outcome` then says how far it got."""
        box = self._box
        self._seen = dict(await self._store.read(lambda tx: tx.boxes.seen(box.id)))
        messages = await listed(self._connection)
        todo = plan(
            messages,
            self._seen,
            leave=box.leave,
            max_octets=min(self._rules.message_octets, self._intake.message_octets),
            max_failures=self._rules.failures_before_quarantine,
        )
        delete = [*todo.delete, *await self._collect(todo.collect)]
        await self._delete(delete)
        forget = [*todo.gone, *(one.uidl for one in delete if one.uidl), *self._unnamed_gone()]
        if forget:
            await self._store.write(lambda tx: tx.boxes.forget(box.id, forget))
        self.outcome.note = _left_behind(todo.too_large, todo.quarantined)
        return self.outcome

    def _unnamed_gone(self) -> list[str]:
        """Give content names that are no longer needed: deleted there, or not met again."""
        names = self._unnamed | {name for name in self._seen if name.startswith(CONTENT_NAME)}
        return [name for name in names if not self._box.leave or name not in self._unnamed]

    # --- collecting --------------------------------------------------------------------

    async def _collect(self, messages: tuple[Listed, ...]) -> list[Listed]:
        """Fetch and store; gives those that may be deleted there now."""
        waiting = deque(messages)
        under_way: deque[Listed] = deque()
        octets = 0
        stored = []
        while waiting or under_way:
            while waiting and self._may_ask(under_way, octets, waiting[0]):
                message = waiting.popleft()
                self._connection.send(Command.retr(message.number))
                under_way.append(message)
                octets += message.size
            message = under_way[0]
            if await self._fetch(message) and not self._box.leave:
                stored.append(message)
            under_way.popleft()
            octets -= message.size
        return stored

    def _may_ask(self, under_way: deque[Listed], octets: int, following: Listed) -> bool:
        if not under_way:
            return True
        return (
            self._pipelining
            and len(under_way) < _WINDOW_MESSAGES
            and octets + following.size <= _WINDOW_OCTETS
        )

    async def _fetch(self, message: Listed) -> bool:
        """Receive one message and store it; True once it is durable here.

        What is wrong with the message alone is noted, and the visit goes on; what is
        wrong with the connection or the store is raised.
        """
        try:
            prepared = await self._receive(message)
            await self._keep(message, prepared)
        except (StoreUnavailable, CancelledError):
            raise
        except MailimError as error:
            await self._failed(message, error)
            if isinstance(error, VisitFailed) or error.temporary:
                raise
            return False
        except Exception as error:
            await self._failed(message, error)
            raise
        return True

    async def _receive(self, message: Listed) -> PreparedMail:
        event = await self._connection.event()
        if isinstance(event, Reply) and not event.ok:
            raise _Refused(f"the server does not give a message: {event.text}")
        writer = self._intake.writer()
        problem: MailimError | None = None
        try:
            while not isinstance(event, BodyEnd):
                if isinstance(event, Chunk):
                    problem = problem or await _written(writer, event.data)
                    if problem is not None:
                        # What follows cannot be skipped cheaply: its end may never come.
                        raise VisitFailed("a message is larger than the server said")
                elif not isinstance(event, Reply | BodyStart):
                    raise VisitFailed("the server answers in the wrong order")
                event = await self._connection.event()
        except BaseException:
            await writer.abort()
            raise
        return await writer.finish()

    async def _keep(self, message: Listed, prepared: PreparedMail) -> None:
        """Spool the message and remember it, in one transaction."""
        box, now = self._box, self._now()
        sha256 = prepared.body.sha256
        mail = NewMail(
            # POP3 knows no envelope; an empty one makes nothing bounce to strangers.
            sender="",
            recipients=(self._address,),
            origin="multipop",
            source=f"{box.host} as {box.user}",
            received=now,
            account_id=box.account_id,
        )
        state = "stored" if box.leave else "deleting"
        # Without a UIDL the content is the name: has_body finds it again.
        uidl = message.uidl or f"{CONTENT_NAME}{sha256.hex()}"

        if not message.uidl:
            self._unnamed.add(uidl)

        def unit(tx: ITransaction) -> int | None:
            if tx.boxes.get(box.id) is None:
                raise VisitFailed("the box was removed")
            spool_id = None
            if not tx.boxes.has_body(box.id, sha256):
                spool_id = self._intake.spool(tx, prepared, mail)
            tx.boxes.mark(box.id, SeenMessage(uidl, state, sha256, now))
            return spool_id

        spool_id = await self._store.write(unit)
        if spool_id is not None:
            self.outcome.collected += 1
            self._log.info(
                "mail {spool_id} collected from {host} for {address}",
                spool_id=spool_id, host=box.host, address=self._address,
                box=box.id, octets=prepared.body.size,
            )  # fmt: skip

    async def _failed(self, message: Listed, error: Exception) -> None:
        """Count a failure of this message, so that it cannot stand in the way for ever."""
        if not message.uidl:
            return
        box_id = self._box.id
        known = self._seen.get(message.uidl) or SeenMessage(
            message.uidl, "failing", None, self._now()
        )
        failures = known.failures + 1
        quarantined = failures >= self._rules.failures_before_quarantine
        marked = replace(
            known,
            state="quarantined" if quarantined else "failing",
            failures=failures,
            error=in_words(error)[:200],
        )
        self._seen[message.uidl] = marked
        self._log.warn(
            "message {uidl} of box {box} failed: {error}",
            uidl=message.uidl, box=box_id, error=marked.error, failures=failures,
        )  # fmt: skip
        await self._store.write(lambda tx: tx.boxes.mark(box_id, marked))

    # --- deleting ------------------------------------------------------------------------

    async def _delete(self, messages: list[Listed]) -> None:
        """Mark for deletion and QUIT; only its +OK makes it so (RFC 1939 6)."""
        size = _DELE_BATCH if self._pipelining else 1
        for start in range(0, len(messages), size):
            batch = messages[start : start + size]
            self._connection.send(*(Command.dele(message.number) for message in batch))
            for _ in batch:
                # -ERR: somebody else deleted it meanwhile; the next visit will see.
                await self._connection.reply()
        reply = await self._connection.ask(Command.quit())
        if not reply.ok and messages:
            raise VisitFailed(f"the server did not delete what was collected: {reply.text}")
        self.outcome.deleted = len(messages)


class _Refused(MailimError):
    """The server answered RETR with -ERR: this message's matter, not the visit's."""


async def _written(writer: MailWriter, data: bytes) -> MailimError | None:
    try:
        await writer.write(data)
    except LimitExceeded as error:
        return error
    return None


def _left_behind(too_large: int, quarantined: int) -> str:
    parts = []
    if too_large:
        parts.append(f"{too_large} left there for being too large")
    if quarantined:
        parts.append(f"{quarantined} left there after failing repeatedly")
    return "; ".join(parts)
