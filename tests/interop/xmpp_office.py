"""People who use slixmpp, against a server in a process of its own."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine
from functools import wraps
from itertools import count
from typing import Any

from slixmpp import ClientXMPP
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.loops import run_in_own_loop
from tests.fakes.shared import shared
from tests.fakes.site import DOMAIN, RunningSite

PASSWORD = "correct horse battery"
SECONDS = 60.0
PLUGINS = (
    "xep_0030", "xep_0059", "xep_0085", "xep_0092", "xep_0184", "xep_0199", "xep_0203",
    "xep_0280", "xep_0297", "xep_0313", "xep_0359",
)  # fmt: skip

# A refused certificate or password is what some tests are about.
logging.getLogger("slixmpp").setLevel(logging.CRITICAL)


def played(act: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[[Any], None]:
    """Run a test's coroutine in an asyncio loop of its own, and end its clients."""

    @wraps(act)
    def test(case: XmppCase) -> None:
        async def scene() -> None:
            try:
                await asyncio.wait_for(act(case), 600)
            finally:
                for person in case.people:
                    person.abort()
                await asyncio.sleep(0)

        run_in_own_loop(scene)

    return test


class Person(ClientXMPP):
    """One client; what reaches it waits in queues."""

    def __init__(
        self,
        site: RunningSite,
        name: str,
        password: str = PASSWORD,
        *,
        resource: str = "",
        mechanism: str | None = None,
        direct: bool = False,
        trust: bool = True,
    ) -> None:
        jid = f"{name}@{DOMAIN}" + (f"/{resource}" if resource else "")
        super().__init__(jid, password, sasl_mech=mechanism)
        self._port = site.ports["xmpps" if direct else "xmpp"]
        self.enable_direct_tls, self.enable_starttls = direct, not direct
        self.enable_plaintext = False
        assert self.ssl_context.check_hostname
        assert self.ssl_context.verify_mode == ssl.CERT_REQUIRED
        if trust:
            self.ca_certs = site.ca
        self.auto_authorize: bool | None = None  # the tests decide
        self.auto_subscribe = False
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.heard: dict[str, asyncio.Queue[Any]] = {}
        for event in (
            "message", "message_error", "presence_available", "presence_unavailable",
            "presence_subscribe", "presence_subscribed", "presence_unsubscribe",
            "presence_unsubscribed", "roster_update", "carbon_sent", "carbon_received",
            "receipt_received", "session_start", "failed_all_auth", "connection_failed",
            "ssl_invalid_chain", "stream_error", "disconnected",
        ):  # fmt: skip
            queue = self.heard[event] = asyncio.Queue()
            self.add_event_handler(event, queue.put_nowait)
        for show in ("away", "chat", "dnd", "xa"):  # slixmpp names the event after <show/>
            queue = self.heard["presence_available"]
            self.add_event_handler(f"presence_{show}", queue.put_nowait)

    async def next(self, event: str, seconds: float = SECONDS) -> Any:
        """Give the next event of a kind; fails after a while."""
        try:
            return await asyncio.wait_for(self.heard[event].get(), seconds)
        except TimeoutError:
            raise AssertionError(f"{self.boundjid}: no {event} in {seconds} s") from None

    async def presence_of(self, jid: str, event: str = "presence_available") -> Any:
        """Give the next presence of somebody, passing over others'."""
        while True:
            stanza = await self.next(event)
            if jid in (stanza["from"].full, stanza["from"].bare):
                return stanza

    def nothing(self, event: str) -> bool:
        """Whether no such event has come."""
        return self.heard[event].empty()

    def forget(self, event: str) -> None:
        """Throw the events of a kind away that have come."""
        while not self.heard[event].empty():
            self.heard[event].get_nowait()

    async def begin(self) -> None:
        """Connect, without waiting for more."""
        self.connect("127.0.0.1", self._port)

    async def sign_in(self, *, available: bool = True) -> Person:
        """Connect, sign in, fetch the roster, and be available."""
        await self.begin()
        await self.next("session_start")
        await self.fetch_roster()
        if available:
            self.send_presence()
            await self.presence_of(self.boundjid.full)
        return self

    async def fetch_roster(self) -> Any:
        """Fetch the roster into `client_roster`."""
        return await self.get_roster(timeout=SECONDS)

    async def settle(self) -> None:
        """Wait until the server has worked off what was sent so far."""
        await self.ping_server()

    async def ping_server(self) -> Any:
        """XEP-0199."""
        return await self.plugin["xep_0199"].send_ping(DOMAIN, timeout=SECONDS)

    def say(self, to: Any, body: str, **more: Any) -> None:
        """Send a chat message."""
        self.send_message(mto=to, mbody=body, mtype="chat", **more)

    async def leave(self) -> None:
        """Go offline in good order."""
        await self.disconnect()


def office() -> RunningSite:
    """Start the site these tests share."""
    site = RunningSite({"admin": PASSWORD})
    return site


_numbers = count(1)


class XmppCase(SynchronousTestCase):
    """Tests with people of their own on a shared server."""

    make_site: Callable[[], RunningSite] = staticmethod(office)

    def setUp(self) -> None:
        self.site = shared.get(self.make_site)
        self.people: list[Person] = []

    def account(self, word: str, *, published: bool = False) -> str:
        """Add an account, among the colleagues only if `published`; gives its local part."""
        name = f"{word}{next(_numbers)}"
        self.site.add(name, PASSWORD)
        if not published:
            self.site.call("user.set", address=f"{name}@{DOMAIN}", published=False)
        return name

    def person(self, name: str, *given: Any, **more: Any) -> Person:
        """Make a client that has not connected yet."""
        one = Person(self.site, name, *given, **more)
        self.people.append(one)
        return one

    async def signed_in(self, *names: str, **more: Any) -> list[Person]:
        """Sign people in, one client each."""
        return [await self.person(name, **more).sign_in() for name in names]

    async def pair(self, **more: Any) -> tuple[Person, Person]:
        """Give two new people who are signed in."""
        first, second = self.account("alice"), self.account("bob")
        alice, bob = await self.signed_in(first, second, **more)
        return alice, bob

    async def until(self, true: Callable[[], Any], seconds: float = SECONDS) -> Any:
        """Wait for something on the server's side to become true; gives it."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            found = true()
            if found:
                return found
            await asyncio.sleep(0.1)
        raise AssertionError("it did not become true")

    def recorded(self, **query: Any) -> list[dict[str, Any]]:
        """Search the record, oldest first."""
        found: list[dict[str, Any]] = self.site.call("record.search", **query)
        return found[::-1]
