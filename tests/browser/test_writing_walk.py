"""The other half of an office's day, walked with two browsers: write, undo, send, be answered."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.composing import ComposeCase
from tests.browser.desk import Office

LARGE = 50_000_000
SLOW = 120_000  # milliseconds for 50 MB on a loaded machine
RULE = """\
enabled = true

[[rule]]
name = "Announce"
when = [{ header = "Subject", contains = "drawing" }]

[[rule.then]]
do = "instant_message"
to = "$RECIPIENT$"
text = "You have received an email from $SENDER$.\\nSubject: $SUBJECT$"
"""


def of_its_own() -> Office:
    """Start an office for the walk."""
    return Office()


class WalkTests(ComposeCase):
    make_office = staticmethod(of_its_own)

    def test_written_undone_sent_announced_answered(self) -> None:
        (self.site.directory / "etc" / "filters.toml").write_text(RULE)
        octets = hashlib.sha256(b"walk").digest() * (LARGE // 32)
        alice, bob = self.start(), self.start(name="bob")
        self._away(bob)
        window = self._write(alice, octets)
        self.undo_within(60)
        self._send(alice, window)
        alice.get_by_role("status").get_by_role("button", name="Undo").click()
        window = self.window_of(alice, "The drawing of the hall")
        expect(window.get_by_role("button", name="Remove drawing.bin")).to_be_visible()
        self.assertEqual(self.mails("bob", "inbox"), [])
        self.undo_within(10)
        self._send(alice, window)
        self._announced(bob)
        self._received(bob, octets)
        self._answered(alice)
        self._told_once(alice, bob)

    def _away(self, page: Page) -> None:
        """Bob switches his automatic replies on."""
        page.goto("/#/settings")
        page.get_by_role("link", name="Automatic replies").click()
        page.get_by_role("switch", name="Automatic replies").check()
        page.get_by_label("Subject").fill("Gone fishing")
        page.get_by_role("textbox", name="Text of the reply").click()
        page.keyboard.type("Back on Monday, $SENDER$.")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved. Automatic replies are on.")).to_be_visible()
        page.goto("/#/mail/inbox")

    def _write(self, page: Page, octets: bytes) -> Locator:
        directory = tempfile.mkdtemp(prefix="mi")
        self.addCleanup(shutil.rmtree, directory)
        path = Path(directory, "drawing.bin")
        path.write_bytes(octets)
        window = self.write(page, "bob", "The drawing of the hall", "Have a look.")
        window.locator("input[type=file]").set_input_files(path)
        expect(window.get_by_role("button", name="Remove drawing.bin")).to_be_visible(timeout=SLOW)
        return window

    def _send(self, page: Page, window: Locator) -> None:
        window.get_by_role("button", name="Send", exact=True).click()
        sent = page.get_by_role("status").filter(has_text="Sent")
        expect(sent).to_be_visible(timeout=SLOW)

    def _announced(self, page: Page) -> None:
        """The rule's instant message pops up, its macros filled in."""
        card = page.locator(".notice-card", has_text="You have received an email")
        expect(card).to_be_visible(timeout=SLOW)
        expect(card).to_contain_text("from alice@example.test")
        expect(card).to_contain_text("Subject: The drawing of the hall")
        self.picture(page, "walk-announced")

    def _received(self, page: Page, octets: bytes) -> None:
        row = page.get_by_role("grid").get_by_text("The drawing of the hall")
        expect(row).to_be_visible(timeout=SLOW)
        row.click()
        with page.expect_download(timeout=SLOW) as waiting:
            page.get_by_role("link", name="drawing.bin").click()
        received = Path(waiting.value.path()).read_bytes()
        self.assertEqual(hashlib.sha256(received).digest(), hashlib.sha256(octets).digest())

    def _answered(self, page: Page) -> None:
        row = page.get_by_role("grid").get_by_text("Gone fishing")
        expect(row).to_be_visible(timeout=SLOW)
        row.click()
        frame = page.frame_locator("iframe.html-frame")
        expect(frame.get_by_text("Back on Monday, alice@example.test.")).to_be_visible()
        self.picture(page, "walk-answered")

    def _told_once(self, page: Page, other: Page) -> None:
        """A second mail is not answered again; nor is the answer announced."""
        window = self.write(page, "bob", "No drawing", "And this.")
        self._send(page, window)
        expect(other.get_by_role("grid").get_by_text("No drawing")).to_be_visible(timeout=SLOW)
        self.assertEqual([each["subject"] for each in self.mails("alice", "inbox")],
                         ["Gone fishing"])  # fmt: skip
