"""Every page: no fault, no breach of the CSP, nothing axe-core objects to, and light to load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.desk import DESK, PHONE, BrowserCase, Office, Window, still
from tests.browser.sample_mail import week
from tests.fakes.site import DOMAIN

MAX_REQUESTS = 12
MAX_OCTETS = 100_000
_HEARD = (
    "window.breaches = []; addEventListener('securitypolicyviolation', (event) => "
    "breaches.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`))"
)
# When the list is shown, by the clock that requests are timed with: a test notices later.
_LISTED = """
    window.listed = null;
    new MutationObserver((_, observer) => {
        const grid = document.querySelector('[role=grid]');
        if (!grid?.textContent.includes('Offer for the new shelves')) return;
        window.listed = Date.now();
        observer.disconnect();
    }).observe(document, { subtree: true, childList: true, characterData: true });
"""


def with_mail() -> Office:
    """Start an office whose Alice has mail and has talked with Bob."""
    office = Office()
    office.collect("alice", *week())
    return office


def _settled(page: Page) -> None:
    """Wait until the page asked for is there and stands still."""
    page.wait_for_timeout(300)  # for what begins to load only now
    still(page)


def _at(place: str) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        page.goto(place)

    return go


def _mail(page: Page) -> None:
    page.goto("/#/mail/inbox")
    page.get_by_role("grid").get_by_text("20 % off until Sunday").click()
    heading = page.frame_locator("iframe.html-frame").get_by_role("heading")
    expect(heading.first).to_be_visible()


def _add_box(page: Page) -> None:
    page.goto("/#/settings/multipop")
    page.get_by_role("button", name="Add a mailbox").or_(
        page.get_by_role("button", name="Add", exact=True)
    ).first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def _identity(page: Page) -> None:
    page.goto("/#/settings/identities")
    page.get_by_role("button", name="Change the identity").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("toolbar", name="Formatting")).to_be_visible()
    field = dialog.get_by_role("combobox", name="Answers go to")
    field.fill("someone@x.example,")
    field.press_sequentially("nobody,bo")
    expect(page.get_by_role("option").first).to_be_visible()


def _talk(page: Page) -> None:
    page.goto(f"/#/chat/bob%40{DOMAIN}")
    box = page.get_by_role("textbox", name="Message to Bob Öz")
    box.fill("A word for the picture")
    box.press("Enter")
    expect(page.locator(".bubble").get_by_text("A word for the picture").first).to_be_visible()


def _found(page: Page) -> None:
    page.goto("/admin/#/record")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("region", name="Results")).to_be_visible()


MAIL_PAGES = {
    "list": _at("/#/mail/inbox"),
    "mail": _mail,
    "search": _at("/#/search/oak"),
    "chat": _talk,
    "contacts": _at("/#/contacts"),
    "more": _at("/#/more"),
    "settings": _at("/#/settings"),
    "multipop": _at("/#/settings/multipop"),
    "a new box": _add_box,
    "replies": _at("/#/settings/vacation"),
    "identities": _at("/#/settings/identities"),
    "an identity": _identity,
}
ADMIN_PAGES = {
    "overview": _at("/admin/#/overview"),
    "users": _at("/admin/#/users"),
    "connections": _at("/admin/#/connections"),
    "queue": _at("/admin/#/queue"),
    "trace": _at("/admin/#/trace"),
    "filters": _at("/admin/#/filters"),
    "record": _found,
    "boxes": _at("/admin/#/multipop"),
    "aliases": _at("/admin/#/addresses"),
}


class PagesTests(BrowserCase):
    make_office = staticmethod(with_mail)

    def _look(self, window: Window, name: str, show: Callable[[Page], None]) -> list[str]:
        """Show a page; gives what is wrong with it."""
        page = window.page
        show(page)
        _settled(page)
        found = [f"{name}: {breach}" for breach in page.evaluate("window.breaches")]
        # The frame of a mail holds the sender's document, not ours.
        result = Axe().run(page, context={"exclude": [["iframe.html-frame"]]})
        for violation in result.response["violations"]:
            nodes = [node["target"] for node in violation["nodes"]][:4]
            found.append(f"{name}: axe {violation['id']} ({violation['help']}) {nodes}")
        return found

    def _all(self, scheme: str, size: tuple[int, int]) -> None:
        found: list[str] = []
        window = self.window(size, color_scheme=scheme, reduced_motion="reduce")
        window.context.add_init_script(_HEARD)
        found += self._look(window, "login", _at("/login"))
        window.sign_in("alice")
        for name, show in MAIL_PAGES.items():
            found += self._look(window, name, show)
        if size == DESK:
            chief = self.window(size, color_scheme=scheme, reduced_motion="reduce")
            chief.context.add_init_script(_HEARD)
            chief.sign_in("admin")
            for name, show in ADMIN_PAGES.items():
                found += self._look(chief, name, show)
        self.assertEqual(found, [], "\n".join(found))

    def test_light(self) -> None:
        self._all("light", DESK)

    def test_dark(self) -> None:
        self._all("dark", DESK)

    def test_light_on_a_phone(self) -> None:
        self._all("light", PHONE)

    def test_dark_on_a_phone(self) -> None:
        self._all("dark", PHONE)

    def test_a_breach_would_be_noticed(self) -> None:
        window = self.window()
        window.context.add_init_script(_HEARD)
        page = window.sign_in("alice")
        page.evaluate("""() => {
            const image = document.createElement('img'); image.src = 'https://x.example/a.png';
            image.alt = ''; document.body.append(image);
        }""")
        page.wait_for_function("window.breaches.length === 1")
        page.wait_for_timeout(300)
        self.assertEqual(len(page.evaluate("window.breaches")), 1)
        window.forgive("Content Security Policy", "x.example")

    def test_a_breach_of_accessibility_would_be_noticed(self) -> None:
        page = self.window().sign_in("alice")
        page.evaluate("document.body.append(document.createElement('button'))")
        ids = {one["id"] for one in Axe().run(page).response["violations"]}
        self.assertIn("button-name", ids)


class FirstLoadTests(BrowserCase):
    make_office = staticmethod(with_mail)

    def _load(self, window: Window, place: str) -> list[dict[str, Any]]:
        """Load a page with an empty cache; gives URL and octets of what it took to the list."""
        page = window.page
        window.context.add_init_script(_LISTED)
        wire = window.context.new_cdp_session(page)
        wire.send("Network.enable")
        wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
        asked: dict[str, dict[str, Any]] = {}

        def request(event: dict[str, Any]) -> None:
            if not event["request"]["url"].startswith("data:"):
                url, time = event["request"]["url"], event["wallTime"] * 1000
                asked[event["requestId"]] = {"url": url, "octets": 0, "time": time}

        def finished(event: dict[str, Any]) -> None:
            if event["requestId"] in asked:
                asked[event["requestId"]]["octets"] = event["encodedDataLength"]

        wire.on("Network.requestWillBeSent", request)
        wire.on("Network.loadingFinished", finished)
        page.goto(place)
        expect(page.get_by_role("grid").get_by_text("Offer for the new shelves")).to_be_visible()
        shown = page.evaluate("window.listed")
        listed = [one for one in asked.values() if one["time"] <= shown]
        self.picture(page, "first-load")
        return listed

    def test_until_the_list_is_shown(self) -> None:
        window = self.window()
        window.sign_in("alice")
        window.page.goto("about:blank")
        asked = self._load(window, "/")
        total = sum(one["octets"] for one in asked)
        said = "\n".join(f"{one['octets']:>7} {one['url']}" for one in asked)
        self.assertLessEqual(len(asked), MAX_REQUESTS, said)
        self.assertLessEqual(total, MAX_OCTETS, said)
        self.assertGreater(total, 10_000, said)  # the measure measures

    def test_the_sign_in_page_is_tiny(self) -> None:
        page = self.window().page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/login")
        page.wait_for_load_state("networkidle")  # no stream is open here
        self.assertLessEqual(len(asked), 5, asked)
        self.assertEqual([url for url in asked if url.endswith(".js")], [])
