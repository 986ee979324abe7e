"""Killed at any point of an EmailSubmission/set, nothing that was sent is left a draft."""

from __future__ import annotations

from tests.fakes.crash_case import CrashCase


class OnSuccessCrashTest(CrashCase):
    """RFC 8621 section 7.5: a submission and the Email/set it implies."""

    async def test_killed_while_a_client_sends_its_drafts(self) -> None:
        clean, crashes = await self.crash("tests.protocols.jmap.crashing_on_success")
        # One identity, three submissions with what they imply, one called back, two moved
        # into the spool, two delivered.
        self.assertGreaterEqual(clean["units"], 9)
        self.assertEqual(len(crashes), 3 * clean["units"])
        for found in (clean, *crashes):
            point = found["point"]
            self.assertEqual(found["torn"], [], point)
            self.assertEqual(found["bob"], ["destroyed", "moved"], point)
            self.assertEqual(found["ann"], ["called back", "moved"], point)
            self.assertEqual(found["drafts"], ["called back"], point)
            self.assertEqual(found["statuses"], ["canceled", "final", "final"], point)
