"""slixmpp signs in: TLS with checked certificates, mechanisms, refusals, conflict, disabling."""

from __future__ import annotations

import asyncio

from tests.fakes.site import DOMAIN
from tests.interop.xmpp_office import PASSWORD, XmppCase, played


class SigningInTests(XmppCase):
    async def _sign_in(self, direct: bool, mechanism: str | None) -> str:
        name = self.account("carol")
        client = self.person(name, direct=direct, mechanism=mechanism, resource="desk")
        await client.sign_in()
        self.assertEqual(str(client.boundjid), f"{name}@{DOMAIN}/desk")
        [one] = [c for c in self.site.call("im.connections") if c["jid"] == str(client.boundjid)]
        self.assertEqual(one["protocol"], "xmpps" if direct else "xmpp")
        self.assertEqual(one["address"], "127.0.0.1")
        used: str = client.plugin["feature_mechanisms"].mech.name
        return used

    @played
    async def test_best_mechanism_over_starttls(self) -> None:
        self.assertEqual(await self._sign_in(False, None), "SCRAM-SHA-256")

    @played
    async def test_best_mechanism_over_direct_tls(self) -> None:
        self.assertEqual(await self._sign_in(True, None), "SCRAM-SHA-256")

    @played
    async def test_scram_sha_1_over_starttls(self) -> None:
        self.assertEqual(await self._sign_in(False, "SCRAM-SHA-1"), "SCRAM-SHA-1")

    @played
    async def test_plain_over_starttls(self) -> None:
        self.assertEqual(await self._sign_in(False, "PLAIN"), "PLAIN")

    @played
    async def test_plain_over_direct_tls(self) -> None:
        self.assertEqual(await self._sign_in(True, "PLAIN"), "PLAIN")

    @played
    async def test_the_server_chooses_a_resource(self) -> None:
        client = await self.person(self.account("carol")).sign_in()
        self.assertTrue(client.boundjid.resource)

    @played
    async def test_an_unknown_certificate_is_refused_by_starttls(self) -> None:
        client = self.person(self.account("carol"), trust=False)
        await client.begin()
        await client.next("ssl_invalid_chain")
        self.assertTrue(client.nothing("session_start"))

    @played
    async def test_an_unknown_certificate_is_refused_by_direct_tls(self) -> None:
        client = self.person(self.account("carol"), trust=False, direct=True)
        await client.begin()
        error = await client.next("connection_failed")
        self.assertIn("CERTIFICATE_VERIFY_FAILED", str(error))
        self.assertTrue(client.nothing("session_start"))

    @played
    async def test_wrong_password(self) -> None:
        name = self.account("carol")
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"):
            client = self.person(name, "wrong password", mechanism=mechanism)
            await client.begin()
            await client.next("failed_all_auth")
            self.assertTrue(client.nothing("session_start"))
            client.abort()
        await self.person(name).sign_in()

    @played
    async def test_no_such_account(self) -> None:
        client = self.person("nobody-here", PASSWORD)
        await client.begin()
        await client.next("failed_all_auth")

    @played
    async def test_logins_and_logouts_are_on_record(self) -> None:
        name = self.account("carol")
        client = await self.person(name).sign_in()
        await client.leave()
        address = f"{name}@{DOMAIN}"

        def kinds() -> list[str]:
            return [
                one["kind"]
                for one in self.recorded(**{"from": address})
                if one["kind"] in ("login", "logout")
            ]

        await self.until(lambda: kinds() == ["login", "logout"])


class EndingTests(XmppCase):
    @played
    async def test_the_same_resource_again_ends_the_first(self) -> None:
        name = self.account("carol")
        first = await self.person(name, resource="desk").sign_in()
        second = await self.person(name, resource="desk").sign_in()
        error = await first.next("stream_error")
        self.assertEqual(error["condition"], "conflict")
        await first.next("disconnected")
        await second.ping_server()
        jids = [one["jid"] for one in self.site.call("im.connections")]
        self.assertEqual(jids.count(f"{name}@{DOMAIN}/desk"), 1)

    @played
    async def test_disabling_an_account_ends_its_streams(self) -> None:
        name = self.account("carol")
        desk = await self.person(name, resource="desk").sign_in()
        phone = await self.person(name, resource="phone", direct=True).sign_in()
        self.site.call("user.disable", address=f"{name}@{DOMAIN}")
        for client in (desk, phone):
            error = await client.next("stream_error")
            self.assertEqual(error["condition"], "not-authorized")
            await client.next("disconnected")
        again = self.person(name)
        await again.begin()
        await again.next("failed_all_auth")
        self.site.call("user.enable", address=f"{name}@{DOMAIN}")
        await self.person(name).sign_in()

    @played
    async def test_deleting_an_account_ends_its_streams(self) -> None:
        name = self.account("carol")
        client = await self.person(name).sign_in()
        self.site.call("user.delete", address=f"{name}@{DOMAIN}")
        await client.next("stream_error")
        await client.next("disconnected")

    @played
    async def test_an_administrator_ends_a_connection(self) -> None:
        client = await self.person(self.account("carol")).sign_in()
        self.assertEqual(self.site.call("im.kick", jid=str(client.boundjid)), {"ended": 1})
        error = await client.next("stream_error")
        self.assertEqual(error["condition"], "policy-violation")

    @played
    async def test_a_new_password_counts_at_once(self) -> None:
        name = self.account("carol")
        self.site.call("user.passwd", address=f"{name}@{DOMAIN}", password="a brand new one")
        old = self.person(name)
        await old.begin()
        await old.next("failed_all_auth")
        await self.person(name, "a brand new one").sign_in()
        await asyncio.sleep(0)
