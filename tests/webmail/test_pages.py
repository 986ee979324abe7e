"""Signing in without JavaScript, the pages, and what protects them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailim.composition.web import STATIC
from mailim.config_sections import Webmail
from mailim.errors import Invalid
from mailim.webmail.pages import Pages
from tests.fakes.inside import PASSWORD, serve
from tests.fakes.web import WebClient


class PagesCase(TestCase):
    """A server with alice, and admin who is one."""

    if not (STATIC / "manifest.json").exists():
        skip = "the browser application is not built: make webclient"

    async def client(self) -> WebClient:
        self.server = await serve(self, "alice", "admin", admin="admin")
        return WebClient(self.server)


class SignInTests(PagesCase):
    async def test_the_way_in(self) -> None:
        client = await self.client()
        answer = await client.request("GET", "/")
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/login"))
        page = await client.request("GET", "/login")
        self.assertEqual(page.status, 200)
        self.assertNotIn("<script", page.text)
        answer = await client.sign_in("alice", PASSWORD)
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/"))
        for flag in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"):
            self.assertIn(flag, answer.headers["set-cookie"])
        page = await client.request("GET", "/")
        self.assertEqual(page.status, 200)
        self.assertIn('<div id="app">', page.text)
        self.assertEqual((await client.request("GET", "/login")).status, 303)

    async def test_a_wrong_password_gives_the_page_again(self) -> None:
        client = await self.client()
        answer = await client.sign_in('alice"><script>alert(1)</script>', "wrong")
        self.assertEqual(answer.status, 403)
        self.assertIn("The address or the password is wrong.", answer.text)
        self.assertNotIn("<script", answer.text)
        self.assertEqual(client.cookie, "")

    async def test_too_many_attempts_have_to_wait(self) -> None:
        client = await self.client()
        for _ in range(10):
            self.server.core.limiter.failed("alice@example.test", "127.0.0.1")
        answer = await client.sign_in("alice", PASSWORD)
        self.assertEqual(answer.status, 429)
        self.assertGreater(int(answer.headers["retry-after"]), 0)

    async def test_a_foreign_page_cannot_sign_anybody_in_or_out(self) -> None:
        client = await self.client()
        form = {"address": "alice", "password": PASSWORD}
        answer = await client.request("POST", "/login", form=form, same_origin=False)
        self.assertEqual((answer.status, client.cookie), (403, ""))
        await client.sign_in("alice", PASSWORD)
        self.assertEqual((await client.request("POST", "/logout", same_origin=False)).status, 403)
        self.assertEqual((await client.request("GET", "/")).status, 200)

    async def test_signing_out_ends_the_session_on_the_server(self) -> None:
        client = await self.client()
        await client.sign_in("alice", PASSWORD)
        cookie = client.cookie
        answer = await client.request("POST", "/logout", form={})
        self.assertEqual(answer.status, 303)
        client.cookie = cookie
        self.assertEqual((await client.request("GET", "/api/session")).status, 401)

    async def test_a_disabled_account_is_out_at_once(self) -> None:
        client = await self.client()
        await client.sign_in("alice", PASSWORD)
        await self.server.core.accounts.disable("alice@example.test")
        self.assertEqual((await client.request("GET", "/api/session")).status, 401)

    async def test_a_new_password_ends_other_sessions(self) -> None:
        client = await self.client()
        await client.sign_in("alice", PASSWORD)
        await self.server.core.accounts.passwd("alice@example.test", "another password")
        self.assertEqual((await client.request("GET", "/api/session")).status, 401)


class ProtectionTests(PagesCase):
    async def test_every_page_carries_the_policy(self) -> None:
        client = await self.client()
        await client.sign_in("admin", PASSWORD)
        for path in ("/", "/login", "/admin/", "/api/session", "/nothing-here", "/healthz"):
            headers = (await client.request("GET", path)).headers
            policy = headers["content-security-policy"]
            self.assertIn("default-src 'none'", policy, path)
            self.assertNotIn("unsafe", policy, path)
            self.assertIn("require-trusted-types-for 'script'", policy, path)
            self.assertEqual(headers["x-content-type-options"], "nosniff", path)
            self.assertIn("max-age", headers["strict-transport-security"], path)

    async def test_no_page_has_inline_script_or_style(self) -> None:
        client = await self.client()
        await client.sign_in("admin", PASSWORD)
        for path in ("/", "/admin/", "/login"):
            text = (await client.request("GET", path)).text
            self.assertNotRegex(text, r"<script(?![^>]*src=)", path)
            self.assertNotRegex(text, r"<style|style=|onload=|onclick=", path)

    async def test_path_tricks_find_nothing(self) -> None:
        client = await self.client()
        for path in (
            "/static/../../etc/passwd", "/static/..%2f..%2fetc%2fpasswd", "/static/%2e%2e/tap.py",
            "/static/", "/static/manifest.json%00.js", "/../etc/mailim.toml", "//etc/passwd",
            "/m/x/../../api/session", "/static/....//....//etc/passwd", "/%5c..%5c..%5cetc",
        ):  # fmt: skip
            answer = await client.request("GET", path)
            self.assertIn(answer.status, (400, 404), path)
            self.assertNotIn(b"root:", answer.body)

    async def test_the_admin_page_is_for_administrators(self) -> None:
        client = await self.client()
        self.assertEqual((await client.request("GET", "/admin/")).status, 303)
        await client.sign_in("alice", PASSWORD)
        self.assertEqual((await client.request("GET", "/admin/")).status, 403)
        answer = await client.request("POST", "/admin/api/user.list", body={})
        self.assertEqual(answer.status, 403)
        client.cookie = ""
        answer = await client.request("POST", "/admin/api/user.list", body={})
        self.assertEqual(answer.status, 401)


class ApiTests(PagesCase):
    async def test_session_and_settings(self) -> None:
        client = await self.client()
        self.assertEqual((await client.request("GET", "/api/session")).status, 401)
        await client.sign_in("alice", PASSWORD)
        session = (await client.request("GET", "/api/session")).json
        self.assertEqual(session["address"], "alice@example.test")
        self.assertFalse(session["admin"])
        changed = await client.request("PATCH", "/api/settings", body={"theme": "dark"})
        self.assertEqual(changed.json["theme"], "dark")
        self.assertEqual(changed.json["density"], "comfortable")
        again = (await client.request("GET", "/api/session")).json
        self.assertEqual(again["settings"]["theme"], "dark")
        self.assertIn('data-theme="dark"', (await client.request("GET", "/")).text)

    async def test_settings_changed_at_once_in_two_windows_are_both_kept(self) -> None:
        client = await self.client()
        await client.sign_in("alice", PASSWORD)
        changes: list[dict[str, Any]] = [
            {"theme": "dark"},
            {"density": "compact"},
            {"sounds": False},
        ]
        await gatherResults(
            [
                Deferred.fromCoroutine(client.request("PATCH", "/api/settings", body=one))
                for one in changes
            ]
        )
        settings = (await client.request("GET", "/api/session")).json["settings"]
        for one in changes:
            self.assertLessEqual(one.items(), settings.items())

    async def test_wrong_settings_are_all_named(self) -> None:
        client = await self.client()
        await client.sign_in("alice", PASSWORD)
        answer = await client.request(
            "PATCH", "/api/settings", body={"theme": "pink", "sounds": "yes", "nonsense": 1}
        )
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        paths = {one["path"] for one in answer.json["errors"]}
        self.assertEqual(paths, {"theme", "sounds", "nonsense"})

    async def test_unsafe_methods_need_this_origin_and_json(self) -> None:
        client = await self.client()
        await client.sign_in("alice", PASSWORD)
        answer = await client.request(
            "PATCH", "/api/settings", body={"theme": "dark"}, same_origin=False
        )
        self.assertEqual(answer.status, 403)
        answer = await client.request("PATCH", "/api/settings", form={"theme": "dark"})
        self.assertEqual(answer.status, 415)

    async def test_a_chat_token_is_a_password_once(self) -> None:
        client = await self.client()
        await client.sign_in("alice", PASSWORD)
        token = (await client.request("POST", "/api/chat-token", body={})).json["token"]
        passwords = self.server.core.passwords
        account = await passwords.check("alice@example.test", token, "127.0.0.1", "xmpp")
        self.assertEqual(account.address, "alice@example.test")
        from mailim.errors import AuthenticationFailed

        for protocol in ("xmpp", "jmap"):
            with self.assertRaises(AuthenticationFailed):
                await passwords.check("alice@example.test", token, "127.0.0.1", protocol)

    async def test_bodies_over_the_limit_are_refused(self) -> None:
        client = await self.client()
        await client.sign_in("alice", PASSWORD)
        answer = await client.request("POST", "/api/frames", body={"emailId": "x" * 10_000})
        self.assertEqual(answer.status, 413)


class TemplateTests(SynchronousTestCase):
    def test_a_template_of_the_site_that_is_none_is_told_at_the_start(self) -> None:
        overrides = Path(self.mktemp())
        overrides.mkdir()
        nothing: Any = None
        for octets in (b"{% if %}", b"{{ unfinished", b"\xff\xfe", b"{% extends 'no.html' %}{{"):
            (overrides / "login.html").write_bytes(octets)
            error = self.assertRaises(
                Invalid, Pages, nothing, nothing, nothing, nothing, "x.test", Webmail(), overrides
            )
            self.assertIn("login.html", error.text)
