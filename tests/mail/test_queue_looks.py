"""What the queue sees in the spool may be old by the time it acts on it.

Found with 43 collected mails: "mail 43 waits: There is no such mail in the queue."
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from zope.interface import implementer

from mailim.interfaces.filters import IFilter, Verdict
from mailim.interfaces.spool import SpoolEntry
from mailim.interfaces.store import IStore, ITransaction
from mailim.wire.message import MessageFacts
from tests.mail.post import Post


@implementer(IStore)
class LateStore:
    """A store whose next answer to a reader comes when it is told to."""

    def __init__(self, store: IStore) -> None:
        self.bodies = store.bodies
        self._store = store
        self.write = store.write
        self.close = store.close
        self.late = False
        self.waiting: list[tuple[Deferred[Any], Any]] = []
        self.held: Deferred[None] = Deferred()

    def read(self, unit: Callable[[ITransaction], Any]) -> Deferred[Any]:
        answer = self._store.read(unit)
        if not self.late:
            return answer
        self.late = False
        given: Deferred[Any] = Deferred()

        def hold(result: Any) -> None:
            self.waiting.append((given, result))
            self.held.callback(None)

        answer.addBoth(hold)
        return given


@implementer(IFilter)
class Gate:
    """A filter that lets mail through when it is opened."""

    name = "gate"

    def __init__(self) -> None:
        self.reached: Deferred[None] = Deferred()
        self._opened: Deferred[None] = Deferred()

    def open(self) -> None:
        self._opened.callback(None)

    async def check(self, entry: SpoolEntry, facts: MessageFacts) -> Verdict:
        self.reached.callback(None)
        await self._opened
        return Verdict()


class LookTest(Post):
    async def test_a_mail_that_is_over_when_the_look_is_is_not_taken_again(self) -> None:
        said: list[Any] = []
        observer: Any = said.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        gate, store = Gate(), LateStore(self.store)
        queue = self.start(filters=[gate], store=store)
        await self.send("bob")
        await gate.reached
        store.late = True
        queue.wake()  # looks while the mail is under way, …
        await store.held
        gate.open()
        while queue.busy:  # … which is over …
            await self.store.read(lambda tx: None)
        given, result = store.waiting.pop()
        given.callback(result)  # … before the look is
        await self.settle()
        self.assertEqual(len(await self.mail_of(1)), 1)
        self.assertEqual([e for e in said if "waits" in str(e.get("log_format"))], [])
