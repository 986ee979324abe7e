"""Order within a session."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailim.im.turns import Lane


class LaneTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lane = Lane()
        self.log: list[str] = []
        self.works: dict[str, Deferred[str]] = {}

    def start(self, name: str, recorded: bool = True, gate: Deferred[None] | None = None) -> None:
        """Send a stanza through the lane."""

        async def run() -> None:
            turn = await self.lane.enter()
            try:
                if gate is not None:
                    await gate
                self.log.append(f"check {name}")
                if recorded:
                    self.works[name] = Deferred()
                    await turn.durable(self.works[name])
                else:
                    await turn.ready()
                self.log.append(f"deliver {name}")
            except ValueError:
                self.log.append(f"refuse {name}")
            finally:
                turn.leave()

        self.results = Deferred.fromCoroutine(run())

    def test_leaves_share_a_commit(self) -> None:
        """The second is with the record before the first is durable."""
        self.start("a")
        self.start("b")
        self.assertEqual(self.log, ["check a", "check b"])
        self.works["a"].callback("")
        self.works["b"].callback("")
        self.assertEqual(self.log[2:], ["deliver a", "deliver b"])

    def test_delivery_keeps_the_order(self) -> None:
        self.start("a")
        self.start("b")
        self.start("c", recorded=False)
        self.works["b"].callback("")
        self.assertEqual(self.log, ["check a", "check b", "check c"])
        self.works["a"].callback("")
        self.assertEqual(self.log[3:], ["deliver a", "deliver b", "deliver c"])

    def test_failure_keeps_the_order_too(self) -> None:
        self.start("a")
        self.start("b")
        self.start("c")
        self.works["b"].errback(ValueError())
        self.works["c"].callback("")
        self.assertEqual(len(self.log), 3)
        self.works["a"].callback("")
        self.assertEqual(self.log[3:], ["deliver a", "refuse b", "deliver c"])

    def test_checking_is_exclusive(self) -> None:
        gate: Deferred[None] = Deferred()
        self.start("a", gate=gate)
        self.start("b")
        self.assertEqual(self.log, [])
        gate.callback(None)
        self.assertEqual(self.log, ["check a", "check b"])
        for work in self.works.values():
            work.callback("")

    def test_long_queue(self) -> None:
        """Thousands that wait for one do not stand on each other's stack."""
        self.start("first")
        for number in range(5000):
            self.start(str(number), recorded=False)
        self.works["first"].callback("")
        self.assertEqual(self.log[-1], "deliver 4999")
        self.assertEqual(len(self.log), 2 * 5001)

    def test_long_queue_at_the_entrance(self) -> None:
        gate: Deferred[None] = Deferred()
        self.start("first", recorded=False, gate=gate)
        for number in range(5000):
            self.start(str(number), recorded=False)
        gate.callback(None)
        self.assertEqual(len(self.log), 2 * 5001)

    def test_refused_at_once(self) -> None:
        """One that fails while it is checked does not hold up the rest."""
        gate: Deferred[None] = Deferred()
        self.start("a", gate=gate)
        self.start("b")
        gate.errback(ValueError())
        self.assertEqual(self.log, ["refuse a", "check b"])
        self.works["b"].callback("")
        self.assertEqual(self.log[2:], ["deliver b"])
        self.successResultOf(self.results)
