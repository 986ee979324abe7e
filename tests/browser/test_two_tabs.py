"""One draft in two tabs of a browser, and in two browsers: one writes, and nothing is lost."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.composing import ComposeCase

ELSEWHERE = "This draft is open in another tab."


class TwoTabsTests(ComposeCase):
    def _second(self, page: Page, row: str) -> Page:
        """Open another tab of the same browser at a row of the drafts."""
        other = page.context.new_page()
        other.goto("/#/mail/drafts")
        other.get_by_role("grid").get_by_text(row).click()
        return other

    def _text(self, window: Locator) -> Locator:
        return window.get_by_role("textbox", name="Text")

    def _drafts(self, name: str, subject: str) -> list[str]:
        found = self.mails(name, "drafts", "preview")
        return sorted(each["preview"] for each in found if each["subject"] == subject)

    def _discard(self, page: Page) -> None:
        page.get_by_role("button", name="Discard", exact=True).click()
        expect(page.locator(".compose-window")).to_have_count(0)

    def test_one_tab_writes_the_other_says_so_and_takes_it_over(self) -> None:
        page = self.start(name="carla")
        window = self.write(page, "bob", "Twice open", "From the first tab.")
        self.saved(window)
        other = self._second(page, "Twice open")
        there = self.window_of(other, "Twice open")
        expect(there.get_by_text(ELSEWHERE)).to_be_visible()
        expect(self._text(there)).to_have_count(0)
        self.picture(other, "draft-in-another-tab")
        page.bring_to_front()
        page.keyboard.type(" Not saved yet")  # and taken over before it is
        other.bring_to_front()
        there.get_by_role("button", name="Continue writing here").click()
        expect(self._text(there)).to_have_text("From the first tab. Not saved yet")
        expect(window.get_by_text(ELSEWHERE)).to_be_visible()
        expect(self._text(there)).to_be_focused()
        other.keyboard.press("Control+End")
        other.keyboard.type(", but here.")
        self.saved(there)
        whole = "From the first tab. Not saved yet, but here."
        self.assertEqual(self._drafts("carla", "Twice open"), [whole])
        # And back again; the one that is left follows by itself.
        page.bring_to_front()
        window.get_by_role("button", name="Continue writing here").click()
        expect(self._text(window)).to_have_text(whole)
        expect(there.get_by_text(ELSEWHERE)).to_be_visible()
        window.get_by_role("button", name="Close and keep").click()
        expect(self._text(there)).to_have_text(whole)
        self.assertEqual(self._drafts("carla", "Twice open"), [whole])
        self._discard(other)

    def test_what_is_sent_in_one_tab_leaves_the_other(self) -> None:
        page = self.start(name="carla")
        window = self.write(page, "bob", "Off it goes", "Now.")
        self.saved(window)
        other = self._second(page, "Off it goes")
        expect(other.get_by_text(ELSEWHERE)).to_be_visible()
        page.bring_to_front()
        window.get_by_role("button", name="Send", exact=True).click()
        expect(window).to_have_count(0)
        expect(other.locator(".compose-window")).to_have_count(0)

    def test_a_tab_that_is_gone_keeps_nothing(self) -> None:
        page = self.start(name="carla")
        window = self.write(page, "bob", "Left behind", "A word.")
        self.saved(window)
        other = self._second(page, "Left behind")
        there = self.window_of(other, "Left behind")
        expect(there.get_by_text(ELSEWHERE)).to_be_visible()
        page.close()
        there.get_by_role("button", name="Continue writing here").click()
        expect(self._text(there)).to_have_text("A word.")
        self._discard(other)

    def test_two_browsers_are_told_and_both_versions_stay(self) -> None:
        page = self.start(name="carla")
        window = self.write(page, "bob", "Two desks", "Begun")
        self.saved(window)
        other = self.start(name="carla")  # another browser: no lock reaches it
        other.goto("/#/mail/drafts")
        other.get_by_role("grid").get_by_text("Two desks").click()
        there = self.window_of(other, "Two desks")
        expect(self._text(there)).to_have_text("Begun")
        self._text(window).press("Control+End")
        page.keyboard.type(" at the first desk")
        self.saved(window)
        self._text(there).press("Control+End")
        other.keyboard.type(" at the second desk")
        asked = there.get_by_role("alert").filter(has_text="changed, sent or deleted elsewhere")
        expect(asked).to_be_visible()
        self.picture(other, "draft-changed-elsewhere")
        self.assertEqual(self._drafts("carla", "Two desks"), ["Begun at the first desk"])
        there.get_by_role("button", name="Save as a new draft").click()
        expect(asked).to_have_count(0)
        self.saved(there)
        self.assertEqual(
            self._drafts("carla", "Two desks"),
            ["Begun at the first desk", "Begun at the second desk"],
        )
        self._discard(other)
        self._discard(page)
