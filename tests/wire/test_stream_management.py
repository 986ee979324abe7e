"""The counting of XEP-0198: against a plain model, at the edge of 2^32, with garbage."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.stream_management import (
    MODULUS,
    CountTooHigh,
    Handled,
    Unacknowledged,
    parse_count,
)

QUIET = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
NEAR_THE_EDGE = st.integers(0, 5) | st.integers(MODULUS - 40, MODULUS - 1)


class CountTests(SynchronousTestCase):
    def test_numbers(self) -> None:
        self.assertEqual(
            [parse_count(text) for text in ("0", "00", "7", "4294967295")],
            [0, 0, 7, MODULUS - 1],
        )

    def test_garbage(self) -> None:
        for text in (
            None, "", " 1", "1 ", "+1", "-1", "1.0", "1e3", "0x1", "٣", "²", "4294967296",
            "9" * 10, "9" * 5000, "00000000001", "one", "1_0",
        ):  # fmt: skip
            with self.assertRaises(ValueError, msg=repr(text)):
                parse_count(text)

    @QUIET
    @given(st.text())
    def test_any_text(self, text: str) -> None:
        try:
            count = parse_count(text)
        except ValueError:
            return
        self.assertTrue(0 <= count < MODULUS)
        self.assertEqual(int(text), count)


class UnacknowledgedTests(SynchronousTestCase):
    def test_the_count_wraps(self) -> None:
        """XEP-0198 section 4: behind 2^32 - 1 comes 0."""
        queue: Unacknowledged[str] = Unacknowledged(10, 1000, sent=MODULUS - 2)
        for name in "abcd":
            queue.add(name, 1)
        self.assertEqual(queue.sent, 2)
        self.assertEqual(queue.acknowledge(MODULUS - 1), ["a"])
        self.assertEqual(queue.acknowledge(1), ["b", "c"])
        self.assertEqual(queue.acknowledge(1), [])
        self.assertEqual(queue.acknowledge(2), ["d"])

    def test_too_high_changes_nothing(self) -> None:
        queue: Unacknowledged[str] = Unacknowledged(10, 1000)
        queue.add("a", 5)
        for h in (2, MODULUS - 1):
            error = self.assertRaises(CountTooHigh, queue.acknowledge, h)
            self.assertEqual((error.h, error.sent), (h, 1))
        self.assertEqual((len(queue), queue.octets), (1, 5))

    def test_going_back_is_too_high(self) -> None:
        queue: Unacknowledged[str] = Unacknowledged(10, 1000)
        queue.add("a", 5)
        queue.acknowledge(1)
        with self.assertRaises(CountTooHigh):
            queue.acknowledge(0)

    def test_limits(self) -> None:
        queue: Unacknowledged[str] = Unacknowledged(2, 100)
        self.assertTrue(queue.add("one that is larger than all", 500))
        self.assertFalse(queue.add("b", 1))
        queue.acknowledge(1)
        self.assertTrue(queue.add("c", 99))
        self.assertFalse(queue.add("d", 0))
        self.assertEqual(queue.clear(), ["b", "c", "d"])
        self.assertEqual((len(queue), queue.octets), (0, 0))

    @QUIET
    @given(NEAR_THE_EDGE, st.lists(st.integers(0, 3)), st.integers(0, MODULUS - 1))
    def test_any_h_is_taken_or_refused(self, sent: int, acks: list[int], h: int) -> None:
        queue: Unacknowledged[int] = Unacknowledged(1000, 1000, sent=sent)
        for number in acks:
            queue.add(number, 1)
        possible = {(sent + done) % MODULUS: done for done in range(len(acks) + 1)}
        if h in possible:
            self.assertEqual(queue.acknowledge(h), acks[: possible[h]])
        else:
            with self.assertRaises(CountTooHigh):
                queue.acknowledge(h)


class Machine(RuleBasedStateMachine):
    """Both counters against plain numbers that know no modulus."""

    def __init__(self) -> None:
        super().__init__()
        self.base = MODULUS - 5
        self.queue: Unacknowledged[int] = Unacknowledged(10**6, 10**6, sent=self.base)
        self.sent = self.acknowledged = self.base
        self.handled = Handled(h=self.base)
        self.came: list[tuple[object, bool]] = []

    @rule(octets=st.integers(0, 9))
    def send(self, octets: int) -> None:
        self.sent += 1
        assert self.queue.add(self.sent, octets)

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        until = data.draw(st.integers(self.acknowledged, self.sent))
        taken = self.queue.acknowledge(until % MODULUS)
        assert taken == list(range(self.acknowledged + 1, until + 1))
        self.acknowledged = until
        assert list(self.queue) == list(range(until + 1, self.sent + 1))

    @rule(beyond=st.integers(1, 1000))
    def acknowledge_too_much(self, beyond: int) -> None:
        try:
            self.queue.acknowledge((self.sent + beyond) % MODULUS)
        except CountTooHigh:
            return
        raise AssertionError("it was taken")

    @rule()
    def receive(self) -> None:
        self.came.append((self.handled.begin(), False))

    @precondition(lambda self: self.came)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.came) - 1))
        stanza = self.came[place][0]
        self.came[place] = (stanza, True)
        self.handled.done(stanza)  # type: ignore[arg-type]
        prefix = next((n for n, (_, done) in enumerate(self.came) if not done), len(self.came))
        assert self.handled.h == (self.base + prefix) % MODULUS
        assert (self.handled.begun, self.handled.finished) == (len(self.came), prefix)


class MachineTests(SynchronousTestCase):
    def test_against_numbers_without_end(self) -> None:
        run_state_machine_as_test(Machine, settings=QUIET)
