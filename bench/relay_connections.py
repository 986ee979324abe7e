"""What it gains to send several mails on one connection: mails a second to one TLS peer.

    .venv/bin/python -m bench.relay_connections [mails] [octets]

The relay sends mails of `octets` to a scripted server in a process of its own on loopback, over
STARTTLS, on four connections at once: in turns with a connection for each mail and with 100
mails on each, two rounds. The way from the spool and back is left out. On loopback a round
trip costs nothing: what is gained here is the handshakes' work, not the waiting for them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.remote.relay.relay import Relay, RelayRules
from mailim.remote.relay.session import Door
from mailim.tls import Certificates, self_signed, write_private
from tests.fakes.smtp_server import FakeSmtp

ROUNDS = 2


class Case:
    """As much of a test case as the fakes need."""

    def addCleanup(self, *_: Any, **__: Any) -> None:
        """Forget it: the process ends."""


class Bodies:
    def __init__(self, body: bytes) -> None:
        self.body = body

    async def stream(self, _sha256: bytes) -> Any:
        yield self.body


class Exchangers:
    async def hosts(self, _domain: str) -> tuple[str, ...]:
        return ("127.0.0.1",)


def serve() -> None:
    """Be the peer: print the port, then serve until killed."""
    server = FakeSmtp()
    case: Any = Case()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        certificate, key = self_signed(("mx.example.org",))
        write_private(directory / "certificate.pem", certificate)
        write_private(directory / "key.pem", key)
        server.tls = Certificates(directory / "certificate.pem", directory / "key.pem")
        server.offers = ["PIPELINING", "8BITMIME", "SIZE 10000000", "STARTTLS"]
        print(server.serve(case), flush=True)
        reactor.run()


async def one_round(port: int, count: int, octets: int, mails: int) -> float:
    """Send so many; gives mails a second."""
    rules = RelayRules(port=port, private=True, at_once=4, waiting=count, mails=mails)
    bodies: Any = Bodies(b"Subject: x\r\n\r\n" + b"y" * 70 * (octets // 70) + b"\r\n")
    exchangers: Any = Exchangers()
    relay = Relay(reactor, bodies, exchangers, Door(reactor, "bench.test"), lambda: rules)
    recipient = SpoolRecipient(1, "carl@example.org", 0, 0, False, "")
    entry = SpoolEntry(0, 1, b"", octets, b"", "bob@example.test", "smtp", "", 0, None, ())
    began = time.perf_counter()
    sent = [
        Deferred.fromCoroutine(relay.send(replace(entry, id=at), recipient)) for at in range(count)
    ]
    await gatherResults(sent)
    seconds = time.perf_counter() - began
    await relay.close()
    return count / seconds


async def measure(count: int, octets: int) -> None:
    command = [sys.executable, "-m", "bench.relay_connections", "--peer"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as peer:
        assert peer.stdout is not None
        port = int(peer.stdout.readline())
        try:
            await one_round(port, 20, octets, 1)
            for _ in range(ROUNDS):
                each = await one_round(port, count, octets, 1)
                many = await one_round(port, count, octets, 100)
                found = {"one_each": each, "hundred_each": many, "ratio": many / each}
                print(json.dumps({name: round(value, 1) for name, value in found.items()}))
        finally:
            peer.terminate()


def main(_reactor: Any, count: str = "500", octets: str = "4096") -> Deferred[None]:
    """Run it inside the reactor."""
    return Deferred.fromCoroutine(measure(int(count), int(octets)))


if __name__ == "__main__":
    if sys.argv[1:] == ["--peer"]:
        serve()
    else:
        react(main, sys.argv[1:])
