"""One limiter for all doors: failures at one of them count at the others."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

from tests.fakes.site import DOMAIN, RunningSite
from tests.interop.xmpp_office import PASSWORD, Person, XmppCase, played

FAILURES = 4


def strict() -> RunningSite:
    """Start a site that allows few failures an account, and more an address."""
    changes = {"accounts.failures_per_account": FAILURES, "accounts.failures_per_peer": 1000}
    return RunningSite({"admin": PASSWORD}, changes)


class LimiterTests(XmppCase):
    make_site = staticmethod(strict)

    def form(self, name: str, password: str) -> int:
        """Sign in as a browser does; gives the status."""
        body = urlencode({"address": f"{name}@{DOMAIN}", "password": password})
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.site.url,
            "Sec-Fetch-Site": "same-origin",
        }
        return self.site.request("POST", "/login", body, headers)[0]

    def basic(self, name: str, password: str) -> int:
        """Ask for the JMAP session with Basic authentication; gives the status."""
        word = base64.b64encode(f"{name}@{DOMAIN}:{password}".encode()).decode()
        return self.site.get("/.well-known/jmap", {"Authorization": f"Basic {word}"})[0]

    async def xmpp(self, name: str, password: str, mechanism: str) -> bool:
        """Tell whether a login by XMPP succeeds."""
        client: Person = self.person(name, password, mechanism=mechanism)
        client.auto_reconnect = False
        await client.begin()
        while True:
            for event in ("session_start", "failed_all_auth"):
                if not client.nothing(event):
                    client.abort()
                    return event == "session_start"
            await self.until(
                lambda: not client.nothing("session_start") or not client.nothing("failed_all_auth")
            )

    async def _closed(self, name: str) -> None:
        """Every door refuses the right password now."""
        self.assertEqual(self.form(name, PASSWORD), 429)
        self.assertEqual(self.basic(name, PASSWORD), 429)
        for mechanism in ("SCRAM-SHA-256", "PLAIN"):
            self.assertFalse(await self.xmpp(name, PASSWORD, mechanism))

    @played
    async def test_failures_over_xmpp_close_the_webmail(self) -> None:
        name, other = self.account("gina"), self.account("other")
        self.assertEqual((self.form(name, PASSWORD), self.basic(name, PASSWORD)), (303, 200))
        for number in range(FAILURES):
            mechanism = ("SCRAM-SHA-256", "PLAIN")[number % 2]
            self.assertFalse(await self.xmpp(name, f"wrong {number}", mechanism))
        await self._closed(name)
        self.assertEqual(self.form(other, PASSWORD), 303)  # nobody else is shut out
        self.assertTrue(await self.xmpp(other, PASSWORD, "PLAIN"))

    @played
    async def test_failures_in_the_browser_close_xmpp(self) -> None:
        name = self.account("gina")
        for number in range(FAILURES):
            self.assertEqual(self.form(name, f"wrong {number}"), 403)
        await self._closed(name)

    @played
    async def test_failures_by_basic_close_the_rest(self) -> None:
        name = self.account("gina")
        for number in range(FAILURES):
            self.assertEqual(self.basic(name, f"wrong {number}"), 401)
        await self._closed(name)

    @played
    async def test_successes_do_not_count(self) -> None:
        name = self.account("gina")
        for _ in range(FAILURES * 3):
            self.assertEqual(self.basic(name, PASSWORD), 200)
        self.assertTrue(await self.xmpp(name, PASSWORD, "SCRAM-SHA-256"))

    @played
    async def test_one_old_password_tried_again_and_again_counts_once(self) -> None:
        name = self.account("gina")
        for _ in range(FAILURES * 3):  # a mail client that was not told the new password
            self.assertEqual(self.basic(name, "the old password"), 401)
        self.assertEqual(self.form(name, PASSWORD), 303)
