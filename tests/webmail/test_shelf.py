"""The shelf of prepared documents: nobody can fill the memory with them."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import NotFound
from mailim.webmail.shelf import EXPIRES, Frame, Shelf


class ShelfTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.shelf = Shelf(self.clock, octets=1000, tokens=5, of_account=3)

    def put(self, account: int, octets: int = 10) -> str:
        token = self.shelf.new_token()
        until = self.clock.seconds() + EXPIRES
        self.shelf.put(token, Frame(account, until, b"x" * octets, "", b"", {}))
        return token

    def test_an_account_pushes_out_its_own(self) -> None:
        other = self.put(1)
        first, *rest = [self.put(2) for _ in range(4)]
        self.assertRaises(NotFound, self.shelf.get, first)
        for token in (other, *rest):
            self.shelf.get(token)

    def test_octets_are_bounded_whatever_happens(self) -> None:
        for number in range(20):
            self.put(number, 400)
            self.assertLessEqual(self.shelf.octets, 1000)
        self.assertEqual(len(self.shelf), 2)
        self.put(99, 5000)  # larger than all: alone, until the next comes
        self.assertEqual(len(self.shelf), 1)
        self.put(100)
        self.assertEqual((len(self.shelf), self.shelf.octets), (1, 10))

    def test_tokens_are_bounded_and_expire(self) -> None:
        tokens = [self.put(number) for number in range(7)]
        self.assertEqual(len(self.shelf), 5)
        self.clock.advance(EXPIRES)
        self.assertRaises(NotFound, self.shelf.get, tokens[-1])
        self.put(50)
        self.assertEqual((len(self.shelf), self.shelf.octets), (1, 10))
        self.assertEqual(len(self.shelf._of_account), 1)
