"""MultiPOP itself: which box is visited when, side by side, one connection a box.

A box that failed waits longer each time, up to some hours; a login that was refused three
times waits a day, because most providers lock accounts that go on trying. Changing the
box or collecting by hand tries again at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, DeferredSemaphore
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from mailim.accounts.vault import Vault
from mailim.background import spawn
from mailim.config import Multipop as MultipopConfig
from mailim.errors import Invalid, LimitExceeded, MailimError, NotFound
from mailim.interfaces.boxes import Box
from mailim.interfaces.multipop import BoxState, BoxTest, IMultipop
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.intake import Intake
from mailim.remote.multipop.login import Doorway, Where
from mailim.remote.multipop.visit import Outcome, Visit, VisitRules
from mailim.remote.multipop.words import LoginRefused, in_words
from mailim.wire.pop3 import Command, parse_stat

_TICK = 10.0  # seconds between looks at what is due
_MINUTE = 60_000_000
_LONGEST = 4 * 60 * _MINUTE
_DAY = 24 * 60 * _MINUTE
_REFUSALS = 3
_REFUSED = "The server refused the name or the password"
_CHANGEABLE = ("host", "port", "user", "tls", "ca", "leave", "enabled")


@implementer(IMultipop)
class Multipop(Service):
    """The collector. `config` gives the section in force, so that a reload takes effect."""

    _log = Logger()
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
        self._jitter = jitter
        self._doorway = Doorway(
            reactor,
            lambda: float(config().timeout_seconds),
            lambda: config().allow_private_hosts,
        )
        self._places = DeferredSemaphore(config().boxes_at_once)
        self._visits: dict[int, Deferred[None]] = {}
        self._loop = LoopingCall(self._tick)
        self._loop.clock = reactor

    # --- the service -------------------------------------------------------------------

    def startService(self) -> None:
        """Twisted calls this."""
        super().startService()
        self._loop.start(_TICK, now=True)

    def stopService(self) -> Deferred[None]:
        """Twisted calls this: ends all visits; what is not committed stays where it is."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        visits = [*self._visits.values()]
        for visit in visits:
            visit.cancel()
        done: Deferred[Any] = DeferredList(visits, consumeErrors=True)
        return done.addCallback(lambda _: None)

    def _tick(self) -> None:
        if self.enabled:
            spawn(self._start_due(), "looking for boxes that are due")

    async def _start_due(self) -> None:
        now = self._now()
        for box in await self._store.read(lambda tx: tx.boxes.list()):
            due = box.next_run is None or box.next_run <= now
            if self.running and box.enabled and due:
                self._begin(box)

    # --- IMultipop -----------------------------------------------------------------------

    @property
    def enabled(self) -> bool:
        """The administrator's master switch."""
        return self._config().enabled

    def add(self, account_id: int, values: dict[str, Any]) -> Deferred[BoxState]:
        """Make a box."""
        return Deferred.fromCoroutine(self._add(account_id, values))

    async def _add(self, account_id: int, values: dict[str, Any]) -> BoxState:
        checked = self._checked(values)
        sealed = self._vault.seal(values["password"])
        most, now = self._config().boxes_per_account, self._now()

        def unit(tx: ITransaction) -> Box:
            if len(tx.boxes.list(account_id)) >= most:
                raise LimitExceeded(f"an account may have {most} boxes")
            return tx.boxes.add(
                account_id,
                checked["host"],
                checked["port"],
                checked["user"],
                sealed,
                checked["tls"],
                checked.get("ca", ""),
                checked["leave"],
                now,
            )

        return self._state(await self._store.write(unit))

    def change(self, box_id: int, values: dict[str, Any]) -> Deferred[BoxState]:
        """Change a box."""
        return Deferred.fromCoroutine(self._change(box_id, values))

    async def _change(self, box_id: int, values: dict[str, Any]) -> BoxState:
        checked = self._checked(values)
        changes = {name: checked[name] for name in _CHANGEABLE if name in checked}
        if "password" in values:
            changes["secret"] = self._vault.seal(values["password"])
        if changes:  # whatever was wrong may be mended: try again soon
            changes |= {"failures": 0, "next_run": None, "last_error": ""}
        return self._state(await self._store.write(lambda tx: tx.boxes.update(box_id, **changes)))

    def remove(self, box_id: int) -> Deferred[None]:
        """Remove a box; a visit under way notices and ends."""
        return self._store.write(lambda tx: tx.boxes.remove(box_id))

    def find(self, box_id: int) -> Deferred[BoxState]:
        """Give one box."""
        return self._store.read(lambda tx: _required(tx, box_id)).addCallback(self._state)

    def list(self, account_id: int | None = None) -> Deferred[Sequence[BoxState]]:
        """Give boxes."""
        found = self._store.read(lambda tx: tx.boxes.list(account_id))
        return found.addCallback(lambda boxes: [self._state(box) for box in boxes])

    def test(self, box_id: int) -> Deferred[BoxTest]:
        """Log in and count."""
        return Deferred.fromCoroutine(self._test(box_id))

    async def _test(self, box_id: int) -> BoxTest:
        box = await self._store.read(lambda tx: _required(tx, box_id))
        if box_id in self._visits:
            return BoxTest(True, "This box is being collected at this moment.")
        try:
            connection, _ = await self._doorway.enter(self._where(box))
            try:
                reply = await connection.ask(Command.stat())
                messages, octets = parse_stat(reply.text)
                await connection.ask(Command.quit())
            finally:
                connection.close()
        except Exception as error:
            self._unexpected(box, error)
            return BoxTest(False, in_words(error))
        return BoxTest(True, f"Signed in; {messages} messages are there.", messages, octets)

    def run(self, account_id: int | None = None, box_id: int | None = None) -> Deferred[None]:
        """Collect now; fires when all these visits are over."""
        return Deferred.fromCoroutine(self._run(account_id, box_id))

    async def _run(self, account_id: int | None, box_id: int | None) -> None:
        if not self.enabled:
            raise Invalid("MultiPOP is switched off on this server")
        boxes = await self._store.read(lambda tx: tx.boxes.list(account_id))
        wanted = [box for box in boxes if box.enabled and box_id in (None, box.id)]
        await DeferredList([self._begin(box) for box in wanted], consumeErrors=True)

    # --- visits --------------------------------------------------------------------------

    def _begin(self, box: Box) -> Deferred[None]:
        """Visit a box, or wait for the visit that is under way."""
        over: Deferred[None] = Deferred()
        visit = self._visits.get(box.id)
        if visit is None:
            visit = self._places.run(lambda: Deferred.fromCoroutine(self._visit(box)))
            self._visits[box.id] = visit

            def ended(result: Any) -> None:
                self._visits.pop(box.id, None)

            visit.addBoth(ended)
        visit.addBoth(lambda _: over.callback(None))
        return over

    async def _visit(self, box: Box) -> None:
        """Visit and remember how it went; never raises but for cancelling."""
        outcome = Outcome()
        error: Exception | None = None
        try:
            await self._inside(box, outcome)
        except CancelledError:
            raise
        except Exception as problem:
            self._unexpected(box, problem)
            error = problem
        changes = self._afterwards(box, outcome, error)

        def unit(tx: ITransaction) -> None:
            current = tx.boxes.get(box.id)
            if current is not None:
                total = current.collected + outcome.collected
                tx.boxes.update(box.id, **changes, collected=total)

        try:
            await self._store.write(unit)
        except MailimError as problem:
            self._log.warn("box {box}: {error}", box=box.id, error=problem.text)

    async def _inside(self, box: Box, outcome: Outcome) -> None:
        account = await self._store.read(lambda tx: tx.accounts.get(box.account_id))
        if account is None:
            raise NotFound("the account is gone")
        connection, offered = await self._doorway.enter(self._where(box))
        config = self._config()
        rules = VisitRules(config.message_octets, config.failures_before_quarantine)
        visit = Visit(
            self._store, self._intake, box, account.address, connection,
            offered.pipelining, rules, self._now,
        )  # fmt: skip
        visit.outcome = outcome
        running = Deferred.fromCoroutine(visit.run())
        running.addTimeout(config.run_minutes * 60, self._reactor)
        try:
            await running
        finally:
            connection.close()

    def _afterwards(self, box: Box, outcome: Outcome, error: Exception | None) -> dict[str, Any]:
        now = self._now()
        usual = self._config().interval_minutes * _MINUTE
        if error is None:
            return {
                "last_run": now,
                "last_success": now,
                "last_error": outcome.note,
                "failures": 0,
                "next_run": now + usual,
            }
        failures = box.failures + 1
        wait = min(usual * 2 ** min(failures - 1, 10), max(_LONGEST, usual))
        wait += int(wait * self._jitter() / 10)
        if isinstance(error, LoginRefused) and failures >= _REFUSALS:
            wait = _DAY
        text = in_words(error)
        self._log.warn(
            "box {box} of {user} at {host} failed: {error}",
            box=box.id, user=box.user, host=box.host, error=text, failures=failures,
        )  # fmt: skip
        return {
            "last_run": now,
            "last_error": text[:500],
            "failures": failures,
            "next_run": now + wait,
        }

    def _unexpected(self, box: Box, error: Exception) -> None:
        if in_words(error).startswith("Something went wrong"):
            self._log.failure("visiting box {box}", box=box.id)

    # --- small things ----------------------------------------------------------------------

    def _where(self, box: Box) -> Where:
        password = self._vault.open(box.secret)
        return Where(box.host, box.port, box.user, password, box.tls, box.ca)

    def _state(self, box: Box) -> BoxState:
        if box.id in self._visits:
            return BoxState(box, "running")
        if not box.enabled or not self.enabled:
            return BoxState(box, "disabled")
        if box.failures >= _REFUSALS and box.last_error.startswith(_REFUSED):
            return BoxState(box, "failed")
        return BoxState(box, "waiting" if box.failures else "idle")

    def _checked(self, values: dict[str, Any]) -> dict[str, Any]:
        """Check what was given; raises `Invalid` naming the field."""
        checked = dict(values)
        for name, longest in (("host", 253), ("user", 255), ("password", 1024)):
            text = checked.get(name)
            if text is None:
                continue
            if not text.strip() or len(text) > longest or any(c in text for c in "\r\n\0"):
                raise Invalid(f"the {name} is empty, too long or holds a line break", name)
        if "host" in checked:
            checked["host"] = _host(checked["host"])
        if not 0 < checked.get("port", 995) < 65536:
            raise Invalid("the port must be between 1 and 65535", "port")
        tls = checked.get("tls", "tls")
        if tls not in ("tls", "stls", "none"):
            raise Invalid("tls must be tls, stls or none", "tls")
        if tls == "none" and not self._config().allow_plaintext:
            raise Invalid("this server does not send passwords without TLS", "tls")
        return checked

    def _now(self) -> int:
        return int(self._reactor.seconds() * 1_000_000)


def _host(text: str) -> str:
    host = text.strip().rstrip(".").lower()
    try:
        host.encode("idna")
    except UnicodeError:
        raise Invalid("this is no host name", "host") from None
    if not host or any(char.isspace() or char in "/@?#\\" for char in host):
        raise Invalid("this is no host name", "host")
    return host


def _required(tx: ITransaction, box_id: int) -> Box:
    box = tx.boxes.get(box_id)
    if box is None:
        raise NotFound("there is no such box")
    return box
