"""Killed at any point of its way, a mail is in the end exactly once where it belongs."""

from __future__ import annotations

from tests.fakes.crash_case import CrashCase
from tests.mail.crashing_submission import RANDOM_RUNS


class CrashTest(CrashCase):
    """The programs `crashing_…` do it; here is what must come out."""

    async def test_killed_on_the_way_out(self) -> None:
        """At least once to other servers, exactly once here, and the sender told once."""
        clean, crashes = await self.crash("tests.mail.crashing_relay")
        self.assertEqual(clean["sent"], ["carl@example.org", "dora@example.org"])
        ends = ["delivered ann@example.test", "delivered bob@example.test", "failed no@example.org",
                "notice ", "relayed carl@example.org", "relayed dora@example.org"]  # fmt: skip
        # Two of bringing, two of sending, two of delivery, the notice.
        self.assertGreaterEqual(clean["units"], 7)
        self.assertEqual(len(crashes), 3 * clean["units"])
        for found in (clean, *crashes):
            point = found["point"]
            self.assertEqual(sorted(set(found["sent"])), clean["sent"], point)
            self.assertLessEqual(len(found["sent"]), 4, point)  # what was under way, again
            self.assertEqual((found["bob"], found["ann"]), (["two"], ["Mail not delivered"]), point)
            self.assertEqual(found["spool"], [], point)
            self.assertEqual(found["trace"], ends, point)

    async def test_killed_while_answering(self) -> None:
        """Both mails are there once, and their sender was answered once."""
        clean, crashes = await self.crash("tests.mail.crashing_autoreply")
        # Two of bringing, two of delivery, one of which answers, and the answer's own.
        self.assertGreaterEqual(clean["units"], 5)
        self.assertEqual(len(crashes), 3 * clean["units"])
        for found in (clean, *crashes):
            point = found["point"]
            self.assertEqual(found["bob"], ["first", "second"], point)
            self.assertIn(found["ann"], (["Auto: first"], ["Auto: second"]), point)
            self.assertEqual(found["spool"], [], point)

    async def test_killed_everywhere(self) -> None:
        clean, crashes = await self.crash("tests.mail.crashing_child")
        # Three units of bringing, one of expansion at least, four of delivery, one of holding.
        self.assertGreaterEqual(clean["units"], 9)
        self.assertEqual(len(crashes), 3 * clean["units"])
        for found in (clean, *crashes):
            point = found["point"]
            self.assertEqual(found["bob"], ["first", "second"], point)
            self.assertEqual(found["ann"], ["second", "third"], point)
            self.assertEqual(found["spool"], [["nobody@example.test"]], point)
            self.assertTrue(found["whole"], point)

    async def test_killed_while_sending_what_was_submitted(self) -> None:
        clean, crashes = await self.crash("tests.mail.crashing_submission")
        # Three accepted, one called back, two drafts destroyed, two moved, four delivered.
        self.assertGreaterEqual(clean["units"], 12)
        self.assertEqual(len(crashes), 3 * clean["units"] + RANDOM_RUNS)
        for found in (clean, *crashes):
            point = found["point"]
            self.assertEqual(found["bob"], ["first", "second"], point)
            self.assertEqual(found["ann"], ["first", "second"], point)
            self.assertEqual(found["statuses"], ["final", "final", "canceled"], point)
            self.assertTrue(found["hidden"], point)
