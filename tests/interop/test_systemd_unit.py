"""The commands of `etc/mailim.service` are real ones and do what the unit relies on.

What systemd itself makes of the unit was tried by hand with systemd 252; docs/admin/install.md
says what came of it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from configparser import RawConfigParser
from pathlib import Path

from twisted.scripts._twistd_unix import ServerOptions
from twisted.trial.unittest import SynchronousTestCase

from mailim.admin.client import call
from mailim.admin.command_line import parser
from tests.fakes.site import BIN, START_SECONDS, RunningSite

ROOT = Path(__file__).parents[2]


class UnitTests(SynchronousTestCase):
    def setUp(self) -> None:
        unit = RawConfigParser()
        unit.optionxform = str  # type: ignore[assignment, method-assign]
        with (ROOT / "etc" / "mailim.service").open() as file:
            unit.read_file(file)
        self.service = dict(unit["Service"])
        self.start = shlex.split(self.service["ExecStart"])
        self.reload = shlex.split(self.service["ExecReload"])

    def test_the_command_lines_parse(self) -> None:
        self.assertEqual(self.start[0], "/opt/mailim/bin/twistd")
        options = ServerOptions()
        options.parseOptions(self.start[1:])
        self.assertEqual(options.subCommand, "mailim")
        self.assertEqual(options.subOptions["config"], "/srv/mailim/etc/mailim.toml")
        self.assertTrue(options["nodaemon"])
        self.assertEqual(options["pidfile"], "")  # its directory is not writable
        self.assertEqual(self.reload[0], "/opt/mailim/bin/mailim")
        given = parser().parse_args(self.reload[1:])
        self.assertEqual(given.operation.name, "reload")
        self.assertEqual(given.config, Path("/srv/mailim/etc/mailim.toml"))

    def test_the_documents_name_the_same_places(self) -> None:
        said = (ROOT / "docs" / "admin" / "install.md").read_text()
        place, user = self.service["WorkingDirectory"], self.service["User"]
        self.assertEqual(self.service["ReadWritePaths"], f"{place}/var")
        self.assertIn(f"adduser --system --group --home {place} {user}\n", said)
        self.assertIn("python3 -m venv /opt/mailim\n", said)
        self.assertIn("/etc/mailim.service /etc/systemd/system/", said)

    def test_it_starts_reloads_and_stops(self) -> None:
        site = RunningSite({}, start=False)
        self.addCleanup(site.stop)
        process = subprocess.Popen(
            self.here(self.start, site), cwd=site.directory, env=_bare(),
            umask=int(self.service["UMask"], 8),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + START_SECONDS
        while not (site.var / "listeners.json").exists():
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.assertEqual(self.run_reload(site), 0)
        good = site.config.read_text()
        site.config.write_text(good + "nonsense\n")
        self.assertEqual(self.run_reload(site), 1)  # what `systemctl reload` reports
        site.config.write_text(good)
        self.assertEqual(call(site.var / "admin.sock", "user.list", {}), [])  # it goes on
        process.terminate()
        process.wait(60)
        self.assertFalse((site.var / "listeners.json").exists())  # it ended in order

    def run_reload(self, site: RunningSite) -> int:
        done = subprocess.run(
            self.here(self.reload, site), cwd=site.directory, env=_bare(), capture_output=True
        )
        return done.returncode

    def here(self, command: list[str], site: RunningSite) -> list[str]:
        """Give a command of the unit for this machine's program and the test's site."""
        places = {"/opt/mailim/bin/": f"{BIN}/", "/srv/mailim/": f"{site.directory}/"}
        for place, ours in places.items():
            command = [word.replace(place, ours) for word in command]
        return command


def _bare() -> dict[str, str]:
    """Give what little systemd puts into an environment, and what tests need to find us."""
    kept = ("PATH", "LANG", "PYTHONPATH", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
    return {name: value for name, value in os.environ.items() if name in kept}
