"""Sessions with stream management by a clock of our own: when they ask, what they hold."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import Logger, LogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailim.background import spawn
from mailim.im.router import Router
from mailim.im.sessions import Sessions
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import IReceipt, StreamInfo
from mailim.protocols.xmpp.managed import (
    ASK_AGAIN_SECONDS,
    ASK_EVERY,
    ASK_SECONDS,
    ManagedSession,
)
from mailim.protocols.xmpp.managed_sessions import ManagedSessions
from mailim.protocols.xmpp.settings import StreamSettings
from mailim.wire import ns
from mailim.wire.stream_management import CountTooHigh
from mailim.wire.xml import Element, serialise
from tests.fakes.sinks import Sink

MESSAGE = Element(
    "message", ns.CLIENT, {"type": "chat"}, Element("body", ns.CLIENT, None, "x" * 60)
)


class Stream:
    """What carries a session, in memory."""

    def __init__(self) -> None:
        self.web_session = b""
        self.paused = False
        self.sent: list[Element] = []
        self.managed: ManagedSession | None = None
        self.ended = ""

    def write(self, element: Element) -> int:
        self.sent.append(element)
        return len(serialise(element))

    def close(self, condition: str, text: str) -> None:
        self.ended = condition
        if self.managed is not None:
            self.managed.end(condition)

    def supersede(self) -> None:
        self.ended = "conflict"

    def cut(self, reason: str) -> None:
        self.ended = "cut"
        assert self.managed is not None
        self.managed.lost(self, reason)

    def asked(self) -> int:
        """How often it was asked what has arrived."""
        return sum(one.name == "r" for one in self.sent)


class RouterOfSessions:
    """Unbinds; nothing else."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.undelivered: Any = lambda iq: None

    async def unbound(self, session: Any, reason: str) -> None:
        self._sessions.unbind(session)


@implementer(IReceipt)
class Receipt:
    def __init__(self) -> None:
        self.became = ""

    def arrived(self) -> None:
        self.became += "arrived"

    async def failed(self) -> None:
        self.became += "failed"


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.settings = StreamSettings()
        self.sessions = Sessions()
        self.all = ManagedSessions(
            self.clock,
            self.sessions,
            cast(Router, RouterOfSessions(self.sessions)),
            lambda: self.settings,
            self.begin,
            lambda managed, waits: None,
        )

    def begin(self, work: Coroutine[Any, Any, None], what: str) -> None:
        self.successResultOf(Deferred.fromCoroutine(work))

    def managed(self, number: int = 1) -> tuple[ManagedSession, Stream]:
        account = Account(number, 1, f"u{number}@example.test", "", False, True, True, 0, None)
        info = StreamInfo("xmpp", "192.0.2.1", 0)
        session = self.sessions.bind(account, None, Sink(), info)
        managed, stream = self.all.manage(session, True, 0), Stream()
        stream.managed = managed
        managed.attach(stream)
        return managed, stream


class AskingTests(Case):
    def test_after_some_stanzas(self) -> None:
        managed, stream = self.managed()
        for number in range(1, 3 * ASK_EVERY):
            managed.send(MESSAGE)
            self.assertEqual(stream.asked(), int(number >= ASK_EVERY))

    def test_after_a_short_silence(self) -> None:
        managed, stream = self.managed()
        self.clock.advance(100)
        self.assertEqual(stream.asked(), 0)
        managed.send(MESSAGE)
        self.clock.advance(ASK_SECONDS)
        self.assertEqual(stream.asked(), 1)
        managed.acknowledge(1)
        self.clock.advance(1000)
        self.assertEqual((stream.asked(), stream.ended), (1, ""))

    def test_again_for_what_came_behind(self) -> None:
        managed, stream = self.managed()
        managed.send(MESSAGE)
        self.clock.advance(ASK_SECONDS)
        managed.send(MESSAGE)
        managed.acknowledge(1)
        self.clock.advance(ASK_SECONDS)
        self.assertEqual(stream.asked(), 2)

    def test_one_that_never_moves_on_is_not_asked_in_a_loop(self) -> None:
        managed, stream = self.managed()
        managed.send(MESSAGE)
        self.clock.advance(ASK_SECONDS)
        for _ in range(10):
            managed.acknowledge(0)
        self.clock.advance(ASK_AGAIN_SECONDS - 1)
        self.assertEqual(stream.asked(), 1)
        self.clock.advance(1)
        self.assertEqual(stream.asked(), 2)

    def test_one_that_never_answers_is_cut_off_and_may_come_back(self) -> None:
        managed, stream = self.managed()
        managed.send(MESSAGE)
        self.clock.advance(ASK_SECONDS)
        stream.paused = True  # its answer would wait unread
        self.clock.advance(self.settings.acknowledgement_seconds)
        self.assertEqual(stream.ended, "")
        stream.paused = False
        self.clock.advance(self.settings.acknowledgement_seconds)
        self.assertEqual((stream.ended, managed.over, len(self.all)), ("cut", False, 1))
        again = Stream()
        managed.attach(again)
        managed.resend()
        self.assertEqual([one.name for one in again.sent], ["message", "r"])

    def test_time_is_over(self) -> None:
        managed, stream = self.managed()
        receipt, late = Receipt(), Receipt()
        managed.send(MESSAGE, receipt)
        stream.cut("the network is gone")
        self.clock.advance(self.settings.resumption_seconds - 1)
        self.assertFalse(managed.over)
        self.clock.advance(1)
        self.assertTrue(managed.over)
        self.assertEqual((receipt.became, len(self.sessions), self.all.octets), ("failed", 0, 0))
        managed.send(MESSAGE, late)
        self.assertEqual(late.became, "failed")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_time_is_over_also_for_one_that_was_gone_before_it_had_resumed(self) -> None:
        managed, stream = self.managed()
        managed.send(MESSAGE)
        managed.send(MESSAGE)
        stream.cut("the network is gone")
        managed.acknowledge(1)  # with <resume/>, over a stream that is lost before <resumed/>
        self.clock.advance(self.settings.resumption_seconds)
        self.assertEqual((managed.over, len(self.all), len(self.sessions)), (True, 0, 0))

    def test_who_asks_behind_every_stanza_is_answered_meanwhile(self) -> None:
        managed, stream = self.managed()
        stanzas = []
        for _ in range(3):
            stanzas.append(managed.incoming.begin())
            managed.answer()
            managed.answer()
        for stanza in stanzas[:2]:
            managed.done(stanza)
        self.assertEqual([one.get("h") for one in stream.sent], ["1", "2"])
        managed.done(stanzas[2])
        managed.answer()
        self.assertEqual([one.get("h") for one in stream.sent], ["1", "2", "3", "3"])

    def test_what_was_handled_is_remembered_when_all_is_counted(self) -> None:
        """A count that is one too low would have the client send its last message twice."""

        def begin(work: Coroutine[Any, Any, None], what: str) -> None:
            spawn(work, what)

        managed, _ = self.managed()
        self.all.begin = begin
        stanza = managed.incoming.begin()
        managed.end("closed")
        managed.done(stanza)
        self.assertEqual(self.all.count_of(managed.id, managed.session.account), 1)

    def test_receipts(self) -> None:
        managed, _ = self.managed()
        receipts = [Receipt() for _ in range(3)]
        for receipt in receipts:
            managed.send(MESSAGE, receipt)
        managed.acknowledge(2)
        managed.end("closed")
        self.assertEqual([one.became for one in receipts], ["arrived", "arrived", "failed"])
        with self.assertRaises(CountTooHigh):
            self.managed(2)[0].acknowledge(1)


class BoundsTests(Case):
    def test_what_waits_for_all_is_bounded(self) -> None:
        octets = len(serialise(MESSAGE))
        self.settings = replace(self.settings, unacknowledged_octets_in_all=100 * octets)
        for number in range(1, 31):
            managed, stream = self.managed(number)
            stream.cut("the network is gone")
            for _ in range(10):
                managed.send(MESSAGE)
            self.assertLessEqual(self.all.octets, 100 * octets)
        self.assertEqual(len(self.all), 10)
        self.assertEqual(
            [one.account.id for one in self.sessions.all()], list(range(21, 31))
        )  # those that wait longest went first

    def test_it_is_bounded_for_those_that_are_connected_too(self) -> None:
        """A client that answers, and acknowledges nothing, is never cut off for silence."""
        octets = len(serialise(MESSAGE))
        self.settings = replace(self.settings, unacknowledged_octets_in_all=100 * octets)
        greedy, stream = self.managed(1)
        others = [self.managed(number) for number in range(2, 6)]
        away, lost = self.managed(6)
        lost.cut("the network is gone")
        for _ in range(80):
            greedy.send(MESSAGE)
        for managed, _ in others:
            for _ in range(5):
                managed.send(MESSAGE)
        self.assertEqual((stream.ended, self.all.octets), ("", 100 * octets))
        others[0][0].send(MESSAGE)
        self.assertEqual((stream.ended, greedy.over), ("resource-constraint", True))
        self.assertEqual([one.over for one, _ in others], [False] * 4)
        self.assertFalse(away.over, "nothing is won by ending what holds nothing")
        self.assertEqual(self.all.octets, 21 * octets)

    def test_a_thousand_that_wait(self) -> None:
        """Each holds ten messages; together they cost a few megabytes, and nothing behind."""
        # The log's own lines are not what is measured: `trial -j` keeps them till it may write.
        self.patch(ManagedSessions, "_log", Logger(observer=LogPublisher()))
        gc.collect()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1, 1001):
            managed, stream = self.managed(number)
            stream.cut("the network is gone")
            for _ in range(10):
                managed.send(MESSAGE.copy())
        held = tracemalloc.get_traced_memory()[0] - before
        self.assertEqual((len(self.all), len(self.sessions)), (1000, 1000))
        self.assertLess(held, 40_000_000)
        del managed, stream
        self.clock.advance(self.settings.resumption_seconds)
        self.assertEqual((len(self.all), len(self.sessions), self.all.octets), (0, 0, 0))
        gc.collect()
        left = tracemalloc.get_traced_memory()[0] - before
        self.assertLess(left, 2_000_000)
