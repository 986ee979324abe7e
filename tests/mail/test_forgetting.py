"""What happened to mails is forgotten after some days, in small units; mail under way is not."""

from __future__ import annotations

from typing import Any

from mailim.interfaces.mail_events import FILTERED, MailQuery
from mailim.mail import forgetting
from mailim.mail.forgetting import Forgetting
from tests.mail.post import Post

DAY = 86_400


class ForgettingTest(Post):
    async def ids(self) -> list[int]:
        found = await self.store.read(lambda tx: tx.mail_events.mails(MailQuery()))
        return sorted(each.spool_id for each in found)

    async def forget(self, days: int) -> int:
        service = Forgetting(self.clock, self.store, days)
        service.running = True
        return await service.forget()

    async def test_days(self) -> None:
        self.patch(forgetting, "ROWS", 3)
        self.start()
        held = await self.send("nobody")
        old = await self.send("bob")
        await self.settle()

        def more(tx: Any) -> None:
            for _ in range(7):
                tx.mail_events.add(old, FILTERED)

        await self.store.write(more)
        self.clock.advance(2 * DAY)
        new = await self.send("bob")
        await self.settle()
        self.clock.advance(DAY)
        self.assertEqual(await self.forget(4), 0)
        self.assertEqual(await self.ids(), [held, old, new])
        self.assertEqual(await self.forget(2), 9)  # eight lines and the head
        self.assertEqual(await self.ids(), [held, new])
        self.assertEqual(await self.forget(0), 2)
        self.assertEqual(await self.ids(), [held])

    async def test_by_itself_and_however_it_fails(self) -> None:
        self.start()
        await self.send("bob")
        await self.settle()
        broken: Any = _Broken(self.store)
        service = Forgetting(self.clock, broken, 1)
        service.startService()
        self.addCleanup(service.stopService)
        self.clock.advance(2 * DAY)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.clock.advance(forgetting.SECONDS)
        for _ in range(100):
            await self.settle()
            if not await self.ids():
                return
        self.fail("it is not forgotten")


class _Broken:
    """A store that fails once."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._failed = False

    async def _fail(self) -> None:
        raise ZeroDivisionError

    def write(self, *arguments: Any) -> Any:
        if not self._failed:
            self._failed = True
            return self._fail()
        return self._store.write(*arguments)
