"""Static files, the redirect to https, health."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailim.protocols.http.health import Health
from mailim.protocols.http.redirect import RedirectToHttps
from mailim.protocols.http.router import Router
from mailim.protocols.http.static import StaticFiles
from tests.fakes.store import short_directory
from tests.protocols.http.loopback import Connection, make_site


class StaticTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = short_directory(self)
        self.clock = Clock()
        self.build({"app-ABC.js": (b"let a = 1", ["br", "gz"]), "mark-D.svg": (b"<svg/>", [])})
        (self.directory / "secret.txt").write_bytes(b"not listed")
        self.static = StaticFiles(self.clock, self.directory)
        self.connection = Connection(make_site(Router(self.static.routes())))

    def build(self, files: dict[str, tuple[bytes, list[str]]]) -> None:
        listed = {}
        for name, (data, encodings) in files.items():
            kind = "image/svg+xml" if name.endswith("svg") else "text/javascript; charset=utf-8"
            (self.directory / name).write_bytes(data)
            for suffix in encodings:
                (self.directory / f"{name}.{suffix}").write_bytes(suffix.encode() + data)
            listed[name] = {"type": kind, "size": len(data), "encodings": encodings}
        manifest = json.dumps({"entries": {}, "files": listed})
        (self.directory / "manifest.json").write_text(manifest)

    def get(self, name: str, *fields: str) -> Any:
        return self.connection.ask("\n".join([f"GET /static/{name} HTTP/1.1", *fields]))

    def test_plain(self) -> None:
        answer = self.get("app-ABC.js")
        self.assertEqual(answer.body, b"let a = 1")
        self.assertEqual(answer.header("content-type"), "text/javascript; charset=utf-8")
        self.assertEqual(answer.header("cache-control"), "public, max-age=31536000, immutable")
        self.assertEqual(answer.header("vary"), "Accept-Encoding")
        self.assertEqual(answer.header("x-content-type-options"), "nosniff")

    def test_codings(self) -> None:
        for accepted, coding, body in (
            ("gzip, deflate, br", "br", b"brlet a = 1"),
            ("gzip", "gzip", b"gzlet a = 1"),
        ):
            answer = self.get("app-ABC.js", f"Accept-Encoding: {accepted}")
            self.assertEqual((answer.header("content-encoding"), answer.body), (coding, body))
        answer = self.get("mark-D.svg", "Accept-Encoding: br")
        self.assertNotIn("content-encoding", answer.headers)
        self.assertEqual(answer.header("content-type"), "image/svg+xml")

    def test_not_modified(self) -> None:
        packed = self.get("app-ABC.js", "Accept-Encoding: br").header("etag")
        plain = self.get("app-ABC.js").header("etag")
        self.assertNotEqual(packed, plain)
        answer = self.get("app-ABC.js", f'If-None-Match: "x", {plain}')
        self.assertEqual((answer.status, answer.header("etag")), (304, plain))
        self.assertNotIn("content-type", answer.headers)
        self.assertEqual(self.get("app-ABC.js", f"If-None-Match: {packed}").status, 200)

    def test_only_what_is_listed(self) -> None:
        for name in ("secret.txt", "manifest.json", "app-ABC.js.br", "", "..", "%2e%2e/x", "a/b"):
            self.assertEqual(self.get(name).status, 404, name)

    def test_a_new_build_is_found(self) -> None:
        self.assertEqual(self.get("new-E.js").status, 404)
        self.build({"new-E.js": (b"2", [])})
        self.clock.advance(2)
        self.assertEqual(self.get("new-E.js").body, b"2")
        self.assertEqual(self.get("app-ABC.js").status, 404)

    def test_a_broken_build_leaves_the_old_one(self) -> None:
        for manifest in ("{", '{"files": {"../x": {"type": "a", "encodings": []}}}', '{"files":3}'):
            (self.directory / "manifest.json").write_text(manifest)
            self.clock.advance(2)
            self.static.refresh()
            self.assertEqual(self.get("app-ABC.js").status, 200)

    def test_no_build_at_all(self) -> None:
        self.assertEqual(StaticFiles(self.clock, short_directory(self)).manifest, {})


class RedirectTests(SynchronousTestCase):
    def ask(self, head: str, port: int = 443, host: str = "mail.example.test") -> Any:
        site = make_site(RedirectToHttps(port).router())
        return Connection(site).ask(head, host=host)

    def test_redirect(self) -> None:
        answer = self.ask("GET /a/b%20c?d=%C3%A9&e HTTP/1.1")
        self.assertEqual(answer.status, 308)
        self.assertEqual(answer.header("location"), "https://mail.example.test/a/b%20c?d=%C3%A9&e")
        self.assertEqual(self.ask("HEAD / HTTP/1.1").status, 308)

    def test_port(self) -> None:
        for host, where in (
            ("127.0.0.1:10080", "127.0.0.1"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"),
        ):  # fmt: skip
            answer = self.ask("GET / HTTP/1.1", 10443, host)
            self.assertEqual(answer.header("location"), f"https://{where}:10443/")

    def test_nothing_else(self) -> None:
        self.assertEqual(self.ask("POST /login HTTP/1.1").status, 403)
        self.assertEqual(self.ask("GET / HTTP/1.1", host="a\\b").status, 400)
        self.assertEqual(self.ask("GET /../x HTTP/1.1").status, 404)

    def test_nothing_gets_into_the_header(self) -> None:
        answer = self.ask("GET /a%0d%0aSet-Cookie:x HTTP/1.1")
        self.assertEqual(answer.status, 404)
        answer = self.ask("GET /?a=%0d%0aSet-Cookie:x HTTP/1.1")
        self.assertNotIn("set-cookie", answer.headers)


class HealthTests(SynchronousTestCase):
    def test_health(self) -> None:
        state = [True]
        connection = Connection(make_site(Router(Health(lambda: state[0]).routes())))
        self.assertEqual(connection.ask("GET /healthz HTTP/1.1").status, 200)
        state[0] = False
        self.assertEqual(connection.ask("GET /healthz HTTP/1.1").status, 503)
