"""Servers to put load on, each a process of its own on loopback: mailim, and Debian's Prosody."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from mailim.tls import self_signed
from tests.fakes.site import DOMAIN, RunningSite

PASSWORD = "correct horse battery"


def cpu_seconds(pid: int) -> float:
    """Give the processor time a process has used."""
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Give a process's resident memory in octets."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no memory")


class Mailim:
    """Ours, as it always is: every message recorded durably before it is delivered."""

    name = "mailim"

    def __init__(self, names: list[str], colleagues: int = 0) -> None:
        changes: dict[str, Any] = {
            "im.colleagues_limit": colleagues,
            "im.connections_per_address": 100_000,
            "im.stanzas_per_second": 100_000,
        }
        self._site = RunningSite({}, changes)
        for name in names:
            self._site.add(name, PASSWORD)
        self.pid, self.port = self._site.pid, self._site.ports["xmpp"]

    def stop(self) -> None:
        """End it."""
        self._site.stop()


class Prosody:
    """Debian's, with its internal storage; `archive` is mod_mam."""

    def __init__(self, names: list[str], archive: bool) -> None:
        self.name = "Prosody + archive" if archive else "Prosody"
        self.directory = Path(tempfile.mkdtemp(prefix="pr"))
        certificate, key = self_signed((DOMAIN,))
        (self.directory / "c.crt").write_bytes(certificate)
        (self.directory / "c.key").write_bytes(key)
        accounts = self.directory / "data" / DOMAIN.replace(".", "%2e") / "accounts"
        accounts.mkdir(parents=True)
        for name in names:
            (accounts / f"{name}.dat").write_text(f'return {{ ["password"] = "{PASSWORD}" }};\n')
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        modules = ["roster", "saslauth", "tls", "disco", "ping", "presence", "message", "iq", "c2s"]
        listed = ", ".join(f'"{one}"' for one in [*modules, *(["mam"] if archive else [])])
        (self.directory / "prosody.cfg.lua").write_text(f"""
run_as_root = true
data_path = "{self.directory}/data"
modules_enabled = {{ {listed} }}
modules_disabled = {{ "s2s", "offline", "posix" }}
c2s_require_encryption = true
allow_unencrypted_plain_auth = false
authentication = "internal_plain"
storage = "internal"
archive_expires_after = "never"
default_archive_policy = true
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.port} }}
ssl = {{ certificate = "{self.directory}/c.crt"; key = "{self.directory}/c.key" }}
log = {{ warn = "{self.directory}/prosody.log" }}
VirtualHost "{DOMAIN}"
""")
        self._process = subprocess.Popen(
            ["prosody", "-F", "--config", self.directory / "prosody.cfg.lua"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.directory,
        )  # fmt: skip
        self.pid = self._process.pid
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        log = self.directory / "prosody.log"
        text = log.read_text() if log.exists() else ""
        self.stop()
        raise AssertionError(f"Prosody does not answer: {text}")

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def make(which: str, names: list[str], colleagues: int = 0) -> Mailim | Prosody:
    """Start a server: mailim, prosody or prosody-archive."""
    if which == "mailim":
        return Mailim(names, colleagues)
    return Prosody(names, which == "prosody-archive")
