"""Operations through /admin/api/ and the socket, on a whole server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailim.admin.client import NoServer, call
from mailim.admin.record_acts import RecordActs
from mailim.admin.site_acts import _check_semaphores
from mailim.admin.table import TABLE
from mailim.config import Config, Site
from mailim.errors import LimitExceeded, MailimError
from mailim.interfaces.spool import NewMail
from tests.fakes.inside import PASSWORD, serve
from tests.fakes.raw_xmpp import connect
from tests.fakes.web import WebClient


class SemaphoreCheckTests(SynchronousTestCase):
    def test_the_folder_of_semaphore_files(self) -> None:
        found: list[str] = []

        def states() -> list[str]:
            found.clear()
            _check_semaphores(site, lambda state, what, detail: found.append(f"{state} {detail}"))
            return [one.partition(" ")[0] for one in found]

        site = Site(Config(), Path("mailim.toml"), Path(self.mktemp()))
        self.assertEqual(states(), ["good"])
        folder = site.var / "WorldClient"
        folder.mkdir(parents=True, mode=0o770)
        self.assertEqual(states(), ["good"])
        (folder / "LockSems.SEM").touch()
        self.assertEqual(states(), ["warning"])
        self.assertIn("stops", found[0])
        (folder / "LockSems.SEM").unlink()
        folder.chmod(0o777)
        self.assertEqual(states(), ["warning"])
        self.assertIn("everybody", found[0])
        folder.rmdir()
        folder.touch()
        self.assertEqual(states(), ["bad"])


class AdminCase(TestCase):
    """A server with admin, alice and bob."""

    async def serve(self, **changes: Any) -> None:
        self.server = await serve(self, "admin", "alice", "bob", admin="admin", changes=changes)

    async def call(self, operation: str, /, **arguments: Any) -> Any:
        """Call through var/admin.sock, as the command line does."""
        path = self.server.core.site.var / "admin.sock"
        return await deferToThread(call, path, operation, arguments)

    async def refused(self, operation: str, /, **arguments: Any) -> str:
        try:
            await self.call(operation, **arguments)
        except MailimError as error:
            return error.text
        raise AssertionError(f"{operation} was not refused")


class SocketTests(AdminCase):
    async def test_every_operation_is_bound(self) -> None:
        await self.serve()
        client = WebClient(self.server)
        await client.sign_in("admin", PASSWORD)
        table = (await client.request("GET", "/admin/api/")).json
        self.assertEqual([one["name"] for one in table], [one.name for one in TABLE])

    async def test_accounts(self) -> None:
        await self.serve()
        made = await self.call("user.add", address="Kim@Example.test", password="long enough")
        self.assertEqual(made["address"], "kim@example.test")
        self.assertNotIn("password", made)
        names = [one["address"] for one in await self.call("user.list")]
        self.assertIn("kim@example.test", names)
        await self.call("user.set", address="kim@example.test", name="Kim K", admin=True)
        shown = await self.call("user.show", address="kim@example.test")
        self.assertEqual((shown["name"], shown["admin"]), ("Kim K", True))
        await self.call("user.disable", address="kim@example.test")
        self.assertFalse((await self.call("user.show", address="kim@example.test"))["enabled"])
        await self.call("user.delete", address="kim@example.test")
        self.assertIn("no", await self.refused("user.show", address="kim@example.test"))

    async def test_refusals_are_plain_words(self) -> None:
        await self.serve()
        self.assertIn(
            "at least", await self.refused("user.add", address="a@example.test", password="x")
        )
        self.assertTrue(
            await self.refused("user.add", address="alice@example.test", password="long enough")
        )
        self.assertTrue(
            await self.refused("user.add", address="a@other.test", password="long enough")
        )
        self.assertIn("nonsense", await self.refused("nonsense"))
        self.assertIn("bogus", await self.refused("user.list", bogus=1))

    async def test_domains_aliases_and_groups(self) -> None:
        await self.serve()
        await self.call("domain.add", domain="Second.test")
        self.assertEqual(
            [one["domain"] for one in await self.call("domain.list")],
            ["example.test", "second.test"],
        )
        await self.call("alias.add", address="sales@second.test", target="alice@example.test")
        await self.call("group.add", address="all@example.test", name="Everybody")
        await self.call("group.join", address="all@example.test", member="bob@example.test")
        groups = await self.call("group.list")
        self.assertEqual(groups[0]["members"], ["bob@example.test"])
        self.assertTrue(await self.refused("domain.delete", domain="second.test"))
        await self.call("alias.delete", address="sales@second.test")
        await self.call("domain.delete", domain="second.test")

    async def test_the_queue(self) -> None:
        await self.serve()
        intake = self.server.core.intake
        mail = NewMail("carl@x.test", ("no@example.test",), "smtp", "test", intake.now())
        spool_id = str(await intake.accept(mail, b"Subject: Lunch\r\n\r\n"))
        while not (found := await self.call("queue.list", held=True)):
            pass
        self.assertEqual(found[0]["reason"], "There is no such address here.")
        await self.call("alias.add", address="no@example.test", target="bob@example.test")
        self.assertEqual(await self.call("queue.release", id=spool_id), {"released": 1})
        while await self.call("queue.list"):
            pass
        self.assertIn("no such mail", await self.refused("queue.show", id=spool_id))
        done = await self.call("record.search", kind="operation", text="queue.release")
        self.assertEqual(done[0]["details"]["id"], spool_id)

    async def test_connections_kick_and_send(self) -> None:
        await self.serve()
        self.assertEqual(await self.call("im.connections"), [])
        port = self.server.listeners.port("xmpp")
        assert port is not None
        client = await connect(port)
        self.addCleanup(client.transport.abortConnection)  # type: ignore[union-attr]
        await client.sign_in("alice", PASSWORD, "desk")
        client.send("<presence><show>dnd</show><status>busy</status></presence>")
        client.send("<iq type='get' id='p' to='example.test'><ping xmlns='urn:xmpp:ping'/></iq>")
        while (await client.next()).get("id") != "p":
            pass
        found = await self.call("im.connections")
        self.assertEqual(found[0]["jid"], "alice@example.test/desk")
        self.assertEqual((found[0]["show"], found[0]["status"]), ("dnd", "busy"))
        self.assertEqual((found[0]["address"], found[0]["protocol"]), ("127.0.0.1", "xmpp"))
        self.assertRegex(found[0]["tls"], r"\ATLSv1\.[23] [A-Z0-9_-]+\Z")
        self.assertNotIn("client", found[0])
        await self.call("im.send", to="alice@example.test", body="Backup is done")
        message = await client.next()
        self.assertEqual(message.find("body").text, "Backup is done")
        self.assertEqual(message.get("type"), "headline")
        await self.call("im.kick", jid="alice@example.test/desk")
        self.assertEqual(await client.error(), "policy-violation")
        self.assertTrue(await self.refused("im.kick", jid="alice@example.test/desk"))

    async def test_what_an_administrator_did_is_on_record_without_secrets(self) -> None:
        await self.serve()
        await self.call("user.add", address="kim@example.test", password="hidden words here")
        found = await self.call("record.search", kind="operation")
        self.assertEqual(found[0]["body"], "user.add")
        self.assertEqual(found[0]["details"]["address"], "kim@example.test")
        self.assertNotIn("hidden words", str(found))
        again = await self.call("record.search", kind="operation")
        self.assertEqual(again[0]["body"], "record.search")  # who watched is recorded too

    async def test_verify_checkpoint_and_export(self) -> None:
        await self.serve()
        await self.call("im.send", to="alice@example.test", body="for the record")
        note = (await self.call("record.checkpoint"))["note"]
        report = await self.call("record.verify")
        self.assertTrue(report["sound"], report)
        report = await self.call("record.verify", checkpoint=note)
        self.assertTrue(report["sound"], report)
        exported = await self.call("record.export", text="for the record")
        self.assertGreaterEqual(exported["leaves"], 1)
        self.assertIn("for the record", exported["raw"])

    async def test_an_export_that_is_too_large_is_refused(self) -> None:
        await self.serve()
        core = self.server.core
        acts = RecordActs(core.reactor, core.store, core.checkpoints, core.threads, 3000)
        for _ in range(5):
            await self.call("im.send", to="alice@example.test", body="x" * 500)
        with self.assertRaises(LimitExceeded):
            await acts.export({}, "console")
        self.assertEqual((await acts.export({"limit": 1}, "console"))["leaves"] > 0, True)

    async def test_reload_takes_what_it_can_and_names_the_rest(self) -> None:
        await self.serve()
        file = self.server.core.site.file
        text = file.read_text()
        file.write_text(
            text.replace("stanzas_per_second = 100", "stanzas_per_second = 7").replace(
                'hostname = "localhost"', 'hostname = "other.test"'
            )
        )
        answer = await self.call("reload")
        self.assertEqual(answer["needs_restart"], ["server.hostname"])
        self.assertEqual(self.server.core.site.config.im.stanzas_per_second, 7)
        self.assertEqual(self.server.core.site.config.server.hostname, "localhost")
        file.write_text("nonsense = 1")
        self.assertIn("unknown key", await self.refused("reload"))
        self.assertEqual(self.server.core.site.config.im.stanzas_per_second, 7)

    async def test_what_a_reload_takes_up_is_in_force(self) -> None:
        await self.serve()
        file = self.server.core.site.file
        text = file.read_text()
        for old, new in (
            ("allow_plaintext = false", "allow_plaintext = true"),
            ("boxes_per_account = 200", "boxes_per_account = 1"),
            ("failures_per_account = 10", "failures_per_account = 1"),
        ):
            self.assertIn(old, text)
            text = text.replace(old, new)
        file.write_text(text)
        answer = await self.call("reload")
        self.assertEqual(answer["needs_restart"], ["accounts.failures_per_account"])
        box = {"host": "pop.test", "user": "a", "password": "p", "security": "plaintext"}
        await self.call("multipop.add", address="alice@example.test", **box)
        text = await self.refused("multipop.add", address="alice@example.test", **box)
        self.assertEqual(text, "an account may have 1 boxes")

    async def test_check_finds_what_is_wrong(self) -> None:
        await self.serve()
        self.assertTrue((await self.call("check"))["ok"])
        (self.server.core.site.directory / "etc" / "record.key").chmod(0o644)
        answer = await self.call("check")
        self.assertFalse(answer["ok"])
        self.assertIn("chmod 600", answer["text"])

    async def test_the_socket_is_private(self) -> None:
        await self.serve()
        path = self.server.core.site.var / "admin.sock"
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    async def test_nobody_there(self) -> None:
        await self.serve()
        with self.assertRaises(NoServer):
            await deferToThread(call, self.server.core.site.var / "no.sock", "user.list", {})


class MultipopTests(AdminCase):
    async def test_a_box_never_shows_its_password(self) -> None:
        await self.serve()
        box = await self.call(
            "multipop.add", address="alice@example.test", host="pop.x.test", user="kate",
            password="very secret", port=995,
        )  # fmt: skip
        self.assertEqual((box["tls"], box["state"]), ("tls", "idle"))
        everything = str(await self.call("multipop.status")) + str(box)
        self.assertNotIn("very secret", everything)
        stored = await self.server.core.store.read(lambda tx: tx.boxes.list())
        self.assertNotIn(b"very secret", stored[0].secret)

    async def test_without_tls_only_where_the_configuration_allows_it(self) -> None:
        await self.serve()
        text = await self.refused(
            "multipop.add", address="alice@example.test", host="h", user="u", password="p",
            port=110, security="plaintext",
        )  # fmt: skip
        self.assertIn("TLS", text)

    async def test_users_see_and_touch_their_own_boxes_only(self) -> None:
        await self.serve()
        await self.call(
            "multipop.add", address="bob@example.test", host="h.test", user="u", password="p"
        )
        client = WebClient(self.server)
        await client.sign_in("alice", PASSWORD)
        self.assertEqual((await client.request("GET", "/api/multipop")).json["boxes"], [])
        for method, path in (
            ("PATCH", "/api/multipop/1"),
            ("DELETE", "/api/multipop/1"),
            ("POST", "/api/multipop/1/test"),
        ):
            answer = await client.request(method, path, body={} if method != "DELETE" else None)
            self.assertEqual(answer.status, 404, path)
        answer = await client.request("POST", "/api/multipop/run", body={"id": "1"})
        self.assertEqual(answer.status, 404)
        answer = await client.request(
            "POST",
            "/api/multipop",
            body={"host": "pop.x.test", "port": 995, "user": "kate", "password": "p", "tls": "tls"},
        )
        self.assertEqual(answer.status, 201, answer.text)
        self.assertNotIn("password", answer.json)
        answer = await client.request(
            "PATCH", f"/api/multipop/{answer.json['id']}", body={"leave": True}
        )
        self.assertTrue(answer.json["leave"])
