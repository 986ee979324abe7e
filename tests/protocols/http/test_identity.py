"""Who is asking: cookies, HTTP Basic, and pages of others."""

from __future__ import annotations

import base64
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.http_headers import Headers

from mailim.accounts.web_sessions import WebSessions
from mailim.errors import NotPermitted, RateLimited
from mailim.interfaces.accounts import Account
from mailim.protocols.http.identity import COOKIE, Identity
from mailim.protocols.http.problems import Problem, problem_of
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response
from mailim.protocols.http.targets import Target
from tests.accounts.sites import PASSWORD, Site

ALICE = "alice@example.test"


def basic(address: str = ALICE, password: str = PASSWORD) -> dict[str, str]:
    pair = f"{address}:{password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


class IdentityTests(TestCase):
    async def identity(self) -> Identity:
        self.site = Site(self)
        await self.site.people()
        sessions = WebSessions(self.site.clock, self.site.store, self.site.directory)
        return Identity(sessions, self.site.passwords)

    def request(self, method: str = "GET", *fields: dict[str, str], secure: bool = True) -> Request:
        headers = Headers()
        for each in fields:
            for name, value in each.items():
                headers.addRawHeader(name, value)
        target = Target(("x",), b"")
        return Request(
            method, target, headers, peer="192.0.2.1", host="example.test", secure=secure
        )

    async def cookie(self, identity: Identity) -> dict[str, str]:
        account = await self.site.directory.find(ALICE)
        assert account is not None
        response = Response()
        await identity.begin(self.request(), account, response)
        ((name, value),) = response.headers
        self.assertEqual(name, "Set-Cookie")
        pair, *attributes = value.split("; ")
        self.assertEqual(
            {each.lower() for each in attributes}, {"path=/", "secure", "httponly", "samesite=lax"}
        )
        self.assertTrue(pair.startswith(f"{COOKIE}="))
        return {"Cookie": f"a=b; {pair}"}

    async def refused(self, identity: Identity, request: Request, error: type = Problem) -> Problem:
        work = Deferred.fromCoroutine(identity.account(request, "jmap"))
        failed: Any = await self.assertFailure(work, error)
        problem = problem_of(failed)
        assert problem is not None
        return problem

    async def test_cookie(self) -> None:
        identity = await self.identity()
        cookie = await self.cookie(identity)
        account: Account = await identity.account(self.request("GET", cookie), "jmap")
        self.assertEqual(account.address, ALICE)
        found = await identity.signed_in(self.request("GET", cookie))
        self.assertEqual(found[0].id, account.id)

    async def test_no_or_wrong_cookie(self) -> None:
        identity = await self.identity()
        for fields in ({}, {"Cookie": f"{COOKIE}=x"}, {"Cookie": f"{COOKIE}={'A' * 43}"}):
            problem = await self.refused(identity, self.request("GET", fields))
            self.assertEqual(problem.status, 401)

    async def test_ended(self) -> None:
        identity = await self.identity()
        cookie = await self.cookie(identity)
        response = Response()
        await identity.end(self.request("GET", cookie), response)
        self.assertIn("Max-Age=0", response.headers[0][1])
        self.assertEqual((await self.refused(identity, self.request("GET", cookie))).status, 401)

    async def test_unsafe_methods_need_our_page(self) -> None:
        identity = await self.identity()
        cookie = await self.cookie(identity)
        for ours in (
            {"Sec-Fetch-Site": "same-origin"},
            {"Origin": "https://example.test"},
        ):
            await identity.account(self.request("POST", cookie, ours), "jmap")
        for foreign in (
            {},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "cross-site", "Origin": "https://example.test"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": "https://evil.test"},
            {"Origin": "https://example.test.evil.test"},
            {"Origin": "http://example.test"},
            {"Origin": "null"},
        ):
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                request = self.request(method, cookie, foreign)
                problem = await self.refused(identity, request, NotPermitted)
                self.assertEqual(problem.status, 403, foreign)

    async def test_basic(self) -> None:
        identity = await self.identity()
        for method in ("GET", "POST"):  # no page of others can send this field unasked
            account = await identity.account(self.request(method, basic()), "jmap")
            self.assertEqual(account.address, ALICE)

    async def test_basic_needs_tls(self) -> None:
        identity = await self.identity()
        request = self.request("GET", basic(), secure=False)
        self.assertEqual((await self.refused(identity, request)).status, 403)
        self.assertEqual(self.site.hashing.count, 0)

    async def test_basic_malformed(self) -> None:
        identity = await self.identity()
        for value in (
            "", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(),
            "Bearer abc", "Basic " + base64.b64encode(b"\xff:x").decode(), "Basic " + "A" * 9000,
        ):  # fmt: skip
            request = self.request("GET", {"Authorization": value})
            self.assertEqual((await self.refused(identity, request)).status, 401, value[:40])

    async def test_programs_are_challenged_browsers_are_not(self) -> None:
        identity = await self.identity()
        problem = await self.refused(identity, self.request())
        self.assertEqual(
            problem.headers, (("WWW-Authenticate", 'Basic realm="mailim", charset="UTF-8"'),)
        )
        problem = await self.refused(identity, self.request("GET", {"Sec-Fetch-Mode": "cors"}))
        self.assertEqual(problem.headers, ())

    async def test_wrong_passwords_are_limited(self) -> None:
        identity = await self.identity()
        statuses: list[int] = []
        for number in range(20):
            request = self.request("GET", basic(password=f"wrong {number}"))
            try:
                await identity.account(request, "jmap")
            except (Problem, RateLimited) as error:
                problem = problem_of(error)
                assert problem is not None
                statuses.append(problem.status)
                names = [name for name, _ in problem.headers]
                wanted = "WWW-Authenticate" if problem.status == 401 else "Retry-After"
                self.assertEqual(names, [wanted])
        self.assertEqual((statuses[0], statuses[-1]), (401, 429))
        self.assertEqual(len(statuses), 20)
