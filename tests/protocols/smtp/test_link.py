"""A connection with a clock one moves by hand: slow readers, slow writers, counts."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Invalid, LimitExceeded, NotPermitted, RateLimited, StoreUnavailable
from mailim.mail.allowances import Allowances
from mailim.protocols.smtp.connections import Connections
from mailim.protocols.smtp.limits import SmtpLimits
from mailim.protocols.smtp.link import Link, Lost, Stopped, TimedOut
from mailim.protocols.smtp.replies import reply, reply_to
from mailim.wire.smtp_commands import Simple


class Wire(StringTransport):
    aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def abortConnection(self) -> None:
        self.aborted = True


class LinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        certificates: Any = None
        self.link = Link(
            self.clock, certificates, SmtpLimits(waiting_octets=100),
            lambda _: None, lambda _: None,
        )  # fmt: skip
        self.wire = Wire()
        self.link.makeConnection(self.wire)

    def next(self, seconds: float = 10.0) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.link.next(seconds))

    def test_reading_stops_while_much_waits(self) -> None:
        self.link.dataReceived(b"NOOP\r\n" * 50)
        self.assertEqual(self.wire.producerState, "paused")
        for _ in range(50):
            self.assertEqual(self.successResultOf(self.next()), Simple("NOOP"))
        self.assertEqual(self.wire.producerState, "producing")

    def test_nothing_is_worked_off_for_a_client_that_does_not_read(self) -> None:
        self.link.pauseProducing()
        self.link.dataReceived(b"NOOP\r\n")
        waiting = self.next()
        self.assertNoResult(waiting)
        self.link.resumeProducing()
        self.assertEqual(self.successResultOf(waiting), Simple("NOOP"))
        self.link.pauseProducing()
        waiting = self.next()
        self.clock.advance(10)
        self.failureResultOf(waiting, TimedOut)

    def test_octets_one_by_one_do_not_stretch_the_time_for_a_command(self) -> None:
        waiting = self.next()
        for octet in b"NOOPNOOPN":
            self.clock.advance(1)
            self.link.dataReceived(bytes([octet]))
        self.assertNoResult(waiting)
        self.clock.advance(1)
        self.failureResultOf(waiting, TimedOut)

    def test_ends(self) -> None:
        waiting = self.next()
        self.link.interrupt()
        self.failureResultOf(waiting, Stopped)
        self.link.connectionLost()
        self.failureResultOf(self.next(), Lost)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_client_that_does_not_take_the_last_reply_is_cut_off(self) -> None:
        self.link.send(reply(221, "2.0.0", "Bye."))
        self.link.close()
        self.link.dataReceived(b"NOOP\r\n")
        self.link.send(reply(250, "", "unheard"))
        self.assertEqual(self.wire.value(), b"221 2.0.0 Bye.\r\n")
        self.clock.advance(5)
        self.assertTrue(self.wire.aborted)


class CountTests(SynchronousTestCase):
    def test_connections(self) -> None:
        connections = Connections(3, 2)
        self.assertTrue(connections.enter("a"))
        self.assertTrue(connections.enter("a"))
        self.assertFalse(connections.enter("a"))
        self.assertTrue(connections.enter("b"))
        self.assertFalse(connections.enter("c"))
        connections.leave("a")
        self.assertTrue(connections.enter("c"))

    def test_mails_per_hour(self) -> None:
        clock = Clock()
        clock.advance(1_000_000)
        allowances = Allowances(clock, 60)
        for _ in range(60):
            allowances.check(1)
            allowances.count(1)
        self.assertRaises(RateLimited, allowances.check, 1)
        allowances.check(2)
        clock.advance(60)
        allowances.check(1)
        allowances.count(1)
        self.assertRaises(RateLimited, allowances.check, 1)


class ReplyTests(SynchronousTestCase):
    def test_lines(self) -> None:
        self.assertEqual(bytes(reply(250, "", "a", "b")), b"250-a\r\n250 b\r\n")
        self.assertEqual(bytes(reply(550, "5.1.1", "No.")), b"550 5.1.1 No.\r\n")

    def test_errors(self) -> None:
        for error, code, status in (
            (StoreUnavailable("x"), 452, "4.3.1"),
            (RateLimited("x", 1.0), 450, "4.7.1"),
            (LimitExceeded("x"), 552, "5.3.4"),
            (NotPermitted("x"), 550, "5.7.1"),
            (Invalid("x", "loop"), 554, "5.4.6"),
            (Invalid("x"), 554, "5.6.0"),
            (ValueError("secret"), 451, "4.3.0"),
        ):
            made = reply_to(error)
            self.assertEqual((made.code, made.status), (code, status))
            self.assertNotIn("secret", str(made))
        self.assertEqual(len(reply_to(Invalid("a\r\n250 b")).lines), 1)
        self.assertNotIn(b"\r\n250 b", bytes(reply_to(Invalid("a\r\n250 b"))))
