"""The login limiter: what is counted, what is forgotten, what stays bounded."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailim.accounts.limiter import LoginLimiter, network_of
from mailim.errors import RateLimited

ALICE = "alice@example.test"


class LimiterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limiter = LoginLimiter(
            self.clock, per_account=5, per_peer=8, window=100.0, max_entries=50
        )

    def fail_times(self, count: int, address: str = ALICE, peer: str = "192.0.2.1") -> None:
        for _ in range(count):
            self.limiter.check(address, peer)
            self.limiter.failed(address, peer)

    def assert_limited(self, address: str, peer: str) -> float:
        error = self.assertRaises(RateLimited, self.limiter.check, address, peer)
        self.assertGreater(error.retry_after, 0)
        self.assertNotIn(address, str(error))
        return float(error.retry_after)

    def test_account_is_limited_from_everywhere_new(self) -> None:
        for number in range(5):
            self.fail_times(1, peer=f"192.0.2.{number}")
        wait = self.assert_limited(ALICE, "198.51.100.1")
        self.assertAlmostEqual(wait, 20.0)
        self.limiter.check("bob@example.test", "192.0.2.1")

    def test_network_is_limited_for_every_account(self) -> None:
        for number in range(8):
            self.fail_times(1, address=f"a{number}@example.test")
        self.assert_limited("bob@example.test", "192.0.2.1")
        self.limiter.check("bob@example.test", "192.0.2.2")

    def test_failures_are_forgotten_evenly(self) -> None:
        self.fail_times(5)
        wait = self.assert_limited(ALICE, "192.0.2.1")
        self.clock.advance(wait)
        self.fail_times(1)
        self.assert_limited(ALICE, "192.0.2.1")
        self.clock.advance(100)
        self.fail_times(5)
        self.assert_limited(ALICE, "192.0.2.1")

    def test_failures_while_limited_do_not_prolong_it_without_end(self) -> None:
        self.fail_times(5)
        for _ in range(100):
            self.limiter.failed(ALICE, "192.0.2.1")
        self.assertLessEqual(self.assert_limited(ALICE, "192.0.2.1"), 20.0)

    def test_known_peer_is_not_locked_out_by_others(self) -> None:
        self.limiter.succeeded(ALICE, "203.0.113.5")
        for number in range(20):
            self.limiter.failed(ALICE, f"192.0.2.{number}")
        self.assert_limited(ALICE, "198.51.100.1")
        self.limiter.check(ALICE, "203.0.113.5")
        # Nor by a colleague's broken client behind the same address.
        for number in range(20):
            self.limiter.failed(f"a{number}@example.test", "203.0.113.5")
        self.assert_limited("bob@example.test", "203.0.113.5")
        self.limiter.check(ALICE, "203.0.113.5")

    def test_known_peer_is_limited_by_its_own_failures(self) -> None:
        self.limiter.succeeded(ALICE, "203.0.113.5")
        self.fail_times(5, peer="203.0.113.5")
        self.assert_limited(ALICE, "203.0.113.5")
        self.limiter.check(ALICE, "192.0.2.1")  # they do not count for elsewhere

    def test_success_does_not_pay_for_guessing_elsewhere(self) -> None:
        self.limiter.succeeded("mallory@example.test", "192.0.2.1")
        for number in range(8):
            self.limiter.failed(f"a{number}@example.test", "192.0.2.1")
            self.limiter.succeeded("mallory@example.test", "192.0.2.1")
        self.assert_limited("bob@example.test", "192.0.2.1")
        for number in range(5):
            self.limiter.failed(ALICE, f"198.51.100.{number}")
            self.limiter.succeeded(ALICE, "203.0.113.5")
        self.assert_limited(ALICE, "198.51.100.77")

    def test_ipv6_counts_by_64(self) -> None:
        self.fail_times(4, peer="2001:db8::1")
        self.fail_times(1, peer="2001:db8::ffff:2")
        self.limiter.failed("x@example.test", "2001:db8::1")
        self.assertEqual(network_of("2001:db8::1"), network_of("2001:db8:0:0:9::1"))
        self.assertNotEqual(network_of("2001:db8::1"), network_of("2001:db8:0:1::1"))
        self.assertEqual(network_of("::ffff:192.0.2.1"), "192.0.2.1")
        self.assertEqual(network_of("fe80::1%eth0"), "fe80::/64")
        self.assertEqual(network_of("/var/admin.sock"), "/var/admin.sock")
        self.assertLessEqual(len(network_of("x" * 1000)), 64)

    def test_attempts_at_once_are_counted_before_their_outcome(self) -> None:
        attempts = [self.limiter.begin(ALICE, "192.0.2.1") for _ in range(5)]
        self.assertRaises(RateLimited, self.limiter.begin, ALICE, "192.0.2.1")
        attempts[0].cancelled()
        self.limiter.begin(ALICE, "192.0.2.1").cancelled()
        attempts[1].succeeded()
        self.limiter.check(ALICE, "192.0.2.1")
        for number in range(2):  # what was taken back is not counted elsewhere either
            self.limiter.begin(ALICE, f"198.51.100.{number}")
        self.assert_limited(ALICE, "198.51.100.9")

    def test_same_wrong_password_counts_a_tenth(self) -> None:
        for _ in range(35):
            self.limiter.begin(ALICE, "192.0.2.1").repeated()
        self.limiter.check(ALICE, "192.0.2.1")
        for _ in range(6):
            self.limiter.begin(ALICE, "192.0.2.1").repeated()
        self.assert_limited(ALICE, "192.0.2.1")

    def test_memory_is_bounded(self) -> None:
        for number in range(1000):
            self.limiter.failed(f"a{number}@example.test", f"10.0.{number // 250}.{number % 250}")
            self.limiter.succeeded(f"b{number}@example.test", "192.0.2.1")
        held = self.limiter
        self.assertEqual(len(held._good), 50)
        self.assertEqual(len(held._accounts._empty_at), 50)
        self.assertEqual(len(held._networks._empty_at), 50)
        # The newest are the ones that are kept.
        self.limiter.succeeded("b999@example.test", "192.0.2.1")
        self.assertEqual(len(held._good), 50)
