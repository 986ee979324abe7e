"""The administrator's page about the way of mails, and what was refused at the door."""

from __future__ import annotations

import smtplib
import time

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.desk import still
from tests.browser.post_office import AdminMailCase
from tests.fakes.site import DOMAIN


class TraceTests(AdminMailCase):
    def test_by_name(self) -> None:
        self.office.clear()
        self.office.bring("team", "Picnic", "picnic@example.net")
        self.office.until("picnic@example.net", "waits")
        page = self.chief()
        page.goto("/admin/#/trace")
        page.get_by_label("Mail", exact=True).fill("<picnic@example.net>")
        page.get_by_role("button", name="Search").click()
        way = page.locator("section.way")
        expect(way.get_by_role("listitem").first).to_contain_text("Accepted")
        expect(way).to_contain_text("from another server")
        expect(way).to_contain_text(f"alice@{DOMAIN}, Inbox, item")
        expect(way).to_contain_text("refuses connections")
        expect(way).to_contain_text("Next attempt:")
        expect(way.locator(".way-now")).to_contain_text("carl@example.org")
        self.office.clear()  # the page finds out by itself
        expect(way.locator(".way-now")).to_have_count(0)
        expect(way.get_by_role("listitem").last).to_contain_text("Removed")

    def test_by_people_and_back(self) -> None:
        self.office.bring("alice", "Only you", "only-you@example.net")
        found = self.office.until("only-you@example.net", "delivered")["mails"][0]
        page = self.chief()
        page.goto("/admin/#/trace")
        page.get_by_label("To", exact=True).fill(f"alice@{DOMAIN}")
        page.get_by_label("From", exact=True).fill("example.net")
        page.get_by_role("button", name="Search").click()
        results = page.get_by_role("region", name="Results")
        row = results.get_by_role("row").filter(has_text=f"Mail {found['id']}")
        expect(row).to_contain_text("Delivered")
        row.get_by_role("link").click()
        expect(page.locator("section.way")).to_contain_text("Inbox, item")
        page.go_back()
        expect(results).to_be_visible()
        page.get_by_label("To", exact=True).fill("nobody@nowhere.example")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_text("No mail fits")).to_be_visible()

    def test_refused_at_the_door(self) -> None:
        with smtplib.SMTP("localhost", self.site.ports["smtp"], timeout=60) as carl:
            carl.ehlo("mx.example.net")
            carl.mail("carl@example.net")
            self.assertEqual(carl.rcpt(f"missing.person@{DOMAIN}")[0], 550)
        page = self.chief()
        page.goto("/admin/#/trace")
        page.get_by_label("To", exact=True).fill(f"missing.person@{DOMAIN}")
        refused = page.get_by_role("region", name="Refused at the door")
        deadline = time.monotonic() + 60  # it is written within seconds
        while not refused.count() and time.monotonic() < deadline:
            page.get_by_role("button", name="Search").click()
            page.wait_for_timeout(200)
        row = refused.get_by_role("row").filter(has_text=f"missing.person@{DOMAIN}")
        expect(row).to_contain_text("from carl@example.net")
        expect(row).to_contain_text("550 5.1.1 There is no such address here.")
        expect(row).to_contain_text("127.0.0.1")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            still(page)
            violations = Axe().run(page).response["violations"]
            self.assertEqual([(scheme, each["id"]) for each in violations], [])
        page.get_by_label("To", exact=True).fill("somebody.else@example.net")
        page.get_by_role("button", name="Search").click()
        expect(refused).to_have_count(0)

    def test_from_the_queue(self) -> None:
        self.office.clear()
        number = self.office.waiting("From there", "from-there@example.net")
        page = self.chief()
        page.goto("/admin/#/queue")
        page.locator(".queue-mail").click()
        page.get_by_role("button", name="Its way so far").click()
        expect(page.locator("section.way .way-id")).to_have_text("<from-there@example.net>")
        self.assertTrue(page.url.endswith(f"#/trace/{number}"))

    def test_names_of_garbage(self) -> None:
        window = self.window()
        page = window.sign_in("admin")
        for name in ("no%such/mail#?@x", "' OR 1=1 --", "<script>alert(1)</script>", "%"):
            page.goto("/admin/#/trace")
            page.get_by_label("Mail", exact=True).fill(name)
            page.get_by_role("button", name="Search").click()
            expect(page.get_by_role("alert")).to_contain_text("Nothing is known of such a mail.")
            window.forgive("404", "trace")
            window.faults = [one for one in window.faults if "404" not in one]
