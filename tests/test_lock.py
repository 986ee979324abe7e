"""The lock of a site: one holder, named to the next; given back once."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Unavailable
from mailim.lock import SiteLock


class SiteLockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.var = Path(self.mktemp())

    def test_the_second_is_told_who_is_there(self) -> None:
        lock = SiteLock(self.var)
        error = self.assertRaises(Unavailable, SiteLock, self.var)
        self.assertIn("another process works on", error.text)
        self.assertIn(str(os.getpid()), error.text)
        lock.release()
        SiteLock(self.var).release()

    def test_giving_it_back_twice_closes_nobody_elses_file(self) -> None:
        lock = SiteLock(self.var)
        lock.release()
        other = os.open(os.devnull, os.O_RDONLY)  # gets the number just freed
        lock.release()
        os.close(other)

    def test_a_directory_that_cannot_be_made(self) -> None:
        self.var.write_text("a file")
        error = self.assertRaises(Unavailable, SiteLock, self.var / "var")
        self.assertIn(str(self.var), error.text)
