"""Mail submitted over SMTP that is sent later (RFC 4865)."""

from __future__ import annotations

from mailim.errors import RateLimited
from mailim.interfaces.dsn import MailDsn, RecipientDsn
from mailim.interfaces.spool import Hop, NewMail
from mailim.interfaces.store import ITransaction
from mailim.mail import holding
from mailim.mail.holding import Holding
from mailim.mail.submission import SHUT_OUT, Submitting
from tests.fakes.waiting import until
from tests.mail.post import Post
from tests.store.mails import message

ANN, BOB, CARL = "ann@example.test", "bob@example.test", "carl@example.org"
DSN = MailDsn("HDRS", "QQ 3", {CARL: RecipientDsn(("SUCCESS", "DELAY"), "rfc822;C@x")})
HOP = Hop("pc.example", "192.0.2.7", "ESMTPSA", "TLSv1.3")


class HoldingTest(Post):
    async def hold(self, seconds: float, dsn: MailDsn = DSN) -> None:
        mail = NewMail(
            ANN, (BOB, CARL), "submission", "ann at [192.0.2.7]", self.intake.now(), 2, HOP, dsn
        )
        prepared = await self.intake.prepare(message("later", ANN), b"X-Prefix: p\r\n")
        release = self.intake.now() + int(seconds * 1_000_000)
        await Holding(self.store, self.intake).keep(mail, prepared, release)

    async def due(self) -> int | None:
        return await self.store.read(lambda tx: tx.submissions.next_due(0))

    async def released(self) -> None:
        """Let what sends look once, and wait until it has."""
        self.submitting = Submitting(self.clock, self.store, self.events, self.intake)
        self.submitting.startService()
        self.addCleanup(self.submitting.stopService)
        await until(lambda: not self.submitting.busy)

    async def test_sent_when_its_time_has_come(self) -> None:
        await self.hold(100)
        await self.released()
        self.assertEqual(await self.waiting(), [])
        self.clock.advance(99)
        await until(lambda: not self.submitting.busy)
        self.assertEqual(await self.waiting(), [])
        self.clock.advance(2)
        await until(lambda: not self.submitting.busy)
        [entry] = await self.waiting()
        self.assertEqual((entry.sender, entry.origin, entry.account_id), (ANN, "submission", 2))
        self.assertEqual((entry.source, entry.dsn), ("ann at [192.0.2.7]", DSN))
        self.assertEqual([each.address for each in entry.recipients], [BOB, CARL])
        self.assertEqual(entry.received, self.intake.now())  # its five days begin now
        released, _, came = entry.prefix.partition(b"Received: from pc.example")
        self.assertTrue(released.startswith(b"Received: by mail.example.test"), entry.prefix)
        self.assertIn(b"with ESMTPSA", came)
        self.assertTrue(entry.prefix.endswith(b"X-Prefix: p\r\n"))
        self.assertIn(b"later", await self.store.bodies.read(entry.sha256))
        self.assertIsNone(await self.due())

    async def test_no_client_of_jmap_sees_it(self) -> None:
        await self.hold(100)

        def unit(tx: ITransaction) -> tuple[int, int, int]:
            rows = tx.submissions
            return len(rows.get(2)), len(rows.brief(2)), len(rows.changes(2, 0, 10).created)

        self.assertEqual(await self.store.read(unit), (0, 0, 0))
        self.clock.advance(101)
        await self.released()
        self.assertEqual(len(await self.waiting()), 1)
        self.assertEqual(await self.store.read(unit), (0, 0, 0))

    async def test_what_a_disabled_account_submitted_is_not_lost(self) -> None:
        await self.hold(100)
        await self.store.write(lambda tx: tx.accounts.update(2, enabled=False))
        self.clock.advance(101)
        await self.released()
        [entry] = await self.waiting()
        self.assertEqual(
            [(each.held, each.last_error) for each in entry.recipients], [(True, SHUT_OUT)] * 2
        )

    async def test_not_more_than_may_wait(self) -> None:
        self.patch(holding, "SUBMISSIONS_PENDING", 2)
        await self.hold(100)
        await self.hold(100)
        with self.assertRaises(RateLimited):
            await self.hold(100)
        self.clock.advance(101)
        await self.released()
        self.assertEqual(len(await self.waiting()), 2)

    async def test_nothing_said_of_notices(self) -> None:
        await self.hold(1, MailDsn())
        self.clock.advance(2)
        await self.released()
        [entry] = await self.waiting()
        self.assertEqual((entry.dsn.ret, entry.dsn.recipients), ("", {}))
