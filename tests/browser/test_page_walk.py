"""Small things that one meets while walking through the page."""

from __future__ import annotations

from urllib.parse import quote

from playwright.sync_api import Route, expect

from tests.browser.composing import ComposeCase
from tests.browser.desk import PASSWORD
from tests.fakes.site import DOMAIN

_SPY = """
    window.asked = [];
    const register = navigator.registerProtocolHandler?.bind(navigator);  // none in about:blank
    navigator.registerProtocolHandler = (scheme, url) => {
        register(scheme, url);  // the browser's own, which refuses what it does not take
        window.asked.push([scheme, url]);
    };
"""
_LINK = "mailto:order@customer.example?subject=Order%207%20%26%208&body=a%2Bb"


class MailLinkTests(ComposeCase):
    def test_the_browser_is_asked_and_its_way_leads_to_a_letter(self) -> None:
        window = self.window()
        window.context.add_init_script(_SPY)
        page = window.sign_in("bob")
        page.goto("/#/settings")
        page.get_by_role("button", name="Open mail links here").click()
        expect(page.get_by_text("Your browser may ask now")).to_be_visible()
        [[scheme, template]] = page.evaluate("asked")
        self.assertEqual((scheme, template), ("mailto", f"{self.site.url}/#/mailto/%s"))
        # As the browser fills it in (HTML, "convert a navigation to a handler's URL").
        opened = page.context.new_page()
        opened.goto(template.replace("%s", quote(_LINK, safe="")))
        letter = self.window_of(opened, "Order 7 & 8")
        expect(letter.get_by_role("button", name="Remove order@customer.example")).to_be_visible()
        expect(letter.get_by_role("textbox", name="Text")).to_have_text("a+b")
        letter.get_by_role("button", name="Discard").click()

    def test_signing_in_first_loses_no_link(self) -> None:
        window = self.window()
        page = window.page
        page.goto(f"/#/mailto/{quote(_LINK, safe='')}")
        page.wait_for_url("**/login#/mailto/**")
        for password in ("wrong", PASSWORD):
            page.get_by_label("Address").fill(f"bob@{DOMAIN}")
            page.get_by_label("Password", exact=True).fill(password)
            page.get_by_role("button", name="Sign in").click()
            if password == "wrong":
                expect(page.get_by_role("alert")).to_contain_text("wrong")
        letter = self.window_of(page, "Order 7 & 8")
        expect(letter.get_by_role("button", name="Remove order@customer.example")).to_be_visible()
        letter.get_by_role("button", name="Discard").click()
        window.forgive("403")


class KeySheetTests(ComposeCase):
    def test_the_keys_of_letters_are_told(self) -> None:
        page = self.start(name="bob")
        page.keyboard.press("?")
        sheet = page.get_by_role("dialog", name="Keys")
        expect(sheet.get_by_text("Ctrl Enter")).to_be_visible()
        expect(sheet.get_by_text("Close and keep the draft")).to_be_visible()
        self.picture(page, "keys")


class SlowNetworkTests(ComposeCase):
    def test_who_asks_again_or_types_ahead_waits_for_one_window(self) -> None:
        page = self.start(name="alice")
        row = page.get_by_role("grid").get_by_text("AW: Planks")
        row.click()
        expect(page.get_by_role("button", name="Forward").last).to_be_visible()
        held: list[Route] = []
        slow = [True]

        def hold(route: Route) -> None:
            if slow:
                held.append(route)
            else:
                route.continue_()

        page.route("**/static/*.js", hold)
        button = page.get_by_role("button", name="New message").first
        page.keyboard.type("ce")  # a letter; and its text begins with what would archive
        for _ in range(2):
            button.click()
        expect(page.get_by_role("status").filter(has_text="Opening…")).to_be_visible()
        slow.clear()
        for route in held:
            route.continue_()
        expect(self.window_of(page).get_by_role("textbox", name="Text")).to_be_visible()
        expect(page.locator(".compose-window")).to_have_count(1)
        expect(page.get_by_text("Opening…")).to_have_count(0)
        expect(row).to_be_visible()
        button.click()  # asked for again it is another one
        expect(page.locator(".compose-window")).to_have_count(2)


class ReaderTests(ComposeCase):
    def test_one_is_me_among_the_recipients(self) -> None:
        page = self.start(name="alice")
        page.get_by_role("grid").get_by_text("AW: Planks").click()
        shown = page.get_by_text("to me, Carla Ruiz, tomas@customer.example")
        expect(shown).to_be_visible()
