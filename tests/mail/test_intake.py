"""The way in: what is accepted is there, unchanged; what is refused leaves nothing."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailim.errors import Invalid, LimitExceeded
from mailim.events import Events, SpoolChanged
from mailim.interfaces.spool import NewMail, SpoolEntry
from mailim.interfaces.store import ITransaction
from mailim.mail.intake import Intake, IntakeLimits
from tests.fakes.store import open_store
from tests.store.mails import message

MAIL = NewMail("ann@example.org", ("bob@example.test",), "smtp", "[192.0.2.1]", 5_000_000)


class IntakeTest(TestCase):
    def setUp(self) -> None:
        self.events = Events()
        self.store = open_store(self, self.events)
        limits = IntakeLimits(message_octets=40_000_000)
        self.intake = Intake(self.store, "mail.example.test", Clock(), limits)

    async def entry(self, spool_id: int) -> SpoolEntry:
        found = await self.store.read(lambda tx: tx.spool.get(spool_id))
        assert found is not None
        return found

    async def bodies(self) -> int:
        """Sweep what nobody holds, and count what is left."""

        def unit(tx: ITransaction) -> int:
            tx.bodies.sweep(100)
            return len({each.body_id for each in tx.spool.list(100)})

        return await self.store.write(unit)

    async def test_accepted(self) -> None:
        changed: list[SpoolChanged] = []
        self.events.subscribe(SpoolChanged, changed.append)
        odd = b"From: x\nSubject: bare line ends\r\rmixed\n\n.\nbody\0\xff without end"
        spool_id = await self.intake.accept(MAIL, odd)
        entry = await self.entry(spool_id)
        self.assertEqual(await self.store.bodies.read(entry.sha256), odd)
        self.assertTrue(
            entry.prefix.startswith(b"Received: by mail.example.test (mailim) with ESMTP")
        )
        self.assertIn(b"for <bob@example.test>", entry.prefix)
        self.assertEqual(entry.size, len(odd) + len(entry.prefix))
        self.assertEqual(changed, [SpoolChanged(spool_id)])

    async def test_empty(self) -> None:
        spool_id = await self.intake.accept(MAIL, b"")
        self.assertEqual((await self.entry(spool_id)).sha256.hex()[:8], "e3b0c442")

    async def test_callers_headers(self) -> None:
        prepared = await self.intake.prepare(message(), b"Authentication-Results: x; spf=pass\r\n")
        spool_id = await self.store.write(lambda tx: self.intake.spool(tx, prepared, MAIL))
        prefix = (await self.entry(spool_id)).prefix
        self.assertTrue(prefix.endswith(b"\r\nAuthentication-Results: x; spf=pass\r\n"))
        for bad in (b"No: end", b"A: b\r\n\r\nbody\r\n"):
            await self.assertFailure(self.ensure(self.intake.prepare(message(), bad)), Invalid)
        much = b"A: b\r\n" * 10_000
        await self.assertFailure(self.ensure(self.intake.prepare(message(), much)), LimitExceeded)

    async def test_loop(self) -> None:
        """RFC 5321 6.3."""
        circling = b"Received: from here by there\r\n" * 101 + message()
        await self.assertFailure(self.ensure(self.intake.accept(MAIL, circling)), Invalid)
        await self.intake.accept(MAIL, circling[30:])
        self.assertEqual(await self.bodies(), 1)

    async def test_too_large(self) -> None:
        self.intake = Intake(self.store, "x", Clock(), IntakeLimits(message_octets=1000))
        await self.intake.accept(MAIL, b"x" * 1000)
        await self.assertFailure(self.ensure(self.intake.accept(MAIL, b"x" * 1001)), LimitExceeded)
        writer = self.intake.writer()
        await writer.write(b"x" * 1000)
        await self.assertFailure(self.ensure(writer.write(b"x")), LimitExceeded)
        self.assertEqual(await self.bodies(), 1)

    async def test_no_recipient(self) -> None:
        nobody = replace(MAIL, recipients=())
        await self.assertFailure(self.ensure(self.intake.accept(nobody, message())), Invalid)
        self.assertEqual(await self.bodies(), 0)

    async def test_the_callers_unit_fails(self) -> None:
        """What is not committed was not accepted."""
        prepared = await self.intake.prepare(message())

        def unit(tx: ITransaction) -> None:
            self.intake.spool(tx, prepared, MAIL)
            raise Invalid("second thoughts")

        await self.assertFailure(self.ensure(self.store.write(unit)), Invalid)
        self.assertEqual(await self.bodies(), 0)

    async def test_pieces(self) -> None:
        data = message(body="word " * 200_000)
        writer = self.intake.writer()
        for start in range(0, len(data), 65536):
            await writer.write(data[start : start + 65536])
        prepared = await writer.finish()
        whole = await self.intake.prepare(data)
        self.assertEqual(prepared, whole)
        self.assertEqual(prepared.facts.preview[:9], "word word")

    async def test_aborted(self) -> None:
        writer = self.intake.writer()
        await writer.write(b"x" * 500_000)
        await writer.abort()
        self.assertEqual(await self.bodies(), 0)

    async def test_large_mail_takes_little_memory(self) -> None:
        """30 MB in pieces, with its facts: far less than the message is in memory."""
        head = (
            b"Subject: Large\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nHello"
            b"\r\n--q\r\nContent-Disposition: attachment\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n"
        )
        piece = (b"QUJD" * 19 + b"\r\n") * 800
        await self.intake.prepare(head)  # whatever is loaded the first time
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        writer = self.intake.writer()
        await writer.write(head)
        for _ in range(30_000_000 // len(piece)):
            await writer.write(piece)
        await writer.write(b"--q--\r\n")
        prepared = await writer.finish()
        self.assertLess(tracemalloc.get_traced_memory()[1], 4_000_000)
        self.assertEqual(prepared.facts.preview, "Hello")
        self.assertTrue(prepared.facts.has_attachment)
        part = prepared.facts.structure.find("2")
        self.assertGreater(part.size if part else 0, 21_000_000)

    def ensure(self, work: Any) -> Deferred[Any]:
        return work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
