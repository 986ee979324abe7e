"""The contract of the command line: every operation with and without a server, JSON, statuses."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailim.admin.table import BY_NAME
from tests.fakes.shared import shared
from tests.fakes.site import BIN, DOMAIN, RunningSite

PASSWORD = "correct horse battery"
Step = tuple[str, list[str], str, Callable[[Any], Any] | None]


def served() -> RunningSite:
    """Start a site for the tests that need a server."""
    return RunningSite({"admin": PASSWORD})


def rows(*wanted: dict[str, Any]) -> Callable[[Any], bool]:
    """Tell whether a printed list has rows with these values."""

    def check(printed: Any) -> bool:
        return all(
            any(one.items() >= want.items() for one in printed) for want in wanted
        ) and isinstance(printed, list)

    return check


def script(nobody: int) -> list[Step]:
    """Give the walk through all operations: name, words, standard input, a check of its JSON.

    nobody: a port of 127.0.0.1 where no POP3 server is.
    """
    carla, dean = f"carla@{DOMAIN}", f"dean@{DOMAIN}"
    secret = "--password-stdin"
    box = ["--host", "127.0.0.1", "--port", str(nobody), "--user", "carla", "--tls", secret]
    return [
        ("user.add", [carla, "--name", "Carla Ü", "--admin", secret], PASSWORD,
         lambda one: (one["address"], one["name"], one["admin"]) == (carla, "Carla Ü", True)),
        ("user.add", [dean, secret], PASSWORD, lambda one: not one["admin"]),
        ("user.list", [], "", rows({"address": carla, "enabled": True, "aliases": []})),
        ("user.show", [dean], "", lambda one: one["address"] == dean),
        ("user.set", [dean, "--name", "Dean", "--admin", "yes"], "", lambda one: one["admin"]),
        ("user.passwd", [dean, secret], "another password 1", None),
        ("user.disable", [dean], "", None),
        ("user.list", [], "", rows({"address": dean, "enabled": False})),
        ("user.enable", [dean], "", None),
        ("domain.add", ["second.test"], "", None),
        ("domain.list", [], "", rows({"domain": DOMAIN}, {"domain": "second.test"})),
        ("domain.delete", ["second.test"], "", None),
        ("alias.add", [f"info@{DOMAIN}", carla], "", None),
        ("alias.list", [], "", rows({"address": f"info@{DOMAIN}", "target": carla})),
        ("user.list", [], "", rows({"address": carla, "aliases": [f"info@{DOMAIN}"]})),
        ("alias.delete", [f"info@{DOMAIN}"], "", None),
        ("group.add", [f"team@{DOMAIN}", "--name", "The team"], "", None),
        ("group.join", [f"team@{DOMAIN}", carla], "", None),
        ("group.join", [f"team@{DOMAIN}", dean], "", None),
        ("group.leave", [f"team@{DOMAIN}", dean], "", None),
        ("group.list", [], "", rows({"address": f"team@{DOMAIN}", "members": [carla]})),
        ("group.delete", [f"team@{DOMAIN}"], "", None),
        ("multipop.add", [carla, *box], "outside", lambda one: one["user"] == "carla"),
        ("multipop.list", [], "", rows({"address": carla, "port": nobody, "tls": "tls"})),
        ("multipop.set", ["1", "--leave", "yes"], "", None),
        ("multipop.status", [carla], "", rows({"leave": True, "enabled": True})),
        ("multipop.test", ["1"], "", lambda one: one["ok"] is False and one["detail"]),
        ("multipop.run", [carla], "", lambda some: some[0]["last_error"]),
        ("multipop.remove", ["1"], "", None),
        ("multipop.list", [], "", lambda some: some == []),
        ("queue.list", [], "", lambda some: some == []),
        ("queue.show", ["1"], "", None),
        ("queue.hold", ["1", "--reason", "why not"], "", None),
        ("queue.release", ["1"], "", None),
        ("queue.retry", ["1"], "", None),
        ("queue.remove", ["1"], "", None),
        ("trace", ["--to", dean], "", lambda one: one["mails"] == []),
        ("autoresponder.set", [carla, "--days", "3"], "", lambda one: one["days"] == 3),
        ("autoresponder.show", [carla], "", lambda one: one["enabled"] is False),
        ("filter.list", [], "", lambda one: one is not None),
        ("filter.test", ["etc/mailim.toml", "--recipient", carla], "", lambda one: one is not None),
        ("im.connections", [], "", lambda some: some == []),
        ("im.kick", [dean], "", None),
        ("im.restore", [dean], "", lambda one: one == {"restored": 0}),
        ("im.send", [dean, "Hello Dean", "--from", carla], "", lambda one: one["id"].isdecimal()),
        ("token.add", ["backup", "--from", carla], "", lambda one: len(one["token"]) > 40),
        ("token.list", [], "", rows({"name": "backup", "from": carla})),
        ("token.revoke", ["backup"], "", None),
        ("record.search", ["--kind", "operation", "user"], "", rows({"kind": "operation"})),
        ("record.export", [], "", lambda one: one["leaves"] > 10 and one["raw"]),
        ("record.verify", [], "", lambda one: one["sound"] is True),
        ("record.checkpoint", [], "", lambda one: one["note"].startswith("localhost/record\n")),
        ("reload", [], "", lambda one: one["needs_restart"] == []),
        ("check", [], "", lambda one: one["findings"]),
        ("user.delete", [dean], "", None),
        ("user.delete", [carla], "", None),
        ("user.list", [], "", lambda some: carla not in {one["address"] for one in some}),
    ]  # fmt: skip


# Nobody answers, nobody is there, no mail waits.
FAILING = {
    "multipop.test", "im.kick",
    "queue.show", "queue.hold", "queue.release", "queue.retry", "queue.remove",
}  # fmt: skip


class EveryOperationTests(SynchronousTestCase):
    def _walk(self, site: RunningSite, serving: bool) -> None:
        with socket.socket() as nobody:  # bound, but nobody listens
            nobody.bind(("127.0.0.1", 0))
            steps = script(nobody.getsockname()[1])
            self.assertEqual({step[0] for step in steps}, set(BY_NAME))
            for name, words, stdin, check in steps:
                self._step(site, serving, name, words, stdin, check)

    def _step(
        self,
        site: RunningSite,
        serving: bool,
        name: str,
        words: list[str],
        stdin: str,
        check: Callable[[Any], Any] | None,
    ) -> None:
        done = site.command(*name.split("."), *words, "--json", stdin=f"{stdin}\n")
        said = f"{name} {words}: {done.returncode} {done.stdout} {done.stderr}"
        if BY_NAME[name].needs_server and not serving:
            self.assertEqual((done.returncode, done.stdout), (1, ""), said)
            self.assertIn("no server is running", done.stderr)
            return
        failed = name in FAILING
        self.assertEqual(done.returncode, 1 if failed else 0, said)
        if done.stdout or check is not None:
            printed = json.loads(done.stdout)
            self.assertTrue(check is None or check(printed), said)
        self.assertNotIn("Traceback", done.stderr)

    def test_with_a_server(self) -> None:
        site = RunningSite({})
        self.addCleanup(site.stop)
        self._walk(site, True)
        self.assertNotIn("Traceback", site.log())

    def test_without_a_server(self) -> None:
        site = RunningSite({}, start=False, measured=False)
        self.addCleanup(site.stop)
        self._walk(site, False)


class StatusTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = shared.get(served)

    def fails(self, *words: str, status: int = 1, stdin: str = "") -> str:
        done = self.site.command(*words, stdin=stdin)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertTrue(done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stderr

    def test_wrong_usage_is_2(self) -> None:
        for words in (
            [], ["nonsense"], ["user"], ["user", "nonsense"], ["user", "add"],
            ["user", "add", f"x@{DOMAIN}", "--password", "visible to everybody"],
            ["record", "search", "--limit", "many"],
            ["user", "set", f"admin@{DOMAIN}", "--admin", "perhaps"],
            ["multipop", "add", f"admin@{DOMAIN}", "--tls", "--stls", "--host", "h", "--user", "u"],
        ):  # fmt: skip
            self.fails(*words, status=2)

    def test_what_cannot_be_done_is_1(self) -> None:
        nobody = f"nobody@{DOMAIN}"
        for words in (
            ["user", "show", nobody], ["user", "delete", nobody], ["user", "passwd", nobody],
            ["alias", "delete", nobody], ["group", "join", nobody, nobody],
            ["multipop", "remove", "999"], ["multipop", "test", "one"],
            ["im", "kick", f"{nobody}/x"], ["record", "search", "--since", "yesterday-ish"],
            ["record", "verify", "--checkpoint", "/no/such/file"], ["domain", "delete", DOMAIN],
        ):  # fmt: skip
            more = ["--password-stdin"] if words[1] == "passwd" else []
            self.fails(*words, *more, stdin="a good password\n")

    def test_a_password_only_by_standard_input(self) -> None:
        address = f"new@{DOMAIN}"
        self.assertIn("password", self.fails("user", "add", address, "--password-stdin"))
        self.assertIn("8", self.fails("user", "add", address, "--password-stdin", stdin="short\n"))
        self.assertIn("there", self.fails(
            "user", "add", f"admin@{DOMAIN}", "--password-stdin", stdin="good password\n"
        ))  # fmt: skip
        self.fails("user", "show", address)

    def test_no_configuration(self) -> None:
        done = subprocess.run(
            [BIN / "mailim", "--config", "/no/such/mailim.toml", "user", "list"],
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("mailim init", done.stderr)

    def test_readable_by_default(self) -> None:
        done = self.site.command("user", "list")
        self.assertIn(f"admin@{DOMAIN}", done.stdout)
        self.assertNotIn("{", done.stdout)

    def test_terminals_are_not_steered_by_strangers(self) -> None:
        self.site.call("im.send", to=f"admin@{DOMAIN}", body="\u202e\x9b31mred\x85")
        done = self.site.command("record", "search", "red")
        self.assertIn("red", done.stdout)
        self.assertIsNone(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stdout))

    def test_search_has_the_fields_tools_rely_on(self) -> None:
        address = f"admin@{DOMAIN}"
        self.site.call("im.send", to=address, body="fields 7 seven")
        [one] = self.site.json("record", "search", "--to", address, "seven")
        self.assertTrue(set(one) >= {"id", "time", "kind", "from", "to", "body", "disposition"})
        self.assertEqual(
            (one["kind"], one["body"], one["to"]), ("message", "fields 7 seven", address)
        )
        later = self.site.json("record", "search", "--since", "2100-01-01", "seven")
        self.assertEqual(later, [])


class FilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = shared.get(served)

    def test_the_socket_var_and_the_secrets_are_private(self) -> None:
        mode = (self.site.var / "admin.sock").stat().st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.site.var.stat().st_mode), 0o700)
        for name in ("mailim.toml", "record.key", "secret.key", "tls/key.pem"):
            path = self.site.directory / "etc" / name
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)

    def test_listeners_are_told_and_listen(self) -> None:
        bound = json.loads((self.site.var / "listeners.json").read_text())
        names = {"smtp", "submission", "submissions", "http", "https", "xmpp", "xmpps"}
        self.assertEqual(set(bound), names)
        for one in bound.values():
            socket.create_connection(("127.0.0.1", one["port"]), 5).close()

    def test_http_only_redirects(self) -> None:
        with socket.create_connection(("127.0.0.1", self.site.ports["http"]), 5) as plain:
            plain.sendall(
                b"GET /login?x=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            answer = plain.makefile("rb").read().decode()
        self.assertRegex(answer.split("\r\n")[0], "^HTTP/1.1 30[18] ")
        self.assertIn("Location: https://localhost", answer)

    def test_log_files_have_the_names_tools_rely_on(self) -> None:
        self.site.call("im.send", to=f"admin@{DOMAIN}", body="into the log")
        logs = self.site.var / "LOGS"
        wanted = {"InstantMessaging.log", "XMPPServer-2000-01-01.log"}
        deadline = time.monotonic() + 60
        names: set[str] = set()
        while not names >= wanted:
            self.assertLess(time.monotonic(), deadline, names)
            time.sleep(0.1)
            found = {path.name for path in logs.iterdir()} if logs.is_dir() else set()
            names = {re.sub(r"\d{4}-\d\d-\d\d", "2000-01-01", name) for name in found}

    def test_no_password_is_in_any_log(self) -> None:
        secret = "a-password-nobody-may-read"
        self.site.add("secretive", secret)
        self.site.command("user", "passwd", f"secretive@{DOMAIN}", "--password-stdin",
                          stdin=f"{secret}-2\n")  # fmt: skip
        for path in (self.site.directory / "server.log", *self.site.var.rglob("*")):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                if not path.is_socket():
                    self.assertNotIn(secret.encode(), path.read_bytes(), path)


class LifeTests(SynchronousTestCase):
    def site(self, **given: Any) -> RunningSite:
        site = RunningSite({"admin": PASSWORD}, **given)
        self.addCleanup(site.stop)
        return site

    def test_two_servers_cannot_share_a_site(self) -> None:
        site = self.site()
        done = subprocess.run(
            [BIN / "twistd", "-n", "--pidfile=", "mailim", "--config", site.config],
            capture_output=True, text=True, timeout=180, cwd=site.directory,
        )  # fmt: skip
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("another process works on", done.stdout + done.stderr)
        self.assertEqual(site.get("/healthz")[0], 200)
        self.assertIn("https", json.loads((site.var / "listeners.json").read_text()))

    def test_the_lock_is_held_against_the_command_line_too(self) -> None:
        site = self.site()
        (site.var / "admin.sock").unlink()  # a server nobody can speak to
        done = site.command("user", "list")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("another process works on", done.stderr)

    def test_a_bad_configuration_stops_the_start_with_all_its_errors(self) -> None:
        site = self.site(start=False)
        site.config.write_text("[server]\nport_bas = 1\n[im]\nroster_items = 'many'\n")
        done = subprocess.run(
            [BIN / "twistd", "-n", "--pidfile=", "mailim", "--config", site.config],
            capture_output=True, text=True, timeout=180, cwd=site.directory,
        )  # fmt: skip
        text = done.stdout + done.stderr
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("server.port_bas", text)
        self.assertIn("did you mean 'port_base'", text)
        self.assertIn("im.roster_items", text)
        self.assertNotIn("Traceback", text)

    def test_reload_and_hangup(self) -> None:
        site = self.site()
        text = site.config.read_text()
        changed = re.sub(r"(?m)^#? ?stanzas_per_second = .*", "stanzas_per_second = 50", text)
        self.assertNotEqual(changed, text)
        site.config.write_text(changed)
        self.assertEqual(site.json("reload")["needs_restart"], [])
        site.config.write_text(re.sub(r"(?m)^#? ?readers = .*", "readers = 3", changed))
        self.assertEqual(site.json("reload")["needs_restart"], ["store.readers"])
        site.config.write_text("nonsense = 1\n")
        done = site.command("reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nonsense", done.stderr)
        for wanted in ("not reloaded", "configuration reloaded"):
            os.kill(site.pid, signal.SIGHUP)
            deadline = time.monotonic() + 60
            while wanted not in site.log().split("SIGHUP-MARK")[-1]:
                self.assertLess(time.monotonic(), deadline, site.log()[-2000:])
                time.sleep(0.05)
            site.config.write_text(changed)
            with (site.directory / "server.log").open("a") as log:
                log.write("SIGHUP-MARK\n")
        self.assertEqual(site.get("/healthz")[0], 200)

    def test_a_new_certificate_is_shown_after_reload(self) -> None:
        from mailim.tls import self_signed, write_private

        site = self.site()
        certificate, key = self_signed(("localhost", "example.test"))
        for name, data in (("certificate.pem", certificate), ("key.pem", key)):
            path = site.directory / "etc" / "tls" / name
            path.unlink()
            write_private(path, data)
        with self.assertRaises(OSError):  # the old one is still shown, the new CA is not its
            site.get("/healthz")
        site.json("reload")
        self.assertEqual(site.get("/healthz")[0], 200)

    def test_ending_leaves_no_trace_that_misleads(self) -> None:
        site = self.site()
        self.assertEqual(site.end(), -signal.SIGTERM)
        self.assertFalse((site.var / "listeners.json").exists())
        self.assertEqual(len(site.json("user", "list")), 1)
        site.start()
        self.assertEqual(site.get("/healthz")[0], 200)
