"""What collecting costs: memory of large messages and of bad servers, time of the reactor."""

from __future__ import annotations

import gc
import hashlib
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from tests.fakes.pop3_server import Act, Pop3Server, Session, mailbox
from tests.remote.multipop.sites import SiteTest, message, settings
from tests.wire.memory import resident_bytes

LARGE = 100 * 1024 * 1024
MEGABYTE = 1024 * 1024
# Being measured costs time and memory of its own: coverage keeps what it saw.
MEASURED = "coverage" in sys.modules
LONGEST = 0.5 if MEASURED else 0.1  # seconds of processor time
RESIDENT = (25 if MEASURED else 5) * MEGABYTE


def anonymous_bytes() -> int:
    """Give the resident memory that is not a file's: mapped files cost nothing lasting."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("not Linux")


@implementer(IPushProducer)
class Flow:
    """Sends pieces as fast as the client takes them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._free: Deferred[None] | None = None
        session.wire.registerProducer(self, True)

    def pauseProducing(self) -> None:
        if self._free is None:
            self._free = Deferred()

    def resumeProducing(self) -> None:
        free, self._free = self._free, None
        if free is not None:
            free.callback(None)

    def stopProducing(self) -> None:
        self.resumeProducing()

    async def send(self, piece: bytes) -> None:
        if self._free is not None:
            await self._free
        self._session.send(piece)

    def end(self) -> None:
        self._session.wire.unregisterProducer()


class Watch:
    """Looks at the process again and again while the reactor works."""

    def __init__(self) -> None:
        self.peak = 0
        self.longest = 0.0  # seconds of processor time between two rounds of the reactor
        self._loop = LoopingCall(self._look)
        gc.collect()
        gc.freeze()  # what other tests left is not looked through again and again
        self.before = anonymous_bytes()
        self._last = time.thread_time()
        self._rounds = 0
        self._loop.start(0.001)

    def _look(self) -> None:
        now = time.thread_time()
        self.longest = max(self.longest, now - self._last)
        self._rounds += 1
        if self._rounds % 10 == 0:
            self.peak = max(self.peak, anonymous_bytes())
        self._last = time.thread_time()

    def stop(self) -> int:
        """Give by how many octets the process had grown at most."""
        self._loop.stop()
        gc.unfreeze()
        return max(self.peak, anonymous_bytes()) - self.before


class LargeMessageTest(SiteTest):
    """100 MB in one message."""

    async def collected(self, head: bytes, piece: bytes) -> None:
        self.config = settings(message_octets=2 * LARGE, timeout_seconds=30)
        server = Pop3Server(mailbox(b"placeholder"))
        server.mailbox.mails[0].size = LARGE
        digest = hashlib.sha256(head)

        async def large(session: Session, _: str) -> None:
            session.send(b"+OK\r\n" + head)
            flow = Flow(session)
            for _piece in range(LARGE // len(piece)):
                await flow.send(piece)
                digest.update(piece)
            flow.end()
            session.send(b"\r\n.\r\n")
            digest.update(b"\r\n")

        server.acts["RETR"] = large
        from mailim.mail.intake import Intake, IntakeLimits

        limits = IntakeLimits(message_octets=2 * LARGE)
        self.intake = Intake(self.store, "mail.example.test", self.reactor, limits)
        self.multipop = self.collector()
        await self.box(server)
        watch = Watch()
        state = await self.collect()
        grown = watch.stop()
        self.assertEqual((state.state, state.box.last_error), ("idle", ""))
        (entry,) = await self.store.read(lambda tx: tx.spool.list(2))
        self.assertEqual(entry.sha256, digest.digest())
        self.assertLess(grown, 20 * MEGABYTE)
        self.assertLess(watch.longest, LONGEST)

    async def test_many_lines(self) -> None:
        head = (
            b"Subject: large\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n"
        )
        await self.collected(head, (b"QUJD" * 19 + b"\r\n") * 800)

    async def test_one_line(self) -> None:
        await self.collected(b"Subject: one line\r\n\r\n", b"x" * 65536)


class LargeBoxTest(SiteTest):
    """50,000 messages in a box, ten of them new."""

    async def test_fifty_thousand(self) -> None:
        server = Pop3Server(mailbox(*(message(n) for n in range(10))))
        count = 50_000
        sizes = b"".join(b"%d 100\r\n" % n for n in range(1, count + 1))
        names = b"".join(b"%d u%06d\r\n" % (n, n) for n in range(1, count + 1))
        server.acts["LIST"] = lambda session, _: session.send(b"+OK\r\n" + sizes + b".\r\n")
        server.acts["UIDL"] = lambda session, _: session.send(b"+OK\r\n" + names + b".\r\n")
        box = await self.box(server, leave=True)
        from mailim.interfaces.boxes import SeenMessage

        def know(tx: Any) -> None:
            for number in range(11, count + 1):
                tx.boxes.mark(box, SeenMessage(f"u{number:06d}", "stored", b"", 0))

        await self.store.write(know)
        watch = Watch()
        begun = time.monotonic()
        state = await self.collect()
        seconds = time.monotonic() - begun
        watch.stop()
        self.assertEqual((state.state, state.box.collected), ("idle", 10))
        self.assertLess(watch.longest, LONGEST)
        self.assertLess(seconds, 120)  # every message looked up in all would take hours


class RepeatTest(SiteTest):
    """10,000 visits to bad servers leave nothing behind."""

    timeout = 1800
    synchronous = "OFF"
    repeats = 10_000

    async def growth(self, work: Callable[[int], Awaitable[None]]) -> tuple[int, int]:
        """As `tests.wire.memory.growth`: of Python's objects, and of the process."""
        for number in range(self.repeats // 10):
            await work(number)
        gc.collect()
        resident = resident_bytes()
        tracemalloc.start()
        try:
            for number in range(self.repeats // 10):
                await work(number)
            gc.collect()
            objects = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        for _ in range(2):  # what the allocator takes once is no leak; a leak grows on
            for number in range(self.repeats - self.repeats // 10):
                await work(number)
            gc.collect()
            resident, before = resident_bytes(), resident
            if resident - before < RESIDENT:
                break
        return objects, resident - before

    async def test_bad_servers(self) -> None:
        server = Pop3Server(mailbox(message(1)))
        await self.box(server)
        self.config = settings(failures_before_quarantine=10**9)

        def junk(session: Session, _: str) -> None:
            session.send(b"\xff" * 20_000)

        def cut(session: Session, _: str) -> None:
            session.cut()

        def half(session: Session, _: str) -> None:
            session.send(b"+OK\r\nSubject: half\r\n")
            session.drop()

        def refuse(session: Session, _: str) -> None:
            session.say("-ERR no")

        acts: list[dict[str, Act]] = [
            {step: act}
            for act in (junk, cut, half, refuse)
            for step in ("greeting", "CAPA", "AUTH", "LIST", "UIDL", "RETR", "QUIT")
        ]
        log, self.log = self.log, _Nothing()

        async def work(number: int) -> None:
            server.acts = acts[number % len(acts)]
            for kept in (server.sessions, server.heard, server.secure_logins, server.ends):
                kept.clear()
            await self.multipop.run()

        objects, resident = await self.growth(work)
        self.log = log
        self.assertLess(objects, 5 * MEGABYTE)
        self.assertLess(resident, RESIDENT)


class _Nothing(list[str]):
    def append(self, line: str) -> None:
        """Keep nothing."""
