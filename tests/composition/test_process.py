"""Processes that cannot start, or are ended at a bad moment: what they say and leave behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.site import BIN, DOMAIN, RunningSite

PASSWORD = "correct horse battery"


class ProcessCase(SynchronousTestCase):
    """Starts twistd itself, to see its exit status."""

    def site(self, **given: object) -> RunningSite:
        site = RunningSite({"admin": PASSWORD}, **given)  # type: ignore[arg-type]
        self.addCleanup(site.stop)
        return site

    def run_twistd(self, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "twistd", *(words or ("-n", "--pidfile=")), "mailim", "--config", config],
            capture_output=True, text=True, timeout=180, cwd=config.parent.parent,
        )  # fmt: skip


class CannotStartTests(ProcessCase):
    def test_a_port_that_is_taken(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            site = self.site(start=False, changes={"listeners.xmpp.port": port})
            done = self.run_twistd(site.config)
        self.assertEqual(done.returncode, 1, done.stdout)
        text = done.stdout + done.stderr
        self.assertIn(f"xmpp cannot listen on 127.0.0.1 port {port}", text)
        self.assertNotIn("Traceback", text)
        self.assertFalse((site.var / "admin.sock").exists())
        self.assertEqual(site.json("user", "list"), [])  # the lock is free
        site.start()  # the port is, too

    def test_a_key_that_is_none(self) -> None:
        for name in ("record.key", "secret.key", "tls/key.pem"):
            site = self.site(start=False)
            (site.directory / "etc" / name).write_text("not a key\n")
            done = self.run_twistd(site.config)
            text = done.stdout + done.stderr
            self.assertEqual(done.returncode, 1, text)
            self.assertIn(name.rpartition("/")[2], text)
            self.assertNotIn("Traceback", text, name)

    def test_a_database_of_the_future(self) -> None:
        site = self.site(start=False)
        (site.var / "mailim.db").write_bytes(b"this is no database, whatever its name says" * 100)
        done = self.run_twistd(site.config)
        text = done.stdout + done.stderr
        self.assertEqual(done.returncode, 1, text)
        self.assertIn("mailim: ", text)
        self.assertNotIn("Traceback", text)

    def test_a_directory_whose_path_is_too_long_for_a_socket(self) -> None:
        site = self.site(start=False)
        deep = site.directory / ("d" * 90) / "var"
        text = site.config.read_text().replace('var = "var"', f'var = "{deep}"')
        site.config.write_text(text)
        done = self.run_twistd(site.config)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 1, said)
        self.assertIn("107", said)
        self.assertIn("server.var", said)
        self.assertNotIn("Traceback", said)
        done = site.command("user", "list")
        self.assertEqual(done.returncode, 1)
        self.assertIn("107", done.stderr)


class LifeTests(ProcessCase):
    def test_in_the_background(self) -> None:
        site = self.site(start=False)
        pid = site.directory / "twistd.pid"
        done = self.run_twistd(
            site.config, f"--pidfile={pid}", f"--logfile={site.directory}/server.log"
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        number = int(pid.read_text())
        try:
            deadline = time.monotonic() + 120
            while not site._healthy() and time.monotonic() < deadline:
                time.sleep(0.05)
            site.add("alice", PASSWORD)  # the store's threads are there
        finally:
            os.kill(number, signal.SIGTERM)
            while Path(f"/proc/{number}").exists():
                time.sleep(0.05)
        self.assertEqual([one["address"] for one in site.json("user", "list")], [f"alice@{DOMAIN}"])

    def test_after_a_kill_the_command_line_and_a_new_start_work(self) -> None:
        site = self.site()
        site.end(signal.SIGKILL)
        self.assertTrue((site.var / "admin.sock").exists())
        self.assertEqual(len(site.json("user", "list")), 1)
        site.start()
        self.assertEqual(len(site.json("user", "list")), 1)

    def test_a_hangup_at_any_moment_does_not_end_it(self) -> None:
        site = self.site(start=False)
        log = (site.directory / "server.log").open("ab")
        process = subprocess.Popen(
            [BIN / "twistd", "-n", "--pidfile=", "mailim", "--config", site.config],
            stdout=log, stderr=subprocess.STDOUT, cwd=site.directory,
        )  # fmt: skip
        log.close()
        site._process = process
        while "starting up" not in site.log():
            self.assertIsNone(process.poll())
            time.sleep(0.005)
        for _ in range(20):
            os.kill(process.pid, signal.SIGHUP)
            time.sleep(0.01)
        deadline = time.monotonic() + 120
        while not site._healthy() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertIsNone(process.poll(), site.log()[-2000:])

    def test_ended_while_it_starts(self) -> None:
        for moment in (0.0, 0.02, 0.05, 0.1, 0.2):
            site = self.site(start=False)
            log = (site.directory / "server.log").open("ab")
            process = subprocess.Popen(
                [BIN / "twistd", "-n", "--pidfile=", "mailim", "--config", site.config],
                stdout=log, stderr=subprocess.STDOUT, cwd=site.directory,
            )  # fmt: skip
            log.close()
            site._process = process
            while "starting up" not in site.log():
                self.assertIsNone(process.poll())
                time.sleep(0.005)
            time.sleep(moment)
            self.assertEqual(site.end(), -signal.SIGTERM)
            for word in ("Traceback", "Unhandled"):
                self.assertNotIn(word, site.log())
            self.assertEqual(site.json("user", "list"), [])
