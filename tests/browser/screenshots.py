"""`python -m tests.browser.screenshots DIR`: every page with sample data, for eyes.

Each at 1440, 1024 and 390 pixels, light and dark. MAILIM_ONLY names pages, joined by commas.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.desk import DESK, PHONE, TABLET, Chromium, Office, Window
from tests.browser.sample_mail import week
from tests.fakes.site import DOMAIN

SIZES = {"1440": DESK, "1024": TABLET, "390": PHONE}


def go(page: Page, place: str) -> None:
    """Go to a place inside the application."""
    page.goto(f"/{place}")
    page.wait_for_timeout(900)


def _open_mail(subject: str) -> Callable[[Page], None]:
    def show(page: Page) -> None:
        go(page, "#/mail/inbox")
        page.get_by_text(subject).first.click()
        page.wait_for_timeout(1200)

    return show


def _add_box(page: Page) -> None:
    go(page, "#/settings/multipop")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_timeout(400)


def _dock(page: Page) -> None:
    go(page, "#/mail/inbox")
    page.get_by_role("button", name="Bob Öz").first.click()
    page.wait_for_timeout(800)


def _account_menu(page: Page) -> None:
    go(page, "#/mail/inbox")
    page.get_by_role("button", name="Account of").click()
    page.wait_for_timeout(300)


def _reply(page: Page) -> None:
    _open_mail("Offer for the new shelves")(page)
    page.keyboard.press("r")
    page.wait_for_timeout(1500)
    page.keyboard.type("Dear Mara,\n\ntwelve shelves of oak, 2 m: the offer is ")
    page.keyboard.press("Control+b")
    page.keyboard.type("attached")
    page.keyboard.press("Control+b")
    page.keyboard.type(".\n\nBest regards, Alice\n")
    offer = {"name": "Offer 2026-117.pdf", "mimeType": "application/pdf", "buffer": bytes(48_000)}
    page.locator(".compose-window input[type=file]").set_input_files(offer)  # type: ignore[arg-type]
    page.wait_for_timeout(2500)


def _admin(name: str) -> Callable[[Page], None]:
    def show(page: Page) -> None:
        page.goto(f"/admin/#/{name}")
        page.wait_for_timeout(1200)

    return show


def _record(page: Page) -> None:
    _admin("record")(page)
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_timeout(600)


PAGES: dict[str, Callable[[Page], None]] = {
    "mail-list": lambda page: go(page, "#/mail/inbox"),
    "mail-text": _open_mail("Offer for the new shelves"),
    "mail-html": _open_mail("20 % off until Sunday"),
    "mail-rtl": _open_mail("שאלה לגבי ההזמנה"),
    "reply": _reply,
    "search": lambda page: go(page, "#/search/oak"),
    "account-menu": _account_menu,
    "chat": lambda page: go(page, f"#/chat/bob%40{DOMAIN}"),
    "chat-list": lambda page: go(page, "#/chat"),
    "contacts": lambda page: go(page, "#/contacts"),
    "more": lambda page: go(page, "#/more"),
    "settings": lambda page: go(page, "#/settings"),
    "identities": lambda page: go(page, "#/settings/identities"),
    "vacation": lambda page: go(page, "#/settings/vacation"),
    "multipop": lambda page: go(page, "#/settings/multipop"),
    "multipop-add": _add_box,
    "chat-dock": _dock,  # stays open: the last one of the application
    "admin": _admin(""),
    "admin-users": _admin("users"),
    "admin-connections": _admin("connections"),
    "admin-record": _record,
    "admin-queue": _admin("queue"),
    "admin-trace": _admin("trace"),
    "admin-filters": _admin("filters"),
    "admin-multipop": _admin("multipop"),
}


def furnish(office: Office, browser: Chromium) -> list[Window]:
    """Fill the site: mail, states, a chat; gives the windows of those who stay online."""
    office.collect("alice", *week())
    office.site.call(
        "multipop.add", address=f"alice@{DOMAIN}", host="localhost", user="nobody-there",
        port=1, password="x", security="tls",
    )  # fmt: skip
    office.site.call("multipop.run", address=f"alice@{DOMAIN}")
    alice = Window(browser.browser, office.site)
    bob = Window(browser.browser, office.site)
    carla = Window(browser.browser, office.site)
    talk = (
        (bob, "alice", "Good morning! Did the oak come?"),
        (alice, "bob", "Not yet. The lorry is due at ten."),
        (alice, "bob", "I call them when it is late."),
        (bob, "alice", "👍"),
        (bob, "alice", "Mara asked for an offer, twelve shelves, 2 m. Can you do it today?"),
        (alice, "bob", "Yes, right after lunch."),
    )
    for window, name in ((alice, "alice"), (bob, "bob"), (carla, "carla")):
        window.sign_in(name)
    for window, whom, text in talk:
        box = window.page.get_by_placeholder("Write a message")
        if not window.page.url.endswith(f"#/chat/{whom}%40{DOMAIN}"):
            window.page.goto(f"/#/chat/{whom}%40{DOMAIN}")
            window.page.wait_for_timeout(1500)
        box.fill(text)
        box.press("Enter")
        window.page.wait_for_timeout(400)
    carla.page.wait_for_timeout(500)
    carla.page.get_by_role("button", name="Your presence").click()
    carla.page.get_by_role("menuitemradio", name="Away").or_(
        carla.page.get_by_role("menuitem", name="Away")
    ).first.click()
    alice.close()
    return [bob, carla]


def shoot(directory: Path, office: Office, browser: Chromium, only: set[str]) -> None:
    """Make the pictures."""
    for width, size in SIZES.items():
        for scheme in ("light", "dark"):
            window = Window(
                browser.browser, office.site,
                viewport={"width": size[0], "height": size[1]}, color_scheme=scheme,
            )  # fmt: skip
            window.page.goto("/login")
            window.page.screenshot(path=directory / f"login-{width}-{scheme}.png")
            window.sign_in("alice")
            window.page.wait_for_timeout(1500)
            administrator = False
            for name, show in PAGES.items():
                if (only and name not in only) or (name == "chat-dock" and size == PHONE):
                    continue
                if name.startswith("admin") and not administrator:
                    window.close()
                    window = Window(
                        browser.browser, office.site,
                        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme,
                    )  # fmt: skip
                    window.sign_in("admin")
                    administrator = True
                try:
                    show(window.page)
                except PlaywrightTimeout as error:
                    print(f"{name} {width} {scheme}: {error}")
                window.page.screenshot(path=directory / f"{name}-{width}-{scheme}.png")
            for fault in window.faults:
                print(f"{width} {scheme}: {fault}")
            window.close()


def main() -> None:
    """Make all pictures in the directory named."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    only = {name for name in os.environ.get("MAILIM_ONLY", "").split(",") if name}
    office, browser = Office(), Chromium()
    try:
        staying = furnish(office, browser)
        shoot(directory, office, browser, only)
        for window in staying:
            window.close()
    finally:
        browser.stop()
        office.stop()


if __name__ == "__main__":
    main()
