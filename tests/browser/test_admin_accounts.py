"""What an administrator does to an account from its menu."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.post_office import AdminMailCase
from tests.fakes.site import DOMAIN

ALICE = f"alice@{DOMAIN}"


class RestoringTests(AdminMailCase):
    def ask(self, page: Page) -> None:
        page.get_by_role("row").filter(has_text=ALICE).get_by_role("button").last.click()
        page.get_by_role("menuitem", name="Restore contact list").click()
        expect(page.get_by_role("dialog")).to_contain_text(f"{ALICE} sees all colleagues again")

    def done(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.site.call(
            "record.search", kind="operation", text="im.restore"
        )
        return found

    def test_the_contact_list_of_an_account(self) -> None:
        page = self.chief()
        page.goto("/admin/#/users")
        self.ask(page)
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        self.assertEqual(self.done(), [])
        self.ask(page)
        page.get_by_role("button", name="Restore", exact=True).click()
        expect(page.get_by_text("The contact list is restored.")).to_be_visible()
        [one] = self.done()
        self.assertEqual(one["details"]["address"], ALICE)

    def test_that_it_could_not_be_done_is_said(self) -> None:
        window = self.window()
        page = window.sign_in("admin")
        page.goto("/admin/#/users")
        self.ask(page)
        page.route("**/admin/api/im.restore", lambda route: route.abort())
        page.get_by_role("button", name="Restore", exact=True).click()
        expect(page.get_by_text("The contact list could not be restored.")).to_be_visible()
        window.forgive("ERR_FAILED")
