"""Killed while rules are at work, what they want is in the end done, and done once."""

from __future__ import annotations

from tests.fakes.crash_case import CrashCase
from tests.mail.crashing_filter import JUDGED


class FilterCrashTest(CrashCase):
    """`crashing_filter` does it; here is what must come out."""

    async def test_killed_everywhere(self) -> None:
        clean, crashes = await self.crash("tests.mail.crashing_filter")
        # Each that is judged has a unit of its own; four more deliver, bring and relay.
        self.assertGreaterEqual(clean["units"], JUDGED + 4)
        self.assertEqual(len(crashes), JUDGED + 2 * clean["units"])
        for found in (clean, *crashes):
            point = found["point"]
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
