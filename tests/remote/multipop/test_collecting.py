"""The good way: leave and delete, UIDLs, DELE after the commit, both sides of a switch."""

from __future__ import annotations

from tests.fakes.pop3_server import Pop3Server, mailbox
from tests.remote.multipop.sites import SiteTest, message


class CollectTest(SiteTest):
    """Well-behaved servers."""

    async def test_delete(self) -> None:
        box = mailbox(*(message(n) for n in range(5)))
        await self.box(Pop3Server(box))
        state = await self.collect()
        self.assertEqual(await self.spooled(), [message(n) for n in range(5)])
        self.assertEqual((box.mails, len(box.deleted)), ([], 5))
        self.assertEqual((state.state, state.box.last_error, state.box.collected), ("idle", "", 5))
        self.assertEqual((state.box.failures, state.box.pending_deletes), (0, 0))
        self.assertEqual(set((await self.states()).values()), {"deleted"})

    async def test_leave(self) -> None:
        box = mailbox(*(message(n) for n in range(5)))
        await self.box(Pop3Server(box), leave=True)
        for _ in range(3):
            state = await self.collect()
        self.assertEqual(len(await self.spooled()), 5)
        self.assertEqual((len(box.mails), set(box.retrieved.values())), (5, {1}))
        box.add(message(7))
        state = await self.collect()
        self.assertEqual((state.box.collected, len(await self.spooled())), (6, 6))
