"""Refused mail is counted by the minute, and a flood of it fills nothing."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailim.errors import StoreUnavailable
from mailim.interfaces.mail_events import MailQuery
from mailim.interfaces.rejections import ANY, Rejection
from mailim.mail import rejections
from mailim.mail.rejections import FOLDED, RejectionLimits, Rejections
from tests.fakes.store import open_store

ANN, BOB = "ann@example.org", "bob@example.test"


class RejectionsTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_020)
        self.store = open_store(self)
        self.make()

    def make(self, **limits: int) -> None:
        self.noted = Rejections(self.clock, self.store, RejectionLimits(**limits))

    async def found(self) -> Sequence[Rejection]:
        await self.noted.write()
        return await self.store.read(lambda tx: tx.rejections.find(MailQuery(limit=1000)))

    async def test_counted_by_the_minute(self) -> None:
        for seconds in (0, 5, 60):
            self.clock.advance(seconds)
            self.noted.note("192.0.2.1", "Ann@Example.org", ["Bob@Example.test"], 550, "5.1.1 No.")
            await self.noted.write()
        later, first = await self.found()
        self.assertEqual((later.count, first.count), (1, 2))
        self.assertEqual((first.sender, first.recipient, first.peer), (ANN, BOB, "192.0.2.1"))
        self.assertEqual((first.code, first.reply), (550, "5.1.1 No."))
        self.assertEqual(first.minute, 1_000_020_000_000)
        self.assertEqual(first.last - first.minute, 5_000_000)

    async def test_one_client_takes_a_fifth(self) -> None:
        """10,000 recipients of a spammer are 21 rows, and others are still told apart."""
        self.make(a_minute=100)
        many = [f"u{number}@example.test" for number in range(10_000)]
        self.noted.note("2001:db8::1", "", many[:5000], 550, "5.1.1 No.")
        await self.noted.write()
        self.noted.note("2001:db8::2", "", many[5000:], 550, "5.1.1 No.")  # the same network
        self.noted.note("192.0.2.1", ANN, [BOB], 550, "5.1.1 No.")
        found = await self.found()
        self.assertEqual(len(found), 22)
        folded = [one for one in found if one.recipient == ANY]
        self.assertEqual([(one.peer, one.count) for one in folded], [("2001:db8::/64", 9980)])
        self.assertEqual((folded[0].code, folded[0].reply), (0, FOLDED))
        self.assertEqual([one.count for one in found if one.recipient == BOB], [1])
        self.assertEqual(sum(one.count for one in found), 10_001)

    async def test_many_clients(self) -> None:
        self.make(a_minute=10)
        for number in range(5000):
            peer = f"198.51.{number // 250}.{number % 250}"
            self.noted.note(peer, f"s{number}@example.org", [BOB], 450, "4.7.1 Later.")
        found = await self.found()
        self.assertEqual(len(found), 11)
        self.assertEqual([one.count for one in found if one.peer == ANY], [4990])
        self.clock.advance(60)  # another minute, another hundred
        self.noted.note("192.0.2.1", ANN, [BOB], 550, "5.1.1 No.")
        self.assertEqual(len(await self.found()), 12)

    async def test_old_and_too_many_rows_go(self) -> None:
        self.make(kept=5, days=1)
        for number in range(8):
            self.noted.note("192.0.2.1", f"s{number}@example.org", [BOB], 550, "5.1.1 No.")
        self.assertEqual(len(await self.found()), 5)
        self.clock.advance(2 * 86_400)  # nothing more is refused
        self.assertEqual(len(await self.found()), 0)

    async def test_none_are_kept(self) -> None:
        self.make(a_minute=0)
        self.noted.note("192.0.2.1", ANN, [BOB], 550, "5.1.1 No.")
        self.assertEqual(len(await self.found()), 0)

    async def test_what_a_client_says_is_cut_and_cleaned(self) -> None:
        self.noted.note("192.0.2.1", "a\r\nb\x1b@x", ["c" * 5000], 550, "5.1.1 No.")
        [one] = await self.found()
        self.assertEqual((one.sender, len(one.recipient)), ("a??b?@x", 320))

    async def test_written_by_itself_and_at_the_end(self) -> None:
        self.noted.startService()
        self.noted.note("192.0.2.1", ANN, [BOB], 550, "5.1.1 No.")
        while not await self.store.read(lambda tx: tx.rejections.find(MailQuery())):
            self.clock.advance(rejections.SECONDS)
        self.noted.note("192.0.2.1", ANN, [ANN], 550, "5.1.1 No.")
        await self.noted.stopService()
        found = await self.store.read(lambda tx: tx.rejections.find(MailQuery()))
        self.assertEqual(len(found), 2)

    async def test_a_full_disk_ends_nothing(self) -> None:
        def full(*_: object) -> None:
            raise StoreUnavailable("full")

        patch = self.patch(self.store, "write", full)
        self.noted.note("192.0.2.1", ANN, [BOB], 550, "5.1.1 No.")
        await self.noted.write()
        patch.restore()
        self.noted.note("192.0.2.1", ANN, [BOB], 550, "5.1.1 No.")
        self.assertEqual([one.count for one in await self.found()], [1])
