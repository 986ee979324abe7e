"""Going to a box and coming back: connect, visit or test, note how it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from mailim.accounts.vault import Vault
from mailim.config_mail import Multipop as MultipopConfig
from mailim.errors import MailimError, NotFound
from mailim.interfaces.accounts import Account
from mailim.interfaces.boxes import Box
from mailim.interfaces.multipop import BoxTest
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.intake import Intake
from mailim.remote.multipop.collecting import Errand
from mailim.remote.multipop.connection import Pop3Connection
from mailim.remote.multipop.login import DoorRules, Doorway, Where
from mailim.remote.multipop.schedule import SECOND, Schedule, afresh
from mailim.remote.multipop.turns import Turn
from mailim.remote.multipop.visit import Outcome, Visit
from mailim.remote.multipop.words import BoxWithdrawn, VisitFailed, in_words, is_known
from mailim.wire.pop3 import Capabilities, Command, parse_stat

_RETRY = 60 * SECOND  # after the store could not even note how a visit went


class Visiting:
    """Makes visits and tests; who calls takes care that a box has one at a time."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        store: IStore,
        vault: Vault,
        intake: Intake,
        config: Callable[[], MultipopConfig],
        schedule: Schedule,
    ) -> None:
        self._reactor = reactor
        self._store = store
        self._vault = vault
        self._intake = intake
        self._config = config
        self._schedule = schedule
        self._doorway = Doorway(reactor, self._door_rules)

    # --- visits --------------------------------------------------------------------------

    async def visit(self, box_id: int, turn: Turn) -> None:
        """Visit and note how it went; raises only when cancelled.

        The box is read now: it may have waited long for its turn.
        """
        outcome = Outcome()
        error: Exception | None = None
        try:
            box, account = await self._read(box_id)
        except MailimError as problem:
            self._log.warn("box {box} is not visited: {error}", box=box_id, error=problem.text)
            return
        if not (box.enabled and account.enabled):
            return
        try:
            await self._inside(box, account, turn, outcome)
        except (CancelledError, BoxWithdrawn) as problem:
            # Also waits until all is written that this visit wrote.
            await self._note(box, outcome, {})
            self._log.info("the visit to box {box} was ended", box=box.id)
            if isinstance(problem, CancelledError):
                raise
            return
        except Exception as problem:
            if not is_known(problem):
                self._log.failure("visiting box {box}", box=box.id)
            error = problem
        self._tell(box, outcome, error)
        await self._note(box, outcome, self._schedule.after(box, outcome, error, self._now()))

    async def _inside(self, box: Box, account: Account, turn: Turn, outcome: Outcome) -> None:
        turn.begun = True  # a mailbox is as it was when we signed in
        connection, offered = await self._doorway.enter(self._where(box))
        try:
            outcome.login_delay = offered.login_delay or 0
            await self._look_through(box, account, turn, outcome, connection, offered)
        finally:
            await connection.close()

    async def _look_through(
        self,
        box: Box,
        account: Account,
        turn: Turn,
        outcome: Outcome,
        connection: Pop3Connection,
        offered: Capabilities,
    ) -> None:
        config, clock = self._config(), self._reactor
        errand = Errand(
            box,
            account.address,
            min(config.message_octets, self._intake.message_octets),
            config.failures_before_quarantine,
            turn.by_hand,
            clock.seconds() + config.run_minutes * 60,
        )
        visit = Visit(self._store, self._intake, clock, errand, connection, offered, outcome)
        late = VisitFailed(f"the visit took longer than {config.run_minutes} minutes")
        # After `until` nothing new is asked for; what was asked for has this long.
        grace = 2.0 * config.timeout_seconds
        limit = clock.callLater(config.run_minutes * 60 + grace, connection.give_up, late)
        try:
            await visit.run()
        finally:
            if limit.active():
                limit.cancel()

    def _tell(self, box: Box, outcome: Outcome, error: Exception | None) -> None:
        if error is None:
            self._log.info(
                "box {box} of {user} at {host}: {collected} collected, {deleted} deleted there",
                box=box.id, user=box.user, host=box.host,
                collected=outcome.collected, deleted=outcome.deleted, note=outcome.note,
            )  # fmt: skip
            return
        self._log.warn(
            "box {box} of {user} at {host} failed: {error}",
            box=box.id, user=box.user, host=box.host, error=in_words(error),
            failures=box.failures + 1, collected=outcome.collected,
        )  # fmt: skip

    async def _note(self, box: Box, outcome: Outcome, changes: dict[str, Any]) -> None:
        """Write down how a visit went, if the box is still there."""

        def unit(tx: ITransaction) -> None:
            current = tx.boxes.get(box.id)
            if current is not None and (changes or outcome.collected):
                total = current.collected + outcome.collected
                tx.boxes.update(box.id, **changes, collected=total)

        try:
            await self._store.write(unit)
        except MailimError as problem:
            self._schedule.rest(box.id, self._now() + _RETRY)
            self._log.warn("box {box}: {error}", box=box.id, error=problem.text)

    # --- tests ---------------------------------------------------------------------------

    async def test(self, box_id: int) -> BoxTest:
        """Log in and count. A box that was given up, or waits, is tried again if all is well."""
        box, _ = await self._read(box_id)
        try:
            messages, octets = await self._count(box)
        except CancelledError:
            raise
        except Exception as error:
            if not is_known(error):
                self._log.failure("testing box {box}", box=box.id)
            return BoxTest(False, in_words(error))
        if box.failures:
            self._schedule.forget(box.id)
            await self._note(box, Outcome(), afresh())
        there = "1 message is" if messages == 1 else f"{messages} messages are"
        return BoxTest(True, f"Signed in; {there} there.", messages, octets)

    async def _count(self, box: Box) -> tuple[int, int]:
        connection, _ = await self._doorway.enter(self._where(box))
        try:
            reply = await connection.ask(Command.stat())
            if not reply.ok:
                raise VisitFailed(f"the server does not count its messages: {reply.text}")
            counted = parse_stat(reply.text)
            await connection.ask(Command.quit())
            return counted
        finally:
            await connection.close()

    # --- small things ----------------------------------------------------------------------

    async def check_ca(self, host: str, ca: str) -> None:
        """Raise `Invalid` for a CA file that cannot be used."""
        await self._doorway.tls_options(host, ca)

    async def _read(self, box_id: int) -> tuple[Box, Account]:
        def unit(tx: ITransaction) -> tuple[Box, Account]:
            box = tx.boxes.get(box_id)
            account = None if box is None else tx.accounts.get(box.account_id)
            if box is None or account is None:
                raise NotFound("there is no such box")
            return box, account

        return await self._store.read(unit)

    def _where(self, box: Box) -> Where:
        password = self._vault.open(box.secret)
        return Where(box.host, box.port, box.user, password, box.tls, box.ca)

    def _door_rules(self) -> DoorRules:
        config = self._config()
        return DoorRules(
            float(config.timeout_seconds), config.allow_private_hosts, config.allow_plaintext
        )

    def _now(self) -> int:
        return int(self._reactor.seconds() * SECOND)
