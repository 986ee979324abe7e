"""A real mailim in a process of its own: made by init, started by twistd, ended by its pid."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mailim.admin.new_site import NewSite, make
from mailim.config_text import render

BIN = Path(sys.executable).parent
DOMAIN = "example.test"
START_SECONDS = 60


class RunningSite:
    """A site with accounts `name: password` (the first one is an administrator)."""

    def __init__(
        self,
        accounts: dict[str, str],
        changes: dict[str, Any] | None = None,
        start: bool = True,
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mi"))
        self.config = make(NewSite(self.directory, DOMAIN, 0, "127.0.0.1"))
        settings = {
            "server.hostname": "localhost",
            "server.domain": DOMAIN,
            "server.listen": ("127.0.0.1",),
            **{f"listeners.{name}.port": 0 for name in ("http", "https", "xmpp", "xmpps")},
            **(changes or {}),
        }
        self.config.write_text(render(settings))
        self.ca = self.directory / "etc" / "tls" / "certificate.pem"
        self._process: subprocess.Popen[bytes] | None = None
        for place, (name, password) in enumerate(accounts.items()):
            words = ["user", "add", f"{name}@{DOMAIN}", "--password-stdin"]
            self.mailim(*words, *(["--admin"] if place == 0 else []), stdin=password + "\n")
        if start:
            self.start()

    def mailim(self, *words: str, stdin: str = "", check: bool = True) -> str:
        """Run the command line; gives its standard output, or raises with its errors."""
        done = subprocess.run(
            [BIN / "mailim", "--config", self.config, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"mailim {' '.join(words)}: {done.returncode} {done.stderr}")
        return done.stdout

    def status(self, *words: str, stdin: str = "") -> tuple[int, str, str]:
        """Run the command line; gives exit status, standard output and errors."""
        done = subprocess.run(
            [BIN / "mailim", "--config", self.config, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr

    def json(self, *words: str, stdin: str = "") -> Any:
        """Run the command line with --json and parse what it prints."""
        return json.loads(self.mailim("--json", *words, stdin=stdin))

    def start(self) -> None:
        """Start the server and wait until all listen."""
        (self.directory / "var" / "listeners.json").unlink(missing_ok=True)
        self._log = (self.directory / "server.log").open("ab")
        self._process = subprocess.Popen(
            [BIN / "twistd", "-n", "--pidfile=", "mailim", "--config", self.config],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if self._healthy():
                return
            time.sleep(0.05)
        text = self.log()
        self.stop()
        raise AssertionError(f"the server does not answer: {text[-4000:]}")

    def _healthy(self) -> bool:
        path = self.directory / "var" / "listeners.json"
        if not path.exists():
            return False
        bound = json.loads(path.read_text())
        self.ports = {name: int(one["port"]) for name, one in bound.items()}
        try:
            status, _ = self.get("/healthz")
        except OSError:
            return False
        return status == 200

    def context(self) -> ssl.SSLContext:
        """Give a client context that trusts this site's certificate and checks the name."""
        return ssl.create_default_context(cafile=str(self.ca))

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """GET a path over https."""
        connection = http.client.HTTPSConnection(
            "localhost", self.ports["https"], context=self.context(), timeout=30
        )
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    @property
    def url(self) -> str:
        """Where the webmail is."""
        return f"https://localhost:{self.ports['https']}"

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """Give what the server wrote to its log."""
        return (self.directory / "server.log").read_text(errors="replace")

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """End the server and keep the site, to start it again."""
        if self._process is not None:
            self._process.send_signal(with_signal)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
            self._log.close()

    def stop(self) -> None:
        """End the server and remove the site."""
        self.end()
        shutil.rmtree(self.directory, ignore_errors=True)
