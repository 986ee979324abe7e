"""10,000 bad inputs over XMPP, WebSocket and HTTP: proper errors, no growth, still serving."""

from __future__ import annotations

import base64
import gc
import json
from collections.abc import Awaitable, Callable
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.loops import run_in_own_loop
from tests.fakes.site import DOMAIN, RunningSite
from tests.interop import hostile
from tests.interop.hostile import (
    SIGNED_IN,
    WEBSOCKET,
    XMPP,
    Ask,
    HttpSender,
    SignedInSender,
    WebSocketSender,
    ask,
    drive,
    times,
)
from tests.interop.xmpp_office import PASSWORD

WARM_UP = 1500
REPEATS = 10_000
GROWTH = 5 * 1024 * 1024
Kinds = list[Callable[[], Awaitable[None]]]


def requests() -> list[Ask]:
    """Give the kinds of bad HTTP input."""
    basic = base64.b64encode(f"admin@{DOMAIN}:{PASSWORD}".encode()).decode()
    wrong = base64.b64encode(b"\xff:\x00").decode()
    signed = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
    core = "urn:ietf:params:jmap:core"
    jmap = "POST /jmap/api"

    def calls(value: object) -> bytes:
        return json.dumps({"using": [core], "methodCalls": value}).encode()

    return [
        # path tricks
        ask("up", "GET /static/../../etc/mailim.toml", 400, 404),
        ask("encoded up", "GET /static/%2e%2e/%2e%2e/etc/secret.key", 400, 404),
        ask("encoded slash", "GET /static/..%2f..%2fetc%2fsecret.key", 400, 404),
        ask("backslash", "GET /static/..%5c..%5cetc", 400, 404),
        ask("encoded NUL", "GET /static/app.js%00.css", 400, 404),
        ask("twice encoded", "GET /static/%252e%252e/etc", 400, 404),
        ask("overlong", "GET /static/%c0%ae%c0%ae/etc", 400, 404),
        ask("double slash", "GET //etc/passwd", 400, 404),
        ask("a whole URL", "GET http://elsewhere.example/etc/passwd", 400, 404, 421),
        ask("a long path", "GET /" + "x" * 9000, 400, 404, 414, 431),
        ask("no path", "GET nonsense", 400, 404),
        ask("a part of no mail", "GET /m/AAAAAAAA/part/../../secret", 400, 404),
        # heads
        ask("no host", "GET /", 400, headers={"Host": ""}),
        ask("evil host", "GET /", 400, headers={"Host": "a b<script>"}),
        ask("huge header", "GET /", 400, 431, headers={"X-Big": "x" * 40_000}),
        ask("many headers", "GET /", 400, 431, headers={f"X-{n}": "1" for n in range(600)}),
        ask("unknown method", "BREW /", 400, 405, 501),
        ask("wrong method", "DELETE /login", 405),
        ask("two lengths", "POST /login", 400, body=b"a=b",
            headers={"Content-Length": "3\r\nContent-Length: 4"}),
        ask("negative length", "POST /login", 400, headers={"Content-Length": "-1"}),
        ask("length and chunks", "POST /login", 400, body=b"0\r\n\r\n",
            headers={"Content-Length": "5", "Transfer-Encoding": "chunked"}),
        ask("bad chunk", "POST /login", 400, 403, body=b"zz\r\nabc\r\n0\r\n\r\n",
            headers={"Transfer-Encoding": "chunked"}),
        # bodies over limits
        ask("a large form", "POST /login", 403, 413, headers={"Content-Length": "99999999"}),
        ask("a large request", jmap, 413, 400,
            headers={**signed, "Content-Length": "999999999"}),
        ask("a huge upload", "POST /jmap/upload/A1", 404, 413,
            headers={**signed, "Content-Length": "99999999999"}),
        # signing in
        ask("no credentials", "GET /.well-known/jmap", 401),
        ask("broken basic", "GET /.well-known/jmap", 400, 401,
            headers={"Authorization": "Basic %%%"}),
        ask("basic noise", "GET /.well-known/jmap", 400, 401,
            headers={"Authorization": f"Basic {wrong}"}),
        ask("a forged cookie", "GET /api/session", 401,
            headers={"Cookie": "__Host-sid=" + "A" * 43}),
        ask("cross-site login", "POST /login", 403, body=b"address=a&password=b",
            headers={"Content-Type": "application/x-www-form-urlencoded",
                     "Sec-Fetch-Site": "cross-site"}),
        ask("admin without session", "POST /admin/api/user.list", 401, 403, body=b"{}",
            headers={"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}),
        # JMAP of wrong types and depth
        ask("not JSON", jmap, 400, body=b"{", headers=signed),
        ask("not UTF-8", jmap, 400, body=b'{"using":"\xff"}', headers=signed),
        ask("deep", jmap, 400, body=b"[" * 5000 + b"]" * 5000, headers=signed),
        ask("wrong types", jmap, 400, body=b'{"using":5,"methodCalls":{}}', headers=signed),
        ask("a number", jmap, 400, body=b"1e999", headers=signed),
        ask("twice a name", jmap, 400, body=b'{"using":[],"using":[],"methodCalls":[]}',
            headers=signed),
        ask("unknown capability", jmap, 400,
            body=b'{"using":["urn:x"],"methodCalls":[["Core/echo",{},"0"]]}', headers=signed),
        ask("wrong arguments", jmap, 200, headers=signed,
            body=calls([["Email/get", {"accountId": 5, "ids": {"a": 1}}, "0"]])),
        ask("a call of nothing", jmap, 400, 200, headers=signed, body=calls([["x"], 5, None])),
        ask("too many calls", jmap, 400, headers=signed,
            body=calls([["Core/echo", {}, str(n)] for n in range(500)])),
        ask("a reference in a circle", jmap, 200, headers=signed,
            body=calls([["Core/echo",
                         {"#a": {"resultOf": "0", "name": "Core/echo", "path": "/a"}}, "0"]])),
        ask("a download of another", "GET /jmap/download/Azzz/Bzzz/x?accept=text/html", 404, 403,
            headers=signed),
        ask("no WebSocket", "GET /xmpp-websocket", 400, 426),
    ]  # fmt: skip


class HostileInputTests(SynchronousTestCase):
    def setUp(self) -> None:
        changes = {
            "accounts.failures_per_account": 10_000,
            "accounts.failures_per_peer": 100_000,
        }
        self.site = RunningSite({"admin": PASSWORD}, changes, measured=False)
        self.addCleanup(self.site.stop)

    async def _all(self, count: int) -> None:
        """Send so many in equal shares of kinds."""
        websocket, http = WebSocketSender(self.site), HttpSender(self.site)
        signed_in = SignedInSender(self.site, "admin", PASSWORD)
        xmpp: Kinds = [partial(hostile.xmpp, self.site, bad) for bad in XMPP]
        kinds: Kinds = [
            *xmpp,
            *(partial(signed_in.send, bad) for bad in SIGNED_IN),
            *(partial(websocket.send, bad) for bad in WEBSOCKET),
            *(partial(http.send, request) for request in requests()),
        ]
        try:
            await drive(times(count, kinds))
        finally:
            await http.close()

    def test_10000_of_all_kinds(self) -> None:
        run_in_own_loop(partial(self._all, WARM_UP))
        gc.collect()
        before = self.site.memory()
        run_in_own_loop(partial(self._all, REPEATS))
        grown = self.site.memory() - before
        self.assertLessEqual(grown, GROWTH, f"{grown / 1e6:.1f} MB more")
        self.assertEqual(self.site.get("/healthz")[0], 200)
        self.site.call("im.send", to=f"admin@{DOMAIN}", body="still here")
        self.assertEqual(self.site.command("record", "verify").returncode, 0)
        log = self.site.log()
        self.assertNotIn("Traceback", log)
        self.assertNotIn("Unhandled", log)
