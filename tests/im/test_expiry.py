"""Messages nobody came for, and claims nobody asks for any more."""

from __future__ import annotations

from unittest.mock import patch

from mailim.im.expiry import SECONDS, Expiry
from tests.im.test_notices import NoticesCase

DAY = 86_400.0


class ExpiryTests(NoticesCase):
    def expiry(self, days: int = 3) -> Expiry:
        return Expiry(self.stage.clock, self.store, self.stage.record, days)

    async def expired(self) -> list[str]:
        leaves = await self.stage.leaves("disposition")
        return [leaf.body for leaf in leaves if leaf.body.startswith("expired")]

    async def test_kept_until_then_with_a_disposition_afterwards(self) -> None:
        self.start()
        await self.sent(self.new(body="old"))
        (old,) = await self.stage.leaves("message")
        self.stage.clock.advance(2 * DAY)
        await self.sent(self.new(body="young"), self.new("carol@example.test"))
        expiry = self.expiry()
        expiry.running = True
        await expiry.expire()
        self.assertEqual(len(await self.kept()), 2)
        self.stage.clock.advance(1.5 * DAY)
        await expiry.expire()
        self.assertEqual(["young" in each for each in await self.kept()], [True])
        (leaf,) = [
            leaf
            for leaf in await self.stage.leaves("disposition")
            if leaf.body.startswith("expired")
        ]
        self.assertEqual((leaf.refers, leaf.recipient), (old.seq, "bob@example.test"))
        await self.stage.connect("bob/web", "bob/web")
        await self.stage.send("bob/web", "<presence/>")
        self.assertEqual(len(self.stage.drain("bob/web")), 2)

    async def test_what_is_handed_over_meanwhile_does_not_expire(self) -> None:
        self.start()
        await self.sent(self.new())
        self.stage.clock.advance(9 * DAY)
        account_id = await self.stage.account_id("bob")
        (row,) = await self.store.read(lambda tx: tx.im.offline(account_id, 9))
        await self.stage.online("bob/phone")
        self.assertEqual(await self.expiry()._expire(account_id, row), 0)
        self.assertEqual(await self.expired(), [])

    async def test_many_in_small_steps(self) -> None:
        self.start()
        await self.sent(*(self.new(body=str(n)) for n in range(25)))
        self.stage.clock.advance(9 * DAY)
        expiry = self.expiry()
        expiry.running = True
        with patch("mailim.im.expiry.ROWS", 10):
            await expiry.expire()
        self.assertEqual((len(await self.kept()), len(await self.expired())), (0, 25))

    async def test_claims_are_forgotten_after_a_month(self) -> None:
        self.start()
        now = int(self.stage.clock.seconds() * 1e6)
        new = self.new(created=now)
        await self.sent(new)
        expiry = self.expiry(3650)
        expiry.running = True
        self.stage.clock.advance(29 * DAY)
        await expiry.expire()
        self.assertEqual(await self.notices.hand_in([new]), [False])
        self.stage.clock.advance(2 * DAY)
        await expiry.expire()
        self.assertEqual(await self.notices.hand_in([new]), [True])

    async def test_it_looks_by_itself(self) -> None:
        self.start()
        await self.sent(self.new())
        expiry = self.expiry()
        expiry.startService()
        self.stage.clock.advance(3 * DAY)
        while await self.kept():
            self.stage.clock.advance(SECONDS)
            await self.store.write(lambda tx: None)
        await expiry.stopService()
