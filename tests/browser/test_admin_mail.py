"""The administrator's pages about mail: the queue, the rules, how they all look."""

from __future__ import annotations

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.desk import DESK, PHONE, still
from tests.browser.post_office import RULES, AdminMailCase, mail
from tests.fakes.site import DOMAIN


class QueueTests(AdminMailCase):
    def setUp(self) -> None:
        super().setUp()
        self.office.clear()

    def act(self, page: Page, number: str, name: str) -> None:
        page.get_by_role("button", name=f"Menu of mail {number}").click()
        page.get_by_role("menuitem", name=name).click()

    def test_all_that_can_be_done_with_a_mail(self) -> None:
        number = self.office.waiting("Offer", "offer@example.net")
        page = self.chief()
        page.goto("/admin/#/queue")
        row = page.get_by_role("row").filter(has_text=f"Mail {number}")
        expect(row).to_contain_text("carl@example.org")
        expect(row).to_contain_text("from dora@example.net")
        expect(row).to_contain_text("Waiting")
        expect(row).to_contain_text("refuses connections")
        row.locator(".queue-mail").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("offer@example.net")
        expect(dialog).to_contain_text("1 attempt")
        dialog.get_by_role("button", name="Close").last.click()
        self.act(page, number, "Hold…")
        page.get_by_label("Why, for whoever looks at the queue").fill("Carl moved away")
        page.get_by_role("button", name="Hold", exact=True).click()
        expect(row).to_contain_text(f"Held by admin@{DOMAIN}: Carl moved away")
        page.get_by_label("Only what is held").check()
        expect(row).to_be_visible()
        self.act(page, number, "Let it go")
        expect(page.get_by_text("Nothing is held")).to_be_visible()
        page.get_by_label("Only what is held").uncheck()
        expect(row).to_contain_text("Waiting")
        self.act(page, number, "Try now")
        expect(page.get_by_text("The mail is tried now.")).to_be_visible()
        self.act(page, number, "Remove…")
        page.get_by_role("button", name="Cancel").click()
        expect(row).to_be_visible()
        self.act(page, number, "Remove…")
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_text("Nothing waits")).to_be_visible()
        what = [one["what"] for one in self.office.until(number, "removed")["mails"][0]["events"]]
        for each in ("expanded", "waits", "held", "released", "retried", "removed"):
            self.assertIn(each, what)

    def test_it_lives(self) -> None:
        page = self.chief()
        page.goto("/admin/#/queue")
        expect(page.get_by_text("Nothing waits")).to_be_visible()
        number = self.office.waiting("News", "news@example.net")
        expect(page.get_by_role("row").filter(has_text=f"Mail {number}")).to_be_visible()
        self.office.clear()
        expect(page.get_by_text("Nothing waits")).to_be_visible()

    def test_a_mail_that_went_meanwhile(self) -> None:
        number = self.office.waiting("Gone", "gone@example.net")
        window = self.window()
        page = window.sign_in("admin")
        page.goto("/admin/#/queue")
        page.get_by_role("button", name=f"Menu of mail {number}").click()
        self.office.clear()
        page.get_by_role("menuitem", name="Try now").click()
        expect(page.get_by_text("There is no such mail in the queue.")).to_be_visible()
        window.forgive("404", "queue.retry")

    def test_not_for_others(self) -> None:
        window = self.window()
        page = window.sign_in("alice")
        answer = page.request.post(
            "/admin/api/queue.list", data={}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        self.assertEqual(answer.status, 403)


class FilterTests(AdminMailCase):
    def setUp(self) -> None:
        super().setUp()
        self.office.rules.write_text(RULES)

    def test_rules_in_force_and_a_broken_file(self) -> None:
        page = self.chief()
        page.goto("/admin/#/filters")
        rules = page.get_by_role("region", name="Rules", exact=True)
        expect(rules.get_by_role("heading")).to_have_text(
            ["Invoices go into their folder", "Not yet"]
        )
        first = rules.get_by_role("listitem").first
        expect(first).to_contain_text("On")
        expect(first).to_contain_text("invoice")
        expect(rules.get_by_role("listitem").last).to_contain_text("Off")
        self.office.rules.write_text(RULES.replace('"move"', '"mvoe"'))
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("the last good rules stay in force")
        expect(rules.get_by_role("heading").first).to_have_text("Invoices go into their folder")

    def test_a_pasted_mail(self) -> None:
        page = self.chief()
        page.goto("/admin/#/filters")
        try_it = page.get_by_role("button", name="Try", exact=True)
        expect(try_it).to_be_disabled()
        page.get_by_label("Or its source").fill(
            f"From: ann@example.org\nTo: alice@{DOMAIN}\nSubject: Invoice 17 für <b>dich</b>\n\nx"
        )
        try_it.click()
        result = page.locator(".test-result")
        expect(result).to_contain_text(f"ann@example.org → alice@{DOMAIN}, an account here")
        expect(result.locator(".test-outcome")).to_contain_text("Invoices")
        expect(result).to_contain_text("ann@example.org!")
        first, second = result.locator(".rule").all()
        expect(first).to_contain_text("Matches")
        expect(first.locator(".holds")).to_have_count(1)
        expect(first.locator(".fails")).to_have_count(1)
        expect(first.locator(".holds")).to_contain_text("saw: Invoice 17 für <b>dich</b>")
        expect(second).to_contain_text("off")

    def test_a_file(self) -> None:
        page = self.chief()
        page.goto("/admin/#/filters")
        octets = mail("Lunch", "lunch@x", f"alice@{DOMAIN}").encode() + bytes(range(256)) * 100
        page.get_by_label("A mail as a file (.eml)").set_input_files(
            {"name": "lunch.eml", "mimeType": "message/rfc822", "buffer": octets}
        )
        page.get_by_label("Sender of the envelope").fill("pay@billing.example")
        page.get_by_label("Recipient", exact=True).fill("kim@elsewhere.example")
        page.get_by_label("As mail for another server").check()
        page.get_by_role("button", name="Try", exact=True).click()
        result = page.locator(".test-result")
        expect(result).to_contain_text("kim@elsewhere.example, another server")
        expect(result.locator(".rule").first).to_contain_text("Does not match")
        page.get_by_label("A mail as a file (.eml)").set_input_files(
            {"name": "big.eml", "mimeType": "message/rfc822", "buffer": b"x" * 700_001}
        )
        page.get_by_role("button", name="Try", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("The mail has more than 700 kB.")


def _goes(place: str) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        page.goto(place)

    return go


def _tried(page: Page) -> None:
    page.goto("/admin/#/filters")
    source = mail("Invoice 8", "invoice-8@x", f"alice@{DOMAIN}")
    page.get_by_label("Or its source").fill(source)
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator(".test-result")).to_be_visible()


def _listed(page: Page) -> None:
    page.goto("/admin/#/trace")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("region", name="Results")).to_be_visible()


def _shown(page: Page) -> None:
    page.goto("/admin/#/queue")
    page.locator(".queue-mail").first.click()
    expect(page.get_by_role("dialog").locator(".queue-recipient").first).to_be_visible()


PLACES = {
    "overview": _goes("/admin/#/overview"),
    "queue": _goes("/admin/#/queue"),
    "queue-mail": _shown,
    "trace-list": _listed,
    "filters": _tried,
}


class LooksTests(AdminMailCase):
    def _look(self, scheme: str, size: tuple[int, int]) -> None:
        office = self.office
        office.clear()
        office.rules.write_text(RULES)
        name = f"{scheme}-{size[0]}@example.net"
        office.bring("team", "A look", f"looks-{name}")
        number = str(office.until(f"looks-{name}", "waits")["mails"][0]["id"])
        held = office.waiting("Another", f"another-{name}")
        office.site.call("queue.hold", id=held, reason="Carl moved away")
        page = self.chief(size, color_scheme=scheme, reduced_motion="reduce")
        found = []
        places = {**PLACES, "trace": _goes(f"/admin/#/trace/{number}")}
        for name, show in places.items():
            show(page)
            page.wait_for_timeout(300)  # for what begins to load only now
            still(page)
            self.picture(page, f"admin-{name}-{scheme}-{size[0]}")
            result = Axe().run(page)
            for violation in result.response["violations"]:
                nodes = [node["target"] for node in violation["nodes"]][:4]
                found.append(f"{name}: axe {violation['id']} ({violation['help']}) {nodes}")
            wide = page.evaluate("document.querySelector('main').scrollWidth - innerWidth")
            if wide > 0:
                found.append(f"{name}: {wide} pixels too wide")
        self.assertEqual(found, [], "\n".join(found))

    def test_light(self) -> None:
        self._look("light", DESK)

    def test_dark(self) -> None:
        self._look("dark", DESK)

    def test_light_on_a_phone(self) -> None:
        self._look("light", PHONE)

    def test_dark_on_a_phone(self) -> None:
        self._look("dark", PHONE)
