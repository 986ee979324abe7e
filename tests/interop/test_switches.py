"""What an administrator switches in the file does what the file says; chat across domains."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.fakes.inside import PASSWORD as INSIDE
from tests.fakes.inside import serve
from tests.fakes.raw_xmpp import connect
from tests.fakes.site import DOMAIN, RunningSite
from tests.interop.xmpp_office import PASSWORD, XmppCase, played


class SwitchTests(SynchronousTestCase):
    """Each test has a site of its own, started with other values."""

    def site(self, start: bool = True, **changes: Any) -> RunningSite:
        site = RunningSite({"admin": PASSWORD}, changes, start=start)
        self.addCleanup(site.stop)
        return site

    def test_a_listener_that_is_off_is_not_opened(self) -> None:
        site = self.site(**{"listeners.xmpp.enabled": False, "listeners.http.enabled": False})
        self.assertFalse({"xmpp", "http"} & set(site.ports))
        bound = json.loads((site.var / "listeners.json").read_text())
        self.assertEqual(set(bound), set(site.ports))
        self.assertIn("xmpps", bound)

    def test_multipop_off(self) -> None:
        site = self.site(**{"multipop.enabled": False, "multipop.allow_plaintext": True})
        words = ("--host", "localhost", "--port", "9", "--user", "kate", "--plaintext")
        box = site.json("multipop", "add", f"admin@{DOMAIN}", *words, "--password-stdin", stdin="x")
        self.assertEqual(box["state"], "disabled")
        done = site.command("multipop", "run")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("switched off", done.stderr)
        self.assertIsNone(site.json("multipop", "status")[0]["last_run"])

    def test_a_box_that_is_off_is_passed_over(self) -> None:
        site = self.site(**{"multipop.allow_plaintext": True})
        words = ("--host", "localhost", "--port", "9", "--user", "kate", "--plaintext")
        address = f"admin@{DOMAIN}"
        box = site.json("multipop", "add", address, *words, "--password-stdin", stdin="x")
        site.command("multipop", "set", box["id"], "--enabled", "no")
        [state] = site.json("multipop", "run")
        self.assertEqual((state["state"], state["last_run"]), ("disabled", None))
        site.command("multipop", "set", box["id"], "--enabled", "yes")
        [state] = site.json("multipop", "run")
        self.assertIsNotNone(state["last_run"])

    def test_a_template_of_the_site_wins(self) -> None:
        site = self.site(start=False)
        own = site.directory / "etc" / "webmail" / "templates"
        own.mkdir(parents=True)
        (own / "login.html").write_text("<!doctype html><title>Shelves & Co, {{ domain }}</title>")
        site.start()
        status, body = site.get("/login")
        self.assertEqual(status, 200)
        self.assertEqual(body.decode(), f"<!doctype html><title>Shelves & Co, {DOMAIN}</title>")


class TwoDomainsTests(TestCase):
    async def test_people_of_two_domains_talk(self) -> None:
        server = await serve(self, "alice")
        await server.core.accounts.add_domain("second.test")
        await server.core.accounts.add("zoe@second.test", INSIDE)
        port = server.listeners.port("xmpps")
        assert port is not None
        people = []
        for name, domain in (("alice", "example.test"), ("zoe", "second.test")):
            client = await connect(port, tls=True)
            self.addCleanup(client.transport.abortConnection)  # type: ignore[union-attr]
            await client.features(domain)
            self.assertEqual((await client.plain(name, INSIDE)).name, "success")
            client.restart()
            await client.features(domain)
            self.assertEqual(await client.bind("x"), f"{name}@{domain}/x")
            client.send("<presence/>")
            await client.next()  # one's own
            people.append(client)
        alice, zoe = people
        alice.send("<message type='chat' to='zoe@second.test'><body>Hello</body></message>")
        heard = await zoe.next()  # and no presence: colleagues are those of one domain
        self.assertEqual((heard.get("from"), heard.find("body").text),
                         ("alice@example.test/x", "Hello"))  # fmt: skip
        zoe.send("<message type='chat' to='alice@example.test/x'><body>Hi</body></message>")
        self.assertEqual((await alice.next()).get("from"), "zoe@second.test/x")


class ColleaguesLimitTests(TestCase):
    async def test_the_limit_is_that_of_the_file(self) -> None:
        server = await serve(self, "alice", "bob", "carol", changes={"im.colleagues_limit": 2})
        port = server.listeners.port("xmpps")
        assert port is not None
        listed = {}
        for name in ("alice", "carol"):
            client = await connect(port, tls=True)
            self.addCleanup(client.transport.abortConnection)  # type: ignore[union-attr]
            await client.features()
            await client.plain(name, INSIDE)
            client.restart()
            await client.features()
            await client.bind("x")
            client.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
            query = (await client.next()).find("query", "jabber:iq:roster")
            listed[name] = [item.get("jid") for item in query.elements()]
        self.assertEqual(listed, {"alice": ["bob@example.test"], "carol": []})


class NoMailTests(XmppCase):
    @played
    async def test_a_message_makes_no_mail(self) -> None:
        away = self.account("bob")
        [alice] = await self.signed_in(self.account("alice"))
        alice.say(f"{away}@{DOMAIN}", "kept for later")
        await alice.settle()
        for name in (away, alice.boundjid.user):
            self.assertEqual(self.mails(f"{name}@{DOMAIN}"), [])

    def mails(self, address: str) -> list[str]:
        """Ask JMAP for all emails of an account."""
        word = b64encode(f"{address}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {word}", "Content-Type": "application/json"}
        session = json.loads(self.site.get("/.well-known/jmap", headers)[1])
        using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]
        account = session["primaryAccounts"][using[1]]
        query = ["Email/query", {"accountId": account}, "0"]
        body = json.dumps({"using": using, "methodCalls": [query]}).encode()
        answer = json.loads(self.site.request("POST", "/jmap/api", body, headers)[1])
        ids: list[str] = answer["methodResponses"][0][1]["ids"]
        return ids
