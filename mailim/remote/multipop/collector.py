"""MultiPOP itself: which box is visited when, side by side, one connection a box."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from mailim.accounts.vault import Vault
from mailim.background import spawn
from mailim.config_mail import Multipop as MultipopConfig
from mailim.errors import Invalid, LimitExceeded, NotFound
from mailim.interfaces.boxes import Box
from mailim.interfaces.multipop import NEVER, BoxState, BoxTest, IMultipop
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.intake import Intake
from mailim.remote.multipop.schedule import SECOND, Schedule, afresh
from mailim.remote.multipop.settings import changed_box, new_box
from mailim.remote.multipop.turns import Turn, Turns
from mailim.remote.multipop.visiting import Visiting

_TICK = 10.0  # seconds between looks at what is due
_ROW = ("host", "port", "user", "tls", "ca", "leave", "enabled")
_POP3_PORTS = (110, 995)  # two doors to the same boxes


@implementer(IMultipop)
class Multipop(Service):
    """The collector. `config` gives the section in force, so that a reload takes effect."""

    name = "multipop"

    def __init__(
        self,
        reactor: Any,
        store: IStore,
        vault: Vault,
        intake: Intake,
        config: Callable[[], MultipopConfig],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._reactor = reactor
        self._store = store
        self._vault = vault
        self._intake = intake
        self._config = config
        self._schedule = Schedule(config, jitter)
        self._visiting = Visiting(reactor, store, vault, intake, config, self._schedule)
        self._turns = Turns(lambda: config().boxes_at_once)
        self._stopped = False
        self._loop = LoopingCall(self._tick)
        self._loop.clock = reactor

    # --- the service -------------------------------------------------------------------

    def startService(self) -> None:
        """Twisted calls this."""
        super().startService()
        self._stopped = False
        self._loop.start(_TICK, now=True)

    def stopService(self) -> Deferred[None]:
        """Twisted calls this: ends all visits; what is not committed stays where it is."""
        super().stopService()
        self._stopped = True
        if self._loop.running:
            self._loop.stop()
        return self._turns.end_all()

    def _tick(self) -> None:
        if self.enabled:
            spawn(self._start_due(), "looking for boxes that are due")
        else:
            self._turns.end_all()

    async def _start_due(self) -> None:
        now = self._now()
        schedule = self._schedule

        def unit(tx: ITransaction) -> list[Box]:
            return [box for box in tx.boxes.list() if schedule.is_due(box, now)]

        for box in await self._store.read(unit):
            if self.running and self.enabled and box.id not in self._turns:
                self._begin(box, by_hand=False)

    def _begin(self, box: Box, by_hand: bool) -> Turn:
        turn = Turn(by_hand)
        self._turns.take(box.id, turn, lambda: self._visiting.visit(box.id, turn), box.account_id)
        return turn

    # --- IMultipop: boxes ----------------------------------------------------------------

    @property
    def enabled(self) -> bool:
        """The administrator's master switch."""
        return self._config().enabled

    def add(self, account_id: int, values: dict[str, Any]) -> Deferred[BoxState]:
        """Make a box."""
        return Deferred.fromCoroutine(self._add(account_id, values))

    async def _add(self, account_id: int, values: dict[str, Any]) -> BoxState:
        checked = new_box(values, self._config().allow_plaintext)
        sealed = self._vault.seal(checked["password"])
        if checked["ca"]:
            await self._visiting.check_ca(checked["host"], checked["ca"])
        most, now = self._config().boxes_per_account, self._now()

        def unit(tx: ITransaction) -> Box:
            if tx.accounts.get(account_id) is None:
                raise NotFound("there is no such account")
            if len(tx.boxes.list(account_id)) >= most:
                raise LimitExceeded(f"an account may have {most} boxes")
            return tx.boxes.add(
                account_id,
                checked["host"],
                checked["port"],
                checked["user"],
                sealed,
                checked["tls"],
                checked["ca"],
                checked["leave"],
                now,
            )

        return self._state(await self._store.write(unit))

    def change(self, box_id: int, values: dict[str, Any]) -> Deferred[BoxState]:
        """Change a box; a visit under way is ended."""
        return Deferred.fromCoroutine(self._change(box_id, values))

    async def _change(self, box_id: int, values: dict[str, Any]) -> BoxState:
        checked = changed_box(values, self._config().allow_plaintext)
        changes = {name: checked[name] for name in _ROW if name in checked}
        if "password" in checked:
            changes["secret"] = self._vault.seal(checked["password"])
        if checked.get("ca"):
            await self._visiting.check_ca(checked.get("host", "localhost"), checked["ca"])
        if changes:  # whatever was wrong may be mended: try again soon
            changes |= afresh()
        now = self._now()

        def unit(tx: ITransaction) -> Box:
            old = _required(tx, box_id)
            new = tx.boxes.update(box_id, **changes)
            if not _same_mailbox(old, new):
                _mistrust(tx, box_id, now)
            return new

        box = await self._store.write(unit)
        self._schedule.forget(box_id)
        await self._turns.end(box_id)
        return self._state(box)

    def remove(self, box_id: int) -> Deferred[None]:
        """Remove a box; a visit under way is ended."""
        removed = self._store.write(lambda tx: tx.boxes.remove(box_id))
        self._schedule.forget(box_id)
        return removed.addCallback(lambda _: self._turns.end(box_id))

    def find(self, box_id: int) -> Deferred[BoxState]:
        """Give one box."""
        return self._store.read(lambda tx: _required(tx, box_id)).addCallback(self._state)

    def list(self, account_id: int | None = None) -> Deferred[Sequence[BoxState]]:
        """Give boxes."""
        found = self._store.read(lambda tx: tx.boxes.list(account_id))
        return found.addCallback(lambda boxes: [self._state(box) for box in boxes])

    def _state(self, box: Box) -> BoxState:
        if box.id in self._turns:
            return BoxState(box, "running")
        if not box.enabled or not self.enabled:
            return BoxState(box, "disabled")
        if box.next_run == NEVER:
            return BoxState(box, "failed")
        return BoxState(box, "waiting" if box.failures else "idle")

    # --- IMultipop: now ------------------------------------------------------------------

    def test(self, box_id: int) -> Deferred[BoxTest]:
        """Log in and count; waits for a visit under way, since a box has one connection."""
        return Deferred.fromCoroutine(self._test(box_id))

    async def _test(self, box_id: int) -> BoxTest:
        await self._turns.free(box_id)
        found: list[BoxTest] = []
        errors: list[NotFound] = []

        async def work() -> None:
            try:
                found.append(await self._visiting.test(box_id))
            except NotFound as error:
                errors.append(error)

        turn = Turn(by_hand=True)
        turn.begun = True
        self._turns.take(box_id, turn, work)
        await turn.over()
        if errors:
            raise errors[0]
        return found[0] if found else BoxTest(False, "The box was changed or is not served now.")

    def run(self, account_id: int | None = None, box_id: int | None = None) -> Deferred[None]:
        """Collect now; fires when all these visits are over."""
        return Deferred.fromCoroutine(self._run(account_id, box_id))

    async def _run(self, account_id: int | None, box_id: int | None) -> None:
        if not self.enabled:
            raise Invalid("MultiPOP is switched off on this server")
        boxes = await self._store.read(lambda tx: tx.boxes.list(account_id))
        wanted = [box for box in boxes if box.enabled and box_id in (None, box.id)]
        visits = [Deferred.fromCoroutine(self._collect_now(box)) for box in wanted]
        await DeferredList(visits, consumeErrors=True)

    async def _collect_now(self, box: Box) -> None:
        """Have a visit that looks into the box from now on, and wait for its end."""
        while (turn := self._turns.get(box.id)) is not None and turn.begun:
            await turn.over()
        if self._stopped:
            return
        if turn is None:
            turn = self._begin(box, by_hand=True)
        turn.by_hand = True
        await turn.over()

    def _now(self) -> int:
        return int(self._reactor.seconds() * SECOND)


def _same_mailbox(old: Box, new: Box) -> bool:
    same_port = old.port == new.port or {old.port, new.port} <= set(_POP3_PORTS)
    return (old.host, old.user) == (new.host, new.user) and same_port


def _mistrust(tx: ITransaction, box_id: int, now: int) -> None:
    """Take it that UIDLs mean other messages from now on; the contents will tell."""
    tx.boxes.restate(box_id, None, "gone", now)
    known = tx.boxes.seen(box_id)
    tx.boxes.forget(box_id, [uidl for uidl, one in known.items() if one.sha256 is None])


def _required(tx: ITransaction, box_id: int) -> Box:
    box = tx.boxes.get(box_id)
    if box is None:
        raise NotFound("there is no such box")
    return box
