"""The webmail and a program of other people (slixmpp) in one chat, and on one account."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from playwright.sync_api import Page, expect

from tests.browser.desk import PASSWORD, BrowserCase
from tests.fakes.site import DOMAIN
from tests.interop.xmpp_office import Person

T = TypeVar("T")


class ForeignTests(BrowserCase):
    def setUp(self) -> None:
        super().setUp()
        begun = threading.Event()
        self._people: list[Person] = []

        async def side() -> None:
            self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
            begun.set()
            await self._over.wait()
            for person in self._people:
                person.abort()
            await asyncio.sleep(0.1)

        self._thread = threading.Thread(target=asyncio.run, args=(side(),))
        self._thread.start()
        self.assertTrue(begun.wait(60))
        self.addCleanup(self._end)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)

    def run_there(self, work: Coroutine[Any, Any, T]) -> T:
        """Run slixmpp's side in its thread: Playwright has this one."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def person(self, name: str) -> Person:
        """Sign somebody in with slixmpp."""

        async def sign_in() -> Person:
            person = Person(self.site, name, PASSWORD, resource="foreign")
            self._people.append(person)
            return await person.sign_in()

        return self.run_there(sign_in())

    def say(self, person: Person, to: str, text: str) -> None:
        async def say() -> None:
            person.say(f"{to}@{DOMAIN}", text)

        self.run_there(say())

    def write(self, page: Page, whom: str, name: str, text: str) -> None:
        page.goto(f"/#/chat/{whom}%40{DOMAIN}")
        box = page.get_by_role("textbox", name=f"Message to {name}")
        box.fill(text)
        box.press("Enter")

    def test_in_the_same_chat(self) -> None:
        page = self.window().sign_in("alice")
        bob = self.person("bob")
        expect(page.get_by_role("button", name="Bob Öz, Online")).to_be_visible()
        self.write(page, "bob", "Bob Öz", "from the page")
        self.assertEqual(self.run_there(bob.next("message"))["body"], "from the page")
        self.say(bob, "alice", "from another program")
        expect(page.locator(".bubble").get_by_text("from another program")).to_be_visible()

    def test_on_the_same_account(self) -> None:
        """What one client of Carla's says, the other knows (XEP-0280)."""
        page = self.window().sign_in("carla")
        carla = self.person("carla")

        async def copies() -> None:
            await carla.plugin["xep_0280"].enable(timeout=20)

        self.run_there(copies())
        self.say(carla, "alice", "said elsewhere")
        page.goto(f"/#/chat/alice%40{DOMAIN}")
        expect(page.locator(".bubble").get_by_text("said elsewhere")).to_be_visible()
        self.write(page, "alice", "Alice Berg", "said here")
        copy = self.run_there(carla.next("carbon_sent"))["carbon_sent"]
        self.assertEqual((copy["body"], copy["to"].bare), ("said here", f"alice@{DOMAIN}"))
