"""Script in a mail runs nowhere: not in the application, not in the mail's frame."""

from __future__ import annotations

import re
import time
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.desk import PASSWORD, BrowserCase, Office, Window
from tests.browser.hostile_mail import BODIES, CALL, field_mails, html_mails
from tests.fakes.jmap import Jmap
from tests.fakes.site import DOMAIN


def with_hostile_mail() -> Office:
    """Start an office whose Carla gets mail from Mallory."""
    office = Office()
    office.collect("carla", *html_mails(), *field_mails())
    return office


class HostileMailTests(BrowserCase):
    make_office = staticmethod(with_hostile_mail)

    def setUp(self) -> None:
        super().setUp()
        self.ran: list[str] = []

    def watched(self) -> Window:
        """Open a window in which every frame has `pwned`, and which reaches nobody else."""
        window = self.window()
        window.context.expose_binding("pwned", lambda _, *words: self.ran.append(str(words)))

        def elsewhere(route: Route) -> None:
            self.ran.append(f"asked for {route.request.url}")
            route.abort()

        window.context.route(lambda url: "evil.example" in url, elsewhere)
        window.page.on("dialog", lambda dialog: self.ran.append(dialog.message))
        window.context.on("page", lambda page: self.ran.append(f"opened {page.url}"))
        return window

    def _ids(self) -> dict[str, str]:
        """Give the ids of the hostile mails by subject."""
        jmap = Jmap(self.site, f"carla@{DOMAIN}", PASSWORD)
        wanted = len(BODIES) + len(field_mails())
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = {one["subject"]: one["id"] for one in jmap.emails("id", "subject")}
            if len(found) == wanted:
                return found
        raise AssertionError(f"{len(found)} of {wanted} mails arrived")

    def _poke(self, page: Page) -> None:
        """Do in the frame what a reader may do."""
        frame = page.frame_locator("iframe.html-frame")
        images = page.get_by_role("button", name="Show images")
        if images.count():
            images.click()
        for place in ("#victim", "p", "summary", "button"):
            one = frame.locator(place).first
            if one.count():
                one.hover()
        for link in frame.locator("a").all():
            link.click()

    def test_html_runs_no_script(self) -> None:
        window = self.watched()
        page = window.sign_in("carla")
        ids = self._ids()
        for number in range(len(BODIES)):
            page.goto(f"/#/mail/inbox/{ids[f'Hostile {number}']}")
            expect(page.locator(".reader-subject")).to_have_text(f"Hostile {number}")
            frame = page.frame_locator("iframe.html-frame")
            expect(frame.locator("body")).to_contain_text(f"Hostile body {number}")
            self._poke(page)
            self.assertEqual(self.ran, [], BODIES[number])
        page.wait_for_timeout(300)
        self.assertEqual(self.ran, [])
        expect(page).to_have_url(f"{self.site.url}/#/mail/inbox/{ids['Hostile 31']}")
        del window.faults[:]  # what was blocked is named in the console

    def test_fields_texts_and_attachments_run_no_script(self) -> None:
        window = self.watched()
        page = window.sign_in("carla")
        for subject, email in self._ids().items():
            if not subject.startswith("Hostile ") or subject[8:].isdecimal():
                continue
            page.goto(f"/#/mail/inbox/{email}")
            expect(page.locator(".reader-subject")).to_have_text(subject)
            page.wait_for_timeout(500)
            page.get_by_role("button", name="Details").click()
            self.assertEqual(self.ran, [], subject)
        del window.faults[:]

    def test_a_part_opened_by_itself_runs_no_script(self) -> None:
        """HTML and SVG parts, fetched by their download URLs in a window of their own."""
        jmap = Jmap(self.site, f"carla@{DOMAIN}", PASSWORD)
        self._ids()
        window = self.watched()
        page = window.sign_in("carla")
        parts: list[dict[str, Any]] = [
            part for one in jmap.emails("attachments") for part in one["attachments"]
        ]
        self.assertGreaterEqual(len(parts), 2)
        for part in parts:
            url = f"/jmap/download/{jmap.account}/{part['blobId']}/x.html?accept={part['type']}"
            status = page.evaluate("(url) => fetch(url).then((answer) => answer.status)", url)
            self.assertEqual(status, 200)
            other = window.context.new_page()
            try:
                other.goto(url)
                other.wait_for_timeout(300)
            except Exception as error:  # it may be offered for saving instead
                self.assertIn("Download is starting", str(error))
            self.ran = [one for one in self.ran if not one.startswith("opened")]
            other.close()
            self.assertEqual(self.ran, [], part)
        del window.faults[:]

    def _ran(self, page: Page) -> bool:
        """Wait until something has run."""
        end = time.monotonic() + 20
        while not self.ran and time.monotonic() < end:
            page.wait_for_timeout(50)
        return bool(self.ran)

    def test_the_detector_sees_scripts(self) -> None:
        """Without the house's defences the same bodies do run: in a page, and in a frame."""
        window = self.watched()
        window.context.route(
            re.compile(r"/control/\d+$"),
            lambda route: route.fulfill(
                body=f"<body>{BODIES[int(route.request.url.rpartition('/')[2])]}",
                content_type="text/html",
            ),
        )
        seen = set()
        for number in (0, 1, 3, 5, 6, 7, 17, 18, 20):
            window.page.goto(f"/control/{number}")
            if self._ran(window.page):
                seen.add(number)
            window.page.goto("about:blank")  # what it still says is heard before
            self.ran.clear()
        self.assertEqual(seen, {0, 1, 3, 5, 6, 7, 17, 18, 20})
        window.context.route(
            "**/framed",
            lambda route: route.fulfill(
                body="<iframe sandbox='allow-scripts' src='/control/0'></iframe>",
                content_type="text/html",
            ),
        )
        window.page.goto("/framed")
        self._ran(window.page)
        self.assertEqual(len(self.ran), 1, CALL)
        self.ran.clear()
        window.page.goto("/control/2")
        self._ran(window.page)
        self.assertEqual(self.ran, ["asked for https://evil.example/pwned.js"])
        del window.faults[:]
