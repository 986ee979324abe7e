"""The purpose of the house, walked with two browsers: mail collected, chat recorded."""

from __future__ import annotations

import re
import time
from email.message import EmailMessage

from playwright.sync_api import Page, Route, expect

from tests.browser.desk import DESK, BrowserCase, Office, Window
from tests.browser.sample_mail import week
from tests.fakes.site import DOMAIN

_HTML = """<html><body><h2>Offer</h2><p>See the <b>picture</b>.</p>
<p id="victim">untouched</p>
<img src="https://pictures.example/pixel.svg" alt="A picture">
<img src="x" onerror="document.getElementById('victim').textContent='changed'">
<script>document.getElementById('victim').textContent = 'changed'; top.location = '/'</script>
</body></html>"""


def of_its_own() -> Office:
    """Start an office for the walk."""
    return Office()


def html_mail() -> bytes:
    """Make a mail with script and an image from elsewhere."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "Mallory <mallory@outside.example>", "alice@provider.example"
    mail["Subject"] = "With a script in it"
    mail["Message-ID"] = "<script@outside.example>"
    mail.set_content("plain words")
    mail.add_alternative(_HTML, subtype="html")
    return mail.as_bytes()


class SignInTests(BrowserCase):
    def test_without_javascript(self) -> None:
        window = self.window(java_script_enabled=False)
        page = window.page
        page.goto("/")
        expect(page).to_have_url(re.compile("/login$"))
        page.get_by_label("Address").fill(f"alice@{DOMAIN}")
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("wrong", ignore_case=True)
        window.forgive("403", "/login")
        expect(page.get_by_label("Address")).to_have_value(f"alice@{DOMAIN}")
        expect(page.get_by_label("Password")).to_have_value("")
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(re.compile("/$"))
        cookies = {cookie["name"]: cookie for cookie in window.context.cookies()}
        session = cookies["__Host-sid"]
        self.assertTrue(session["httpOnly"] and session["secure"])
        self.assertEqual((session["sameSite"], session["path"]), ("Lax", "/"))
        # Nobody fetches what was preloaded for scripts: Chromium may have said so by now.
        window.faults = [one for one in window.faults if "using link preload" not in one]

    def test_signing_out_ends_the_session(self) -> None:
        window = self.window()
        page = window.sign_in("alice")
        cookies = window.context.cookies()
        page.get_by_role("button", name="Account of").click()
        page.get_by_role("menuitem", name="Sign out").click()
        expect(page).to_have_url(re.compile("/login$"))
        again = self.window()
        again.context.add_cookies(cookies)  # type: ignore[arg-type]
        again.page.goto("/")
        expect(again.page).to_have_url(re.compile("/login$"))

    def test_what_is_under_way_ends_before_the_session(self) -> None:
        """On a slow way back nothing asks in vain: each such question would be a fault."""
        window = self.window()
        page = window.sign_in("alice")

        def late(route: Route) -> None:
            headers = {**route.request.headers, "sec-fetch-site": "same-origin"}
            answer = route.fetch(headers=headers, max_redirects=0)
            time.sleep(2)  # as long as chat waits, at most, before it asks again
            route.fulfill(response=answer)

        page.route("**/logout", late)
        page.get_by_role("button", name="Your presence: Online").wait_for()
        page.keyboard.press("c")
        page.get_by_label("Subject").fill("written in the last moment")
        page.get_by_role("button", name="Account of").click()
        page.get_by_role("menuitem", name="Sign out").click()
        expect(page).to_have_url(re.compile("/login$"))
        page.unroute("**/logout")
        page = window.sign_in("alice")
        page.get_by_role("link", name=re.compile("^Drafts")).click()
        expect(page.get_by_text("written in the last moment").first).to_be_visible()


class WalkTests(BrowserCase):
    """One long walk in chapters; each goes on where the one before ended."""

    make_office = staticmethod(of_its_own)

    def test_the_purpose(self) -> None:
        alice, bob = self.window(DESK), self.window(DESK)
        page = alice.sign_in("alice")
        self._add_a_box(page)
        self._mail_appears(page)
        self._read(page)
        self._act(page)
        other = bob.sign_in("bob")
        self._see_who_is_there(page, other)
        self._chat(page, other)
        self._presence(page, other)
        self._administer(self.window(DESK))
        page.get_by_role("button", name="Account of").click()
        page.get_by_role("menuitem", name="Sign out").click()
        expect(page).to_have_url(re.compile("/login$"))

    def _add_a_box(self, page: Page) -> None:
        """The MultiPOP page: a box with a mail in it, run now, its state."""
        for mail in week()[:3]:
            self.office.dovecot.put("outside", mail)
        page.get_by_role("button", name="Account of").click()
        page.get_by_role("menuitem", name="Collected mailboxes").click()
        page.get_by_role("button", name="Add a mailbox").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Server").fill("localhost")
        dialog.get_by_label("Port").fill(str(self.office.dovecot.pop3s))
        dialog.get_by_label("User name").fill("outside")
        dialog.get_by_label("Password", exact=True).fill("wrong first")
        dialog.get_by_role("button", name="Save and test").click()
        expect(dialog.get_by_role("status")).to_contain_text("password", ignore_case=True)
        dialog.get_by_label("Password", exact=True).fill("outside password")
        dialog.get_by_role("button", name="Save and test").click()
        expect(dialog.get_by_role("status")).to_contain_text("3 messages wait there")
        self.picture(page, "walk-box")
        dialog.get_by_role("button", name="Save", exact=True).click()
        expect(dialog).to_have_count(0)
        page.get_by_role("button", name="Menu of outside").click()
        page.get_by_role("menuitem", name="Collect now").click()
        expect(page.get_by_text("3 messages", exact=True)).to_be_visible()
        expect(page.get_by_text("Ready")).to_be_visible()

    def _mail_appears(self, page: Page) -> None:
        """New mail comes into an open page by itself."""
        folders = page.get_by_role("navigation", name="Folders")
        folders.get_by_role("link", name="Inbox").click()
        expect(page.get_by_text("Lunch?")).to_be_visible()
        page.evaluate("window.stillHere = true")
        self.office.dovecot.put("outside", html_mail())
        self.site.call("multipop.run", address=f"alice@{DOMAIN}")
        expect(page.get_by_role("grid").get_by_text("With a script in it")).to_be_visible()
        self.assertTrue(page.evaluate("window.stillHere"))  # the page was not loaded again

    def _read(self, page: Page) -> None:
        """HTML stands in a sandboxed frame: no script, no images unless asked for."""
        asked: list[dict[str, str]] = []

        def picture(route: Route) -> None:
            asked.append(route.request.headers)
            route.fulfill(body="<svg xmlns='http://www.w3.org/2000/svg'/>",
                          content_type="image/svg+xml")  # fmt: skip

        page.context.route("https://pictures.example/**", picture)
        page.get_by_role("grid").get_by_text("With a script in it").click()
        frame = page.frame_locator("iframe.html-frame")
        expect(frame.get_by_role("heading", name="Offer")).to_be_visible()
        expect(frame.get_by_text("untouched")).to_be_visible()
        self.assertEqual(asked, [])
        sandbox = page.locator("iframe.html-frame").get_attribute("sandbox") or ""
        self.assertNotIn("allow-scripts", sandbox)
        self.assertNotIn("allow-same-origin", sandbox)
        origin = page.frames[-1].evaluate("self.origin") if len(page.frames) > 1 else ""
        self.assertEqual(origin, "null")
        page.get_by_role("button", name="Show images").click()
        expect(frame.get_by_role("img", name="A picture")).to_be_visible()
        page.wait_for_timeout(300)
        self.assertEqual(len(asked), 1)
        self.assertFalse({"cookie", "referer"} & set(asked[0]))
        expect(frame.get_by_text("untouched")).to_be_visible()
        self.picture(page, "walk-read")

    def _act(self, page: Page) -> None:
        """Star, move, delete, and undo."""
        bar = page.get_by_role("toolbar", name="Message")
        bar.get_by_role("button", name="Star").click()
        expect(bar.get_by_role("button", name="Star")).to_have_attribute("aria-pressed", "true")
        bar.get_by_role("button", name="Move to").click()
        page.get_by_role("combobox", name="Folder").fill("Arch")
        page.keyboard.press("Enter")
        expect(page.get_by_role("grid").get_by_text("With a script in it")).to_have_count(0)
        folders = page.get_by_role("navigation", name="Folders")
        folders.get_by_role("link", name="Archive").click()
        expect(page.get_by_role("grid").get_by_text("With a script in it")).to_be_visible()
        page.get_by_role("grid").get_by_text("With a script in it").click()
        bar.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("grid").get_by_text("With a script in it")).to_have_count(0)
        page.get_by_role("button", name="Undo").last.click()
        expect(page.get_by_role("grid").get_by_text("With a script in it")).to_be_visible()
        page.reload()
        expect(page.get_by_role("grid").get_by_text("With a script in it")).to_be_visible()

    def _see_who_is_there(self, page: Page, other: Page) -> None:
        expect(page.get_by_role("button", name="Bob Öz, Online")).to_be_visible()
        expect(other.get_by_role("button", name="Alice Berg, Online")).to_be_visible()
        expect(page.get_by_role("button", name="Carla Ruiz, Offline")).to_be_visible()

    def _chat(self, page: Page, other: Page) -> None:
        """Both ways, docked and on the whole page, and still there after loading again."""
        page.get_by_role("button", name="Bob Öz, Online").click()
        box = page.get_by_role("textbox", name="Message to Bob Öz")
        box.fill("Did the lorry come? 🚚")
        box.press("Enter")
        expect(page.get_by_role("img", name="Delivered")).to_be_visible()
        other.goto(f"/#/chat/alice%40{DOMAIN}")
        expect(other.locator(".bubble").get_by_text("Did the lorry come? 🚚")).to_be_visible()
        answer = other.get_by_role("textbox", name="Message to Alice Berg")
        answer.fill("Yes — at ten <b>sharp</b>")
        answer.press("Enter")
        expect(page.get_by_text("Yes — at ten <b>sharp</b>").first).to_be_visible()
        self.picture(page, "walk-chat")
        for window, whom in ((page, "bob"), (other, "alice")):
            window.goto(f"/#/chat/{whom}%40{DOMAIN}")
            window.reload()
            bubbles = window.locator(".bubble")
            expect(bubbles.get_by_text("Did the lorry come? 🚚")).to_be_visible()
            expect(bubbles.get_by_text("Yes — at ten <b>sharp</b>")).to_be_visible()

    def _presence(self, page: Page, other: Page) -> None:
        """What Bob chooses, Alice sees."""
        other.get_by_role("button", name="Your presence").click()
        other.get_by_role("menuitemradio", name="Do not disturb").click()
        expect(page.get_by_role("button", name="Bob Öz, Do not disturb")).to_be_visible()
        other.get_by_role("button", name="Your presence").click()
        other.get_by_role("menuitemradio", name="Online").click()
        expect(page.get_by_role("button", name="Bob Öz, Online")).to_be_visible()

    def _administer(self, window: Window) -> None:
        """The administrator finds accounts, connections and the chat in the record."""
        page = window.sign_in("admin")
        page.get_by_role("button", name="Account of").click()
        page.get_by_role("menuitem", name="Administration").click()
        sections = page.get_by_role("navigation", name="Sections")
        sections.get_by_role("link", name="Accounts").click()
        for name in ("alice", "bob"):
            expect(page.get_by_text(f"{name}@{DOMAIN}").first).to_be_visible()
        sections.get_by_role("link", name="Connections").click()
        for name in ("alice", "bob"):
            expect(page.get_by_text(f"{name}@{DOMAIN}").first).to_be_visible()
        expect(page.get_by_text("WebSocket").first).to_be_visible()
        sections.get_by_role("link", name="MultiPOP").click()
        expect(page.get_by_text("localhost").first).to_be_visible()
        sections.get_by_role("link", name="Record").click()
        page.get_by_label("Text", exact=True).fill("sharp")
        page.get_by_role("button", name="Search", exact=True).click()
        results = page.get_by_role("region", name="Results")
        expect(results.get_by_text("Yes — at ten <b>sharp</b>")).to_be_visible()
        expect(results.get_by_text(re.compile("[Dd]elivered"))).to_be_visible()
        page.get_by_role("button", name="Verify record").click()
        expect(page.get_by_text("The record is sound.")).to_be_visible()
        self.picture(page, "walk-record")
