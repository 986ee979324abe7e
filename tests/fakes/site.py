"""A real mailim in a process of its own: made by init, started by twistd, ended by its pid."""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from mailim.admin.client import call
from mailim.admin.new_site import NewSite, make
from mailim.config import STANDARD_PORTS
from mailim.config_text import render

BIN = Path(sys.executable).parent
DOMAIN = "example.test"
LISTENERS = tuple(STANDARD_PORTS)
START_SECONDS = 180


class RunningSite:
    """A site with accounts `name: password`, the first one an administrator.

    `changes` go into its configuration ("im.offline_messages": 5). It listens on free ports
    of 127.0.0.1, in `ports` by name, with a certificate for localhost that is its own `ca`.
    """

    def __init__(
        self,
        accounts: Mapping[str, str],
        changes: Mapping[str, Any] | None = None,
        *,
        start: bool = True,
        measured: bool = True,
    ) -> None:
        """`measured`: whether `coverage` counts lines of the server and of commands."""
        self.directory = Path(tempfile.mkdtemp(prefix="mi"))
        self.config = make(NewSite(self.directory, DOMAIN, 0, "127.0.0.1"))
        settings = {
            "server.hostname": "localhost",
            "server.domain": DOMAIN,
            "server.listen": ("127.0.0.1",),
            "accounts.scram_iterations": 4096,
            **{f"listeners.{name}.port": 0 for name in LISTENERS},
            **(changes or {}),
        }
        self.config.write_text(render(settings))
        self.var = Path(settings.get("server.var", self.directory / "var"))
        self.ca = self.directory / "etc" / "tls" / "certificate.pem"
        self.ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._measured = measured
        if start:
            self.start()
            for place, (name, password) in enumerate(accounts.items()):
                self.add(name, password, admin=place == 0)

    # --- administering -------------------------------------------------------------------

    def call(self, operation: str, **arguments: Any) -> Any:
        """Run an operation in the running server, as the command line does."""
        return call(self.var / "admin.sock", operation, arguments)

    def add(self, name: str, password: str, **more: Any) -> None:
        """Add an account of the site's domain."""
        self.call("user.add", address=f"{name}@{DOMAIN}", password=password, **more)

    def command(
        self, *words: str, stdin: str = "", timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        return subprocess.run(
            [BIN / "mailim", "--config", self.config, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.directory,
            env=self._environment(),
        )

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        if not self._measured:
            environment.pop("COVERAGE_PROCESS_START", None)
            environment.pop("COVERAGE_PROCESS_CONFIG", None)
        return environment

    def json(self, *words: str, stdin: str = "", status: int = 0) -> Any:
        """Run the command line with --json and parse what it prints."""
        done = self.command("--json", *words, stdin=stdin)
        if done.returncode != status:
            raise AssertionError(f"mailim {' '.join(words)}: {done.returncode} {done.stderr}")
        return json.loads(done.stdout)

    # --- the process ---------------------------------------------------------------------

    def start(self, directory: Path | None = None) -> None:
        """Start the server, in `directory`, and wait until all listen."""
        (self.var / "listeners.json").unlink(missing_ok=True)
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [BIN / "twistd", "-n", "--pidfile=", "mailim", "--config", self.config],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=directory or self.directory,
                env=self._environment(),
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._healthy():
                return
            time.sleep(0.05)
        text = self.log()
        self.end()
        raise AssertionError(f"the server does not answer: {text[-4000:]}")

    def _healthy(self) -> bool:
        try:
            bound = json.loads((self.var / "listeners.json").read_text())
            self.ports = {name: int(one["port"]) for name, one in bound.items()}
            return self.get("/healthz")[0] == 200
        except (OSError, ValueError):
            return False

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def memory(self) -> int:
        """Give the server's resident memory in octets."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the server has no memory")

    def worked(self) -> float:
        """Give the seconds of processor time the server has used."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def log(self) -> str:
        """Give what the server wrote to its log."""
        return (self.directory / "server.log").read_text(errors="replace")

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int | None:
        """End the server and keep the site; gives the process's exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(with_signal)
        try:
            return process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def stop(self) -> None:
        """End the server and remove the site."""
        self.end()
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- HTTP ----------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the webmail is."""
        return f"https://localhost:{self.ports['https']}"

    def context(self) -> ssl.SSLContext:
        """Give a client context that trusts this site's certificate and checks the name."""
        return ssl.create_default_context(cafile=str(self.ca))

    def https(self) -> HTTPSConnection:
        """Give a connection to the web server."""
        return HTTPSConnection(
            "localhost", self.ports["https"], context=self.context(), timeout=120
        )

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """GET a path over https; gives status and body."""
        return self.request("GET", path, headers=headers)

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Make one request over https; gives status and body."""
        connection = self.https()
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
