"""What a window leaves behind when it goes: the focus, and what is on its way."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.browser.composing import ComposeCase

HAS_FOCUS = "() => document.activeElement.closest('.rows, .reader') !== null"


class AfterWritingTests(ComposeCase):
    def hold(self, page: Page) -> list[Route]:
        """Keep every attempt to send from the server; gives those kept so far."""
        kept: list[Route] = []

        def judge(route: Route) -> None:
            if "EmailSubmission/set" in (route.request.post_data or ""):
                kept.append(route)
            else:
                route.continue_()

        page.route("**/jmap/api", judge)
        return kept

    def test_a_letter_closed_while_it_is_sent_stays_until_it_is(self) -> None:
        page = self.start(name="carla")
        window = self.write(page, "bob", "On its way", "Now.")
        self.saved(window)
        kept = self.hold(page)
        with page.expect_request(lambda one: "EmailSubmission/set" in (one.post_data or "")):
            page.keyboard.press("Control+Enter")
        window.get_by_role("button", name="Close and keep").click()
        folded = window.get_by_role("button", name="On its way")
        expect(folded).to_have_attribute("aria-expanded", "false")
        kept.pop().abort()
        page.unroute("**/jmap/api")
        expect(window).to_have_count(0)  # tried again, by itself and on the screen
        self._windows[-1].forgive("Failed to load resource")
        sent = [one for one in self.mails("carla", "sent") if one["subject"] == "On its way"]
        self.assertEqual(len(sent), 1)

    def test_the_focus_goes_on_from_where_it_was(self) -> None:
        page = self.start(name="alice")
        page.get_by_role("button", name="New message").first.click()
        window = self.window_of(page)
        expect(window.get_by_role("combobox", name="To")).to_be_focused()
        page.keyboard.press("Escape")
        expect(window).to_have_count(0)
        expect(page.get_by_role("button", name="New message").first).to_be_focused()
        for how in ("key", "button"):
            page.evaluate("() => document.activeElement.blur()")
            window = self.write(page, "bob", f"Sent by {how}", "Now.")
            if how == "key":
                page.keyboard.press("Control+Enter")
            else:
                window.get_by_role("button", name="Send", exact=True).click()
            expect(window).to_have_count(0)
            page.wait_for_function(HAS_FOCUS)
