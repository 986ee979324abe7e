"""One-time tokens."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailim.accounts.tokens import OneTimeTokens
from mailim.interfaces.accounts import Account


def account(id_: int) -> Account:
    return Account(id_, 1, f"a{id_}@example.test", "", False, True, True, 0, None)


class OneTimeTokensTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.tokens = OneTimeTokens(self.clock, max_tokens=10, max_per_account=3)

    def test_serves_once(self) -> None:
        token = self.tokens.issue(account(7), "chat")
        self.assertEqual(self.tokens.redeem(token, "chat"), 7)
        self.assertIsNone(self.tokens.redeem(token, "chat"))
        self.assertEqual(len(self.tokens), 0)

    def test_expires(self) -> None:
        token = self.tokens.issue(account(7), "chat", seconds=60)
        late = self.tokens.issue(account(7), "chat", seconds=60)
        self.clock.advance(59.9)
        self.assertEqual(self.tokens.redeem(token, "chat"), 7)
        self.clock.advance(0.1)
        self.assertIsNone(self.tokens.redeem(late, "chat"))

    def test_other_purpose_uses_it_up(self) -> None:
        token = self.tokens.issue(account(7), "body")
        self.assertIsNone(self.tokens.redeem(token, "chat"))
        self.assertIsNone(self.tokens.redeem(token, "body"))

    def test_junk(self) -> None:
        self.tokens.issue(account(7), "chat")
        for text in ("", "x" * 43, "é" * 43, "x" * 1_000_000):
            self.assertIsNone(self.tokens.redeem(text, "chat"))
        self.assertEqual(len(self.tokens), 1)

    def test_bounds(self) -> None:
        other = self.tokens.issue(account(1), "chat")
        mine = [self.tokens.issue(account(7), "chat") for _ in range(50)]
        self.assertEqual(len(self.tokens), 4)
        self.assertIsNone(self.tokens.redeem(mine[46], "chat"))
        self.assertEqual(self.tokens.redeem(mine[47], "chat"), 7)
        self.assertEqual(self.tokens.redeem(other, "chat"), 1)
        for number in range(100, 150):
            self.tokens.issue(account(number), "chat")
        self.assertEqual(len(self.tokens), 10)
        self.assertEqual(len(self.tokens._by_account), 10)

    def test_expired_ones_are_dropped(self) -> None:
        for number in range(5):
            self.tokens.issue(account(number), "chat", seconds=10)
        self.clock.advance(11)
        self.tokens.issue(account(9), "chat")
        self.assertEqual(len(self.tokens), 1)

    def test_forget(self) -> None:
        token = self.tokens.issue(account(7), "chat")
        self.tokens.forget(7)
        self.tokens.forget(8)
        self.assertIsNone(self.tokens.redeem(token, "chat"))

    def test_tokens_are_not_kept(self) -> None:
        token = self.tokens.issue(account(7), "chat")
        self.assertEqual(len(token), 43)
        self.assertNotIn(token, repr(vars(self.tokens)))

    def test_the_session_behind_it(self) -> None:
        token = self.tokens.issue(account(7), "chat", session=b"s")
        self.assertEqual(self.tokens.session_behind(token), b"")  # not redeemed yet
        self.assertEqual(self.tokens.redeem(token, "chat"), 7)
        self.assertEqual(self.tokens.session_behind(token), b"s")
        self.assertEqual(self.tokens.session_behind(token), b"")
        self.assertEqual(self.tokens.session_behind("\udcff"), b"")

    def test_ends_with_its_session(self) -> None:
        token = self.tokens.issue(account(7), "chat", session=b"s")
        other = self.tokens.issue(account(7), "chat", session=b"t")
        self.tokens.end_sessions((b"s",))
        self.assertIsNone(self.tokens.redeem(token, "chat"))
        self.assertEqual(self.tokens.redeem(other, "chat"), 7)
