"""Chromium for tests: windows that notice every script error and every breach of the CSP."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.dovecot import Dovecot
from tests.fakes.peers import peer
from tests.fakes.shared import shared
from tests.fakes.site import DOMAIN, RunningSite

PASSWORD = "correct horse battery"
OUTSIDE = "outside password"
PATIENCE = 60_000  # milliseconds: a loaded machine is no fault; who passes does not wait
PEOPLE = {"admin": "Ada Chef", "alice": "Alice Berg", "bob": "Bob Öz", "carla": "Carla Ruiz"}
DESK, TABLET, PHONE = (1440, 900), (1024, 768), (390, 844)
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


class Chromium:
    """Debian's Chromium, driven by Playwright."""

    def __init__(self) -> None:
        expect.set_options(timeout=PATIENCE)
        program = peer("chromium", "chromium")
        self._playwright = sync_playwright().start()
        self.browser: Browser = self._playwright.chromium.launch(
            executable_path=program, args=_ARGUMENTS, timeout=2 * PATIENCE
        )

    def stop(self) -> None:
        """End it."""
        self.browser.close()
        self._playwright.stop()


# A page that moves less: what is looked at stands still. Endless turning is not waited for.
_STILL = """() => document.getAnimations().every((one) => one.playState !== 'running'
    || one.effect?.getComputedTiming().endTime === Infinity)"""


def still(page: Page) -> None:
    """Wait until nothing is awaited or moves: axe measures colours as they are."""
    expect(page.locator(".skeleton, .spinner")).to_have_count(0)
    page.wait_for_function(_STILL)


# What stands on a page for a few seconds only is noted when it comes.
_NOTE = """(words) => {
    window.shown = new Set();
    const look = () => {
        const text = document.body.innerText;
        for (const word of words) if (text.includes(word)) window.shown.add(word);
    };
    const changes = { subtree: true, childList: true, characterData: true };
    new MutationObserver(look).observe(document.body, changes);
    look();
}"""


def noted(page: Page, *words: str) -> Callable[[], None]:
    """From now on note whether these words come; gives what waits until all have come."""
    page.evaluate(_NOTE, words)

    def wait() -> None:
        page.wait_for_function("(words) => words.every((one) => window.shown.has(one))", arg=words)

    return wait


class Window:
    """A browser of its own: cookies, storage, pages; `faults` is what went wrong in it."""

    def __init__(self, browser: Browser, site: RunningSite, **context: Any) -> None:
        self.site = site
        self.faults: list[str] = []
        self.context: BrowserContext = browser.new_context(
            ignore_https_errors=True, base_url=site.url, **context
        )
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.context.on("page", self._watch)
        self._watch(self.page)

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.faults.append(f"error: {error.stack or error}"))
        page.on("console", self._console)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text} {message.location.get('url')}")

    def forgive(self, *words: str) -> None:
        """Take one fault off the list that holds all the words; it must have happened."""
        for fault in self.faults:
            if all(word in fault for word in words):
                self.faults.remove(fault)
                return
        raise AssertionError(f"no fault with {words} in {self.faults}")

    def sign_in(self, name: str, password: str = PASSWORD) -> Page:
        """Sign in and wait for the application."""
        self.page.goto("/login")
        self.page.get_by_label("Address").fill(f"{name}@{DOMAIN}")
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/")
        self.page.get_by_role("button", name="Account of").wait_for()
        return self.page

    def close(self) -> None:
        """Close it."""
        self.context.close()


class Office:
    """A running site with people, and a Dovecot whose certificate the site's machine trusts."""

    def __init__(self) -> None:
        self.dovecot = Dovecot({name: OUTSIDE for name in (*PEOPLE, "outside")})
        try:
            # The web page cannot name a CA: a box's must be one the machine knows.
            with mock.patch.dict(os.environ, {"SSL_CERT_FILE": str(self.dovecot.ca)}):
                self.site = RunningSite(dict.fromkeys(PEOPLE, PASSWORD))
        except BaseException:
            self.dovecot.stop()
            raise
        for name, full in PEOPLE.items():
            self.site.call("user.set", address=f"{name}@{DOMAIN}", name=full)
        self._boxes: set[str] = set()

    def collect(self, name: str, *mails: bytes) -> None:
        """Let somebody's mail arrive the way mail arrives here."""
        if name not in self._boxes:
            self._boxes.add(name)
            self.site.call(
                "multipop.add", address=f"{name}@{DOMAIN}", host="localhost",
                port=self.dovecot.pop3s, user=name, password=OUTSIDE,
                security="tls",
            )  # fmt: skip
        for mail in mails:
            self.dovecot.put(name, mail)
        [state] = self.site.call("multipop.run", address=f"{name}@{DOMAIN}")
        assert state["last_error"] is None, state

    def stop(self) -> None:
        """End both."""
        self.site.stop()
        self.dovecot.stop()


def office() -> Office:
    """Start what the browser tests share."""
    return Office()


def chromium() -> Chromium:
    """Start the browser they share."""
    return Chromium()


class BrowserCase(SynchronousTestCase):
    """Tests with windows; a fault in any of them fails the test."""

    make_office: Callable[[], Office] = staticmethod(office)

    def setUp(self) -> None:
        self.chromium = shared.get(chromium)
        self.office = shared.get(self.make_office)
        self.site = self.office.site
        self._windows: list[Window] = []
        self.addCleanup(self._close)

    def _close(self) -> None:
        faults = [fault for window in self._windows for fault in window.faults]
        for window in self._windows:
            window.close()
        self.assertEqual(faults, [])

    def window(self, size: tuple[int, int] = DESK, **context: Any) -> Window:
        """Open a browser window."""
        viewport = {"width": size[0], "height": size[1]}
        one = Window(self.chromium.browser, self.site, viewport=viewport, **context)
        self._windows.append(one)
        return one

    def picture(self, page: Page, name: str) -> None:
        """Keep a picture, where MAILIM_PICTURES names a directory."""
        directory = os.environ.get("MAILIM_PICTURES")
        if directory:
            page.screenshot(path=Path(directory) / f"{name}.png")
