"""One visit to one box: everything new is stored here, and only then deleted there.

A message, its UIDL and the intention to delete it are one transaction; DELE comes after
that is durable, and the intention goes when the server has confirmed QUIT. So a crash, a
lost connection or a lying server can cost a second look at a message, never a message,
and never a second copy: what was deleted and comes back is known by its content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime

from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.intake import Intake
from mailim.remote.multipop.collecting import Collecting, Errand, check_unchanged
from mailim.remote.multipop.connection import Pop3Connection
from mailim.remote.multipop.listing import Listed, Listing, Plan, PlanRules, listed, plan
from mailim.remote.multipop.words import VisitFailed, is_known
from mailim.wire.pop3 import Capabilities, Command

_DELE_BATCH = 50
_NAMES_PER_UNIT = 1000  # so that nobody else waits long for the store


@dataclass(slots=True)
class Outcome:
    """What a visit did; `note` tells of messages left behind, "" if none."""

    collected: int = 0
    deleted: int = 0
    note: str = ""
    unfinished: bool = False  # there was no time for all
    login_delay: int = 0  # seconds the server wants between logins (RFC 2449 6.5)


class Visit:
    """Works through an open, logged in connection; `outcome` tells how far it got."""

    def __init__(
        self,
        store: IStore,
        intake: Intake,
        clock: IReactorTime,
        errand: Errand,
        connection: Pop3Connection,
        offered: Capabilities,
        outcome: Outcome,
    ) -> None:
        self._store = store
        self._intake = intake
        self._clock = clock
        self._errand = errand
        self._connection = connection
        self._offered = offered
        self.outcome = outcome

    async def run(self) -> None:
        """Do all of it; raises what ended the visit early."""
        todo = await self._plan(await listed(self._connection, self._offered))
        collecting = Collecting(
            self._store,
            self._intake,
            self._clock,
            self._errand,
            self._connection,
            self._offered.pipelining,
            todo.names,
        )
        try:
            await collecting.run(todo.fetch)
        finally:
            self.outcome.collected = collecting.collected
            self.outcome.note = _left_behind(todo, collecting)
        self.outcome.unfinished = collecting.unfinished
        await self._restate(todo.stay, "stored")
        if self._errand.box.leave:
            await self._quit()
        else:
            earlier = [(message, message.label) for message in todo.delete]
            await self._delete([*earlier, *collecting.stored])
        await self._remember(todo, collecting)

    async def _plan(self, found: Listing) -> Plan:
        box_id = self._errand.box.id
        rules = PlanRules(
            leave=self._errand.box.leave,
            max_octets=self._errand.message_octets,
            max_failures=self._errand.failures_before_quarantine,
            again=self._errand.again,
            now=self._now(),
        )
        # In a reader's thread: tens of thousands of messages take a while.
        return await self._store.read(
            lambda tx: plan(found.messages(), tx.boxes.seen(box_id), rules)
        )

    # --- deleting ------------------------------------------------------------------------

    async def _quit(self) -> None:
        """Say good-bye; nothing depends on the answer."""
        try:
            await self._connection.ask(Command.quit())
        except Exception as error:
            if isinstance(error, CancelledError) or not is_known(error):
                raise

    async def _delete(self, messages: Sequence[tuple[Listed, str]]) -> None:
        """Mark for deletion and QUIT; only its +OK makes it so (RFC 1939 6)."""
        if not messages:
            await self._quit()
            return
        size = _DELE_BATCH if self._offered.pipelining else 1
        names = []
        for start in range(0, len(messages), size):
            batch = messages[start : start + size]
            self._connection.send(*(Command.dele(message.number) for message, _ in batch))
            for _, name in batch:
                # -ERR: it stays to be deleted, and the next visit will see.
                if (await self._connection.reply()).ok:
                    names.append(name)
        # From QUIT on nobody knows whether they are there, until its answer came.
        await self._restate(names, "deleting", failures=1)
        reply = await self._connection.ask(Command.quit())
        if not reply.ok:
            raise VisitFailed(f"the server did not delete what was collected: {reply.text}")
        self.outcome.deleted = len(names)
        await self._restate(names, "deleted")

    async def _restate(self, names: Sequence[str], state: str, failures: int = 0) -> None:
        box, now = self._errand.box, self._now()
        for start in range(0, len(names), _NAMES_PER_UNIT):
            part = names[start : start + _NAMES_PER_UNIT]

            def unit(tx: ITransaction, part: Sequence[str] = part) -> None:
                if state != "deleted":  # that is true whatever became of the box
                    check_unchanged(tx, box)
                tx.boxes.restate(box.id, part, state, now, failures)

            await self._store.write(unit)

    # --- remembering ---------------------------------------------------------------------

    async def _remember(self, todo: Plan, collecting: Collecting) -> None:
        """Note what the server does not list any more."""

        def unmet(names: Sequence[str]) -> list[str]:
            return [name for name in names if name not in collecting.met]

        if not (collecting.failed or collecting.unfinished):
            # Otherwise one of those not fetched may be one of these under another name.
            await self._restate(unmet(todo.gone), "gone")
        await self._restate(unmet(todo.deleted), "deleted")
        forget, box_id = unmet(todo.forget), self._errand.box.id
        for start in range(0, len(forget), _NAMES_PER_UNIT):
            part = forget[start : start + _NAMES_PER_UNIT]
            await self._store.write(lambda tx, part=part: tx.boxes.forget(box_id, part))  # type: ignore[misc]

    def _now(self) -> int:
        return int(self._clock.seconds() * 1_000_000)


def _left_behind(todo: Plan, collecting: Collecting) -> str:
    parts = []
    if todo.too_large:
        parts.append(f"{todo.too_large} left there for being too large")
    if todo.quarantined:
        parts.append(f"{todo.quarantined} left there after failing repeatedly")
    if collecting.failed:
        parts.append(f"{collecting.failed} could not be collected ({collecting.last_reason})")
    if collecting.unfinished:
        parts.append("there was no time for all of them; it goes on soon")
    text = "; ".join(parts)
    return f"Messages: {text}." if text else ""
