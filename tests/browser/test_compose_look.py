"""How writing mail looks: axe-core has nothing to say, light and dark, on a desk and a phone."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.browser.composing import ComposeCase
from tests.browser.desk import DESK, PHONE, still


def _but_for_slow_ones(route: Route) -> None:
    if "slow" not in str(route.request.post_data):
        route.continue_()


class LookTests(ComposeCase):
    def _axe(self, page: Page, name: str) -> list[str]:
        page.wait_for_timeout(300)  # for what begins to move only now
        still(page)
        found = Axe().run(page, context={"exclude": [["iframe.html-frame"]]})
        return [f"{name}: {each['id']} {[node['target'] for node in each['nodes']][:3]}"
                for each in found.response["violations"]]  # fmt: skip

    def _look(self, size: tuple[int, int], scheme: str) -> None:
        page = self.start(size, color_scheme=scheme, reduced_motion="reduce")
        found: list[str] = []
        tag = f"{size[0]}-{scheme}"
        page.get_by_role("button", name="New message").last.click()
        window = self.window_of(page)
        expect(window.get_by_role("toolbar", name="Formatting")).to_be_visible()
        found += self._axe(page, "empty")
        self.picture(page, f"compose-empty-{tag}")
        field = window.get_by_role("combobox", name="To")
        field.fill("bob@example.org, Carla Ruiz <carla@example.test>, not one,")
        window.get_by_role("button", name="Add Cc").click()
        window.get_by_label("Subject").fill("Offer for the new shelves")
        window = self.window_of(page, "Offer for the new shelves")
        window.get_by_role("textbox", name="Text").click()
        page.keyboard.type("Dear all,\nhere is what we can offer.")
        page.route(
            "**/jmap/upload/**",
            lambda route: None if "slow" in str(route.request.post_data) else route.continue_(),
        )
        files = [
            {"name": "offer.pdf", "mimeType": "application/pdf", "buffer": b"x" * 80_000},
            {"name": "slow.txt", "mimeType": "text/plain", "buffer": b"slow" * 20_000},
        ]
        window.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]
        expect(window.get_by_role("button", name="Remove offer.pdf")).to_be_visible()
        window.get_by_role("button", name="Send", exact=True).click()
        found += self._axe(page, "full")
        self.picture(page, f"compose-{tag}")
        if size == DESK:
            page.get_by_role("button", name="New message").first.click()
            second = self.window_of(page)
            second.get_by_role("button", name="Formatted text").click()
            window.get_by_role("button", name="Fold").click()
            found += self._axe(page, "two")
            self.picture(page, f"compose-two-{tag}")
            second.get_by_role("button", name="Full size").click()
            found += self._axe(page, "full size")
            self.picture(page, f"compose-large-{tag}")
            page.evaluate("localStorage.removeItem('compose-format')")
        page.unroute_all(behavior="ignoreErrors")
        self.assertEqual(found, [], "\n".join(found))

    def test_light(self) -> None:
        self._look(DESK, "light")

    def test_dark(self) -> None:
        self._look(DESK, "dark")

    def test_light_on_a_phone(self) -> None:
        self._look(PHONE, "light")

    def test_dark_on_a_phone(self) -> None:
        self._look(PHONE, "dark")
