"""How fast MultiPOP collects, against a bare loop of poplib into a Maildir with fsync.

    .venv/bin/python -m bench.multipop [messages] [rounds]

Both collect the same messages of 4 KB from a Dovecot on loopback and delete them there,
then fewer of them through a proxy that adds 40 ms to each round trip. Dovecot's indexes are
warm. Each runs in a process of its own, which is timed without its start. What it prints:
messages per second (medians), and ours divided by the bare loop's; "delivered" ends when
the queue has put the last message into the inbox, "collected" when the visit is over.
"""

from __future__ import annotations

import os
import poplib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Queue as ThreadQueue
from typing import Any

from tests.fakes.dovecot import Dovecot

OCTETS = 4096
DELAY = 0.02  # seconds each way
DELAYED_SHARE = 7  # one seventh of the messages over the slow line
USER, PASSWORD = "kate", "collect-me"


def mail(number: int) -> bytes:
    head = (
        f"Received: from a.example (a.example [192.0.2.1]) by b.example; Mon, 23 Nov 2026\r\n"
        f"From: Person {number % 97} <p{number % 97}@example.org>\r\nTo: kate@example.org\r\n"
        f"Subject: Report number {number}\r\nMessage-ID: <{number}@example.org>\r\n"
        f"Date: Mon, 23 Nov 2026 08:00:00 +0100\r\nContent-Type: text/plain\r\n\r\n"
    )
    line = f"This is line of message {number}, which says nothing in particular.\r\n"
    return (head + line * (OCTETS // len(line) + 1))[: OCTETS - 2].encode() + b"\r\n"


class SlowLine:
    """A TCP proxy that holds everything back for a while, each way, however much it is."""

    def __init__(self, port: int, delay: float) -> None:
        self._target = port
        self._delay = delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._target))
            for source, target in ((client, server), (server, client)):
                for each in (source, target):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                waiting: ThreadQueue[tuple[float, bytes]] = ThreadQueue()
                for work in (self._read, self._write):
                    ends = (source if work == self._read else target, waiting)
                    threading.Thread(target=work, args=ends, daemon=True).start()

    def _read(self, source: socket.socket, waiting: ThreadQueue[tuple[float, bytes]]) -> None:
        data = b"?"
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            waiting.put((time.monotonic() + self._delay, data))

    def _write(self, target: socket.socket, waiting: ThreadQueue[tuple[float, bytes]]) -> None:
        while True:
            due, data = waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                target.sendall(data) if data else target.shutdown(socket.SHUT_WR)
            except OSError:
                return
            if not data:
                return


# --- the two that are compared, in processes of their own ---------------------------------


def bare(port: int, directory: Path) -> float:
    """Collect with poplib; each message and its directory entry is synced before DELE."""
    for part in ("tmp", "new", "cur"):
        (directory / part).mkdir()
    new = os.open(directory / "new", os.O_RDONLY)
    begun = time.perf_counter()
    box = poplib.POP3("127.0.0.1", port)
    box.user(USER)
    box.pass_(PASSWORD)
    count = len(box.list()[1])
    box.uidl()
    for number in range(1, count + 1):
        _, lines, _ = box.retr(number)
        path = directory / "tmp" / str(number)
        with path.open("wb") as file:
            file.write(b"\r\n".join(lines) + b"\r\n")
            file.flush()
            os.fsync(file.fileno())
        path.rename(directory / "new" / path.name)
        os.fsync(new)
        box.dele(number)
    box.quit()
    return time.perf_counter() - begun


def ours(port: int, directory: Path, count: int) -> tuple[float, float]:
    """Collect with the real collector into the real store; the queue delivers meanwhile."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    seconds: list[tuple[float, float]] = []

    async def work() -> None:
        seconds.append(await collect(reactor, port, directory, count))

    def start() -> None:
        Deferred.fromCoroutine(work()).addErrback(print).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run()
    return seconds[0]


async def collect(reactor: Any, port: int, directory: Path, count: int) -> tuple[float, float]:
    from twisted.internet.defer import Deferred

    from mailim.accounts.directory import Directory
    from mailim.accounts.vault import Vault
    from mailim.config import Multipop as MultipopConfig
    from mailim.events import Events, MailDelivered
    from mailim.mail.delivery import LocalDelivery
    from mailim.mail.intake import Intake
    from mailim.mail.queue import Queue
    from mailim.mail.routing import Routing
    from mailim.remote.multipop.collector import Multipop
    from mailim.store.engine import Store

    events = Events()
    store = Store.open(reactor, directory / "var", events)
    config = MultipopConfig(allow_plaintext=True)
    intake = Intake(store, "mail.example.test", reactor)
    multipop = Multipop(reactor, store, Vault(Vault.new_key()), intake, lambda: config)
    queue = Queue(
        reactor, store, events, [], Routing(Directory(store, events)), LocalDelivery(store)
    )

    await store.write(make_account)
    values = {"host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD, "tls": "none"}
    await multipop.add(1, values)
    all_here: Deferred[None] = Deferred()
    left = count

    def one_more(_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            all_here.callback(None)

    events.subscribe(MailDelivered, one_more)
    queue.startService()
    begun = time.perf_counter()
    await multipop.run()
    collected = time.perf_counter() - begun
    await all_here
    delivered = time.perf_counter() - begun
    await queue.stopService()
    await store.close()
    return collected, delivered


def make_account(tx: Any) -> None:
    tx.accounts.add_domain("example.test", 0)
    account = tx.accounts.add("alice@example.test", "Alice", False, 0)
    tx.folders.create(account.id, "Inbox", role="inbox")


# --- rounds --------------------------------------------------------------------------------


def in_process(kind: str, port: int, count: int) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="mp") as directory:
        program = [sys.executable, "-m", "bench.multipop", kind, str(port), directory, str(count)]
        done = subprocess.run(program, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def fill(dovecot: Dovecot, count: int) -> None:
    for number in range(count):
        dovecot.put(USER, mail(number))
    box = poplib.POP3("127.0.0.1", dovecot.pop3)  # warms the indexes
    box.user(USER)
    box.pass_(PASSWORD)
    box.list()
    box.uidl()
    box.quit()


def compare(dovecot: Dovecot, port: int, count: int, rounds: int, name: str) -> None:
    rates: dict[str, list[float]] = {"bare": [], "collected": [], "delivered": []}
    for _ in range(rounds):
        for kind, words in (("bare", ("bare",)), ("ours", ("collected", "delivered"))):
            fill(dovecot, count)
            for word, seconds in zip(words, in_process(kind, port, count), strict=True):
                rates[word].append(count / seconds)
            assert dovecot.count(USER) == 0, "not all was deleted there"
    medians = {word: statistics.median(found) for word, found in rates.items()}
    print(f"{name}: {count} messages of {OCTETS} octets, {rounds} rounds")
    for word, rate in medians.items():
        spread = f"{min(rates[word]):.0f} to {max(rates[word]):.0f}"
        print(f"  {word:10} {rate:7.0f} a second ({spread}), ratio {rate / medians['bare']:.2f}")


def main(count: int = 2000, rounds: int = 3) -> None:
    dovecot = Dovecot({USER: PASSWORD})
    try:
        compare(dovecot, dovecot.pop3, count, rounds, "loopback")
        slow = SlowLine(dovecot.pop3, DELAY)
        compare(dovecot, slow.port, count // DELAYED_SHARE, 1, "40 ms round trip")
    finally:
        dovecot.stop()


if __name__ == "__main__":
    runs: dict[str, Callable[[int, Path, int], Any]] = {
        "bare": lambda port, directory, _: [bare(port, directory)],
        "ours": ours,
    }
    if len(sys.argv) > 1 and sys.argv[1] in runs:
        kind, port, directory, count = sys.argv[1:]
        print(*runs[kind](int(port), Path(directory), int(count)))
    else:
        main(*map(int, sys.argv[1:]))
