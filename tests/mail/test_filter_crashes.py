"""Killed while rules are at work, what they want is in the end done, and done once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.fakes.store import short_directory
from tests.mail.crashing_filter import JUDGED

REPOSITORY = Path(__file__).parents[2]


class FilterCrashTest(TestCase):
    """`crashing_filter` does it; here is what must come out."""

    timeout = 300

    async def test_killed_everywhere(self) -> None:
        out, err, code = await getProcessOutputAndValue(
            sys.executable,
            ["-m", "tests.mail.crashing_filter", str(short_directory(self))],
            env=dict(os.environ),
            path=str(REPOSITORY),
            reactor=reactor,
        )
        self.assertEqual(code, 0, err.decode())
        clean, *crashes = map(json.loads, out.splitlines())
        self.assertEqual(clean["end"], "done", err.decode())
        # Each that is judged has a unit of its own; four more deliver, bring and relay.
        self.assertGreaterEqual(clean["units"], JUDGED + 4)
        self.assertEqual(len(crashes), JUDGED + 2 * clean["units"])
        for found in (clean, *crashes):
            point = found["point"]
            if found is not clean:
                self.assertEqual(found["end"], "killed", f"{point}\n{err.decode()}")
            self.assertEqual(found["bob"], ["Bob first", "Bob second", "Bob third"], point)
            self.assertEqual(found["ann"], [], point)
            archive = ["Inbox first", "Inbox second", "Inbox third"]
            self.assertEqual(found["archive"], archive, point)
            self.assertEqual(found["held"], [["ann@example.test", "held", True]], point)
            # Each text holds a number of chance, so that a second one would stand beside it.
            told = [
                "first for bob@example.test",
                "second for ann@example.test",
                "second for bob@example.test",
                "third for ann@example.test",
                "third for bob@example.test",
            ]
            self.assertEqual(found["told"], told, point)
            # What was handed over and not written down goes out again, with the same header.
            self.assertEqual(set(found["sent"]), {"carl@example.org X-Out: first"}, point)
            self.assertLessEqual(len(found["sent"]), 2, point)
