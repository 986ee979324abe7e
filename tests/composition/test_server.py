"""The server's life inside one process: started, reloaded, ended at any moment."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailim.admin.new_site import NewSite, make
from mailim.composition.server import Server
from mailim.config import load
from mailim.config_text import render
from mailim.lock import SiteLock
from tests.fakes import raw_websocket
from tests.fakes.inside import DOMAIN, LISTENERS, PASSWORD, serve
from tests.fakes.raw_xmpp import connect
from tests.fakes.store import short_directory
from tests.fakes.web import WebClient


class ServerCase(TestCase):
    def make(self, changes: dict[str, Any] | None = None) -> Server:
        """Compose a server that is not started."""
        directory = short_directory(self)
        file = make(NewSite(directory, DOMAIN, 0, "127.0.0.1"))
        settings: dict[str, Any] = {
            "server.domain": DOMAIN,
            "server.listen": ("127.0.0.1",),
            **{f"listeners.{name}.port": 0 for name in LISTENERS},
            **(changes or {}),
        }
        file.write_text(render(settings))
        self.gave_up = 0
        server = Server(reactor, load(file), self._give_up)
        self.addCleanup(server.stopService)
        return server

    def _give_up(self) -> None:
        self.gave_up += 1

    def port(self, server: Server, name: str) -> int:
        port = server.listeners.port(name)
        assert port is not None
        return port


class EndTests(ServerCase):
    async def test_while_it_starts(self) -> None:
        server = self.make()
        server.startService()
        await server.stopService()
        SiteLock(server.core.site.var).release()
        self.assertEqual(self.gave_up, 0)
        self.assertFalse((server.core.site.var / "admin.sock").exists())

    async def test_before_it_was_started(self) -> None:
        server = self.make()
        await server.stopService()
        SiteLock(server.core.site.var).release()

    async def test_twice(self) -> None:
        server = self.make()
        server.startService()
        await server.started
        first = server.stopService()
        await server.stopService()
        await first
        await server.stopService()
        SiteLock(server.core.site.var).release()

    async def test_one_step_that_fails_does_not_keep_the_store_open(self) -> None:
        server = self.make()
        server.startService()
        await server.started

        def broken() -> None:
            raise RuntimeError("broken on purpose")

        self.patch(server.im, "stop", broken)
        await server.stopService()
        SiteLock(server.core.site.var).release()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_all_streams_are_told_signed_in_or_not(self) -> None:
        server = await serve(self, "alice")
        waiting = await connect(self.port(server, "xmpp"))
        await waiting.features()
        signed_in = await connect(self.port(server, "xmpps"), tls=True)
        await signed_in.features()
        await signed_in.plain("alice", PASSWORD)
        signed_in.restart()
        await signed_in.features()
        await signed_in.bind("desk")
        page = await raw_websocket.connect(self.port(server, "https"))
        await page.upgrade(["xmpp"])
        await page.open()
        await server.stopService()
        self.assertEqual(await waiting.error(), "system-shutdown")
        self.assertEqual(await signed_in.error(), "system-shutdown")
        error = await page.next()
        self.assertEqual(next(one.name for one in error.elements()), "system-shutdown")


class StartTests(ServerCase):
    async def test_what_cannot_start_gives_up_once(self) -> None:
        first = self.make()
        first.startService()
        await first.started
        taken = self.port(first, "xmpp")
        second = self.make({"listeners.xmpp.port": taken})
        second.startService()
        await second.started
        self.assertEqual(self.gave_up, 1)
        self.assertFalse(second.healthy)
        await second.stopService()
        SiteLock(second.core.site.var).release()

    async def test_the_plain_port_redirects_to_where_https_really_is(self) -> None:
        from twisted.internet.threads import deferToThread

        server = await serve(self, "alice")

        def ask() -> str | None:
            from http.client import HTTPConnection

            connection = HTTPConnection("127.0.0.1", self.port(server, "http"), timeout=60)
            connection.request("GET", "/login")
            location = connection.getresponse().headers["Location"]
            connection.close()
            return location

        self.assertEqual(
            await deferToThread(ask), f"https://127.0.0.1:{self.port(server, 'https')}/login"
        )


class ReloadTests(ServerCase):
    async def test_two_at_once_take_turns(self) -> None:
        server = await serve(self, "alice")
        file = server.core.site.file
        file.write_text(file.read_text().replace("login_seconds = 30", "login_seconds = 31"))
        from twisted.internet.defer import Deferred, gatherResults

        both = [Deferred.fromCoroutine(server.reload()) for _ in range(2)]
        self.assertEqual(await gatherResults(both), [[], []])
        self.assertEqual(server.core.site.config.im.login_seconds, 31)

    async def test_a_wrong_certificate_changes_nothing(self) -> None:
        from mailim.errors import Invalid

        server = await serve(self, "alice")
        site = server.core.site
        text = site.file.read_text()
        site.file.write_text(text.replace("login_seconds = 30", "login_seconds = 31"))
        site.path(site.config.tls.certificate).write_text("nonsense")
        with self.assertRaises(Invalid):
            await server.reload()
        self.assertEqual(server.core.site.config.im.login_seconds, 30)
        client = WebClient(server)
        self.assertEqual((await client.request("GET", "/healthz")).status, 200)
