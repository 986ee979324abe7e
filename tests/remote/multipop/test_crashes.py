"""kill -9 while mail is collected: nothing is lost, nothing comes twice.

The server is the test's own and keeps its state whatever happens to the collector. A kill
shows nothing about what was synced to disk; that is `tests.store.test_durability`'s part.
MAILIM_KILLS sets how often the process is killed at random moments.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.fakes.pop3_server import Act, Pop3Server, Session, mailbox
from tests.fakes.store import short_directory
from tests.remote.multipop.crashing_child import POINTS
from tests.remote.multipop.sites import message

ROOT = Path(__file__).parent.parent.parent.parent
KILLS = int(os.environ.get("MAILIM_KILLS", "40"))
MAILS = 12


class Child(ProcessProtocol):
    """The forking process; lines go in and out."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._buffer = b""
        self._waiting: Deferred[str] | None = None
        self.over: Deferred[None] = Deferred()
        self.errors = b""
        self.heard = 0.0  # when the last line came

    @property
    def _wire(self) -> Any:
        return self.transport

    def outReceived(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self._lines += [line.decode() for line in lines]
        self.heard = reactor.seconds()
        if self._waiting is not None and self._lines:
            waiting, self._waiting = self._waiting, None
            waiting.callback(self._lines.pop(0))

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: Failure) -> None:
        if self._waiting is not None:
            self._waiting.errback(AssertionError(self.errors.decode()))
        self.over.callback(None) if reason.check(ProcessDone) else self.over.errback(reason)

    def say(self, line: str) -> None:
        self._wire.write(line.encode() + b"\n")

    async def line(self) -> str:
        if self._lines:
            return self._lines.pop(0)
        self._waiting = Deferred()
        return await self._waiting

    def close(self) -> Deferred[None]:
        self._wire.closeStdin()
        return self.over


class CrashTest(TestCase):
    """A collector that dies, on a server that lives."""

    timeout = 900 + 15 * KILLS

    def begin(self, leave: bool = False, unnamed: bool = False) -> None:
        self.server = Pop3Server(mailbox())
        if unnamed:
            self.server.capabilities = ("SASL PLAIN",)
            self.server.acts["UIDL"] = lambda session, _: session.say("-ERR no")
        self.leave = leave
        self.sent: Counter[str] = Counter()
        self.number = 0
        directory = short_directory(self) / "var"
        self.child = Child()
        arguments = [str(directory), str(self.server.listen(self)), "leave" if leave else "delete"]
        program = [sys.executable, "-m", "tests.remote.multipop.crashing_child", *arguments]
        environment = {**os.environ, "COVERAGE_PROCESS_START": ""}
        reactor.spawnProcess(self.child, sys.executable, program, environment, str(ROOT))
        self.addCleanup(self.child.close)

    def put(self, count: int) -> None:
        """Put messages on the server; every sixth has a file of its own."""
        for _ in range(count):
            self.number += 1
            data = message(self.number, size=200_000 if self.number % 6 == 0 else 0)
            self.server.mailbox.add(data)
            self.sent[hashlib.sha256(data).hexdigest()] += 1

    async def run_to(self, point: str, number: int = 1) -> int:
        """Collect, dying there; gives the exit status, -9 for the kill."""
        self.child.say(f"{point} {number}")
        self.pid = int((await self.child.line()).split()[1])
        return int((await self.child.line()).split()[1])

    async def inventory(self) -> dict[str, Any]:
        self.child.say("inventory")
        found: dict[str, Any] = json.loads(await self.child.line())
        return found

    async def check(self) -> None:
        """Collect without dying, then compare with what was ever sent."""
        self.assertEqual(await self.run_to("-"), 0)
        found = await self.inventory()
        self.assertEqual((found["error"], found["pending"]), ("", 0))
        spooled = Counter(found["spooled"])
        self.assertEqual(sorted((self.sent - spooled).elements()), [], "lost")
        self.assertEqual(sorted((spooled - self.sent).elements()), [], "twice")
        here = {hashlib.sha256(mail.data).hexdigest() for mail in self.server.mailbox.mails}
        self.assertEqual(here, set(self.sent) if self.leave else set())

    async def at_every_point(self, points: tuple[str, ...]) -> None:
        for point in points:
            for number in (1, 2) if point in ("told", "quit", "noted") else (1, 7):
                self.put(MAILS)
                status = await self.run_to(point, number)
                # A visit comes to its end once only.
                expected = 0 if number == 2 else -signal.SIGKILL
                self.assertEqual(status, expected, f"{point} {number}")
                await self.check()

    async def test_deleting(self) -> None:
        self.begin()
        await self.at_every_point(POINTS)

    async def test_leaving(self) -> None:
        self.begin(leave=True)
        await self.at_every_point(tuple(p for p in POINTS if p not in ("dele", "deled")))

    async def test_deleting_without_uidl(self) -> None:
        self.begin(unnamed=True)
        await self.at_every_point(POINTS)

    async def test_a_server_that_needs_time(self) -> None:
        """The deletion is done after we died, without our knowing."""
        self.begin()
        late: list[Session] = []

        def quit_late(session: Session, _: str) -> None:
            late.append(session)

        self.put(MAILS)
        self.server.acts["QUIT"] = quit_late
        self.child.say("- 1")
        pid = int((await self.child.line()).split()[1])
        while not late:
            await deferLater(reactor, 0.01)
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(await self.child.line(), "ended -9")
        late[0].update()
        self.server.acts.clear()
        # And the server gives the old names to new messages.
        self.server.mailbox._next = 0
        self.put(MAILS)
        await self.check()

    async def test_at_random(self) -> None:
        """At any moment, with mail coming in between; sometimes killed while recovering."""
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        self.begin(leave=False)
        killed = inside = 0
        usual = 0.05  # seconds from LIST to the end of a run
        while killed < KILLS:
            self.put(chance.randrange(8))
            listed: list[float] = []
            self.server.acts["LIST"] = _noting(listed)
            self.child.say("- 1")
            pid = int((await self.child.line()).split()[1])
            begun = reactor.seconds()
            if chance.random() < 0.2:
                await deferLater(reactor, chance.random() * 0.2)
            else:
                while not listed and self.child.heard < begun:
                    await deferLater(reactor, 0.001)
                await deferLater(reactor, chance.random() * 1.1 * usual)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            status = await self.child.line()
            if status == "ended -9":
                killed += 1
                inside += bool(listed)
            else:
                self.assertEqual(status, "ended 0")
                usual += (self.child.heard - listed[0] - usual) / 4
            if killed % 10 == 9:
                await self.check()
        await self.check()
        words = f"{killed} kills ({inside} inside a visit), {self.number} messages"
        print(f"seed {seed}: {words}, 0 lost, 0 twice", end=" ")


def _noting(when: list[float]) -> Act:
    """Note when LIST was asked for."""

    def act(session: Session, argument: str) -> None:
        when.append(reactor.seconds())
        session.do_LIST(argument)

    return act
