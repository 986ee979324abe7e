"""FUTURERELEASE on submission (RFC 4865)."""

from __future__ import annotations

from mailim.interfaces.store import ITransaction
from mailim.interfaces.submissions import Submission
from mailim.mail.outgoing import MAX_HOLD_SECONDS
from mailim.wire.future_release import date_time, hold_until
from tests.fakes.inside import PASSWORD
from tests.fakes.raw_smtp import RawSmtp
from tests.protocols.smtp.office import ALICE, BOB, OfficeCase

TEXT = "From: alice@example.test\r\nSubject: later\r\n\r\nHello\r\n.\r\n"
HOUR = 3_600_000_000


class FutureReleaseTests(OfficeCase):
    async def alice(self) -> RawSmtp:
        client = await self.connect("submissions")
        self.assertEqual((await client.plain("alice", PASSWORD))[:3], "235")
        return client

    async def mail(self, client: RawSmtp, parameters: str) -> str:
        return await client.say(f"MAIL FROM:<{ALICE}> {parameters}")

    async def held(self) -> list[Submission]:
        """Give what waits."""

        def unit(tx: ITransaction) -> list[Submission]:
            found = (tx.submissions.pending(each) for each in tx.submissions.due(1 << 60, 10))
            return [each for each in found if each is not None]

        return await self.server.core.store.read(unit)

    async def send(self, client: RawSmtp, parameters: str) -> str:
        self.assertEqual((await self.mail(client, parameters))[:9], "250 2.1.0")
        await client.all(f"RCPT TO:<{BOB}>", "DATA")
        client.send(TEXT)
        return await client.next()

    async def test_offered_where_one_logs_in(self) -> None:
        await self.serve()
        for name, offered in (("smtp", False), ("submission", True), ("submissions", True)):
            client = await self.connect(name, hello=False)
            said = await client.say("EHLO x")
            self.assertEqual("FUTURERELEASE" in said, offered, name)
        word, seconds, until = next(line for line in said.split("\n") if "FUTURERELEASE" in line)[
            4:
        ].split()
        self.assertEqual((word, int(seconds)), ("FUTURERELEASE", MAX_HOLD_SECONDS))
        moment = hold_until(until.strip())
        assert moment is not None
        ahead = moment - self.server.core.intake.now()
        self.assertLessEqual(ahead, MAX_HOLD_SECONDS * 1_000_000)
        self.assertGreater(ahead, (MAX_HOLD_SECONDS - 600) * 1_000_000)

    async def test_held(self) -> None:
        await self.serve()
        client = await self.alice()
        now = self.server.core.intake.now()
        later = date_time(now + 2 * HOUR)
        said = await self.send(client, f"HOLDUNTIL={later} ENVID=QQ3")
        self.assertEqual(said, f"250 2.0.0 Held until {later}.")
        said = await self.send(client, "HOLDFOR=3600")
        self.assertTrue(said.startswith("250 2.0.0 Held until "), said)
        first, second = await self.held()
        self.assertGreaterEqual(first.send_at, now + HOUR)
        self.assertLess(first.send_at, now + 2 * HOUR)
        self.assertEqual(date_time(second.send_at), later)
        self.assertEqual((second.envid, second.origin), ("QQ3", "submission"))
        self.assertIn(b"with ESMTPSA", second.trace)
        self.assertEqual(await self.spooled(), 0)

    async def test_what_has_passed_is_at_once(self) -> None:
        await self.serve()
        client = await self.alice()
        for parameters in ("HOLDFOR=0", "HOLDUNTIL=2020-01-01T00:00:00Z"):
            said = await self.send(client, parameters)
            self.assertTrue(said.startswith("250 2.0.0 Taken as "), said)
        self.assertEqual(len(await self.inbox(BOB, 2)), 2)
        self.assertEqual(await self.held(), [])

    async def test_refused(self) -> None:
        await self.serve()
        client = await self.alice()
        too_far = date_time(self.server.core.intake.now() + (MAX_HOLD_SECONDS + 60) * 1_000_000)
        for parameters in (
            f"HOLDFOR={MAX_HOLD_SECONDS + 1}", f"HOLDUNTIL={too_far}", "HOLDFOR=x",
            "HOLDUNTIL=9999-12-31T23:59:59Z", "HOLDFOR=1 HOLDUNTIL=2020-01-01T00:00:00Z",
        ):  # fmt: skip
            self.assertEqual((await self.mail(client, parameters))[:9], "501 5.5.4", parameters)
        # Nothing is under way by that.
        self.assertEqual((await self.mail(client, f"HOLDFOR={MAX_HOLD_SECONDS}"))[:3], "250")

    async def test_not_offered_not_taken(self) -> None:
        await self.serve()
        client = await self.connect("smtp")
        for parameter in ("HOLDFOR=5", "HOLDUNTIL=2099-01-01T00:00:00Z"):
            self.assertEqual((await self.mail(client, parameter))[:9], "555 5.5.4")
        self.assertEqual((await client.say("MAIL FROM:<carl@example.org>"))[:3], "250")
