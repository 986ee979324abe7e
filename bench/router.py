"""Messages per second through the router, recorded on a real SQLite store.

    python -m bench.router [--messages 20000] [--flight 100]

Alice's session sends chat messages to bob's; both sinks are in memory, `--flight` messages are
under way at once, as a stream allows. Each is checked, recorded durably (with both archive
entries), delivered, and its disposition recorded. Told are messages per second, and the
CPU time of the process (all threads) per message.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor, task
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from zope.interface import implementer

from mailim.accounts.directory import Directory
from mailim.events import Events
from mailim.im.service import InstantMessaging
from mailim.interfaces.im import IReceipt, IStanzaSink, Session, StreamInfo
from mailim.interfaces.store import ITransaction, Priority
from mailim.store.engine import Store
from mailim.wire import ns
from mailim.wire.xml import Element, serialise
from tests.fakes.record import open_record


@implementer(IStanzaSink)
class Counter:
    """Serialises what it is sent, as a stream does, and counts messages."""

    def __init__(self) -> None:
        self.count = 0

    def send(self, stanza: Element, receipt: IReceipt | None = None) -> None:
        serialise(stanza)
        self.count += stanza.name == "message"
        if receipt is not None:
            receipt.arrived()

    def close(self, condition: str, text: str) -> None:
        print(condition, text)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def message(number: int) -> Element:
    body = Element("body", ns.CLIENT, None, f"Message {number}: shall we meet at five?")
    active = Element("active", ns.CHAT_STATES)
    request = Element("request", ns.RECEIPTS)
    attrs = {"to": "bob@example.test/phone", "id": f"m{number}", "type": "chat"}
    return Element("message", ns.CLIENT, attrs, body, active, request)


class Site:
    """A server's IM half with two people."""

    def __init__(self, directory: Path) -> None:
        self.events = Events()
        threads: Any = reactor
        self.store = Store.open(threads, directory, self.events)
        self.directory = Directory(self.store, self.events)
        record = open_record(self.store, threads)
        self.im = InstantMessaging(threads, self.store, self.events, self.directory, record)

    async def person(self, name: str, resource_: str) -> tuple[Session, Counter]:
        address = f"{name}@example.test"

        def unit(tx: ITransaction) -> None:
            if not tx.accounts.domains():
                tx.accounts.add_domain("example.test", 1)
            tx.accounts.add(address, name, False, 1)

        await self.store.write(unit)
        account = await self.directory.find(address)
        assert account is not None
        sink = Counter()
        info = StreamInfo("xmpp", "127.0.0.1", 0)
        session = self.im.sessions.bind(account, resource_, sink, info)
        await self.im.router.bound(session)
        await self.im.router.route(session, Element("presence", ns.CLIENT))
        return session, sink


async def measure(site: Site, count: int, flight: int) -> None:
    alice, _ = await site.person("alice", "desk")
    _, phone = await site.person("bob", "phone")
    tokens = DeferredSemaphore(flight)
    route = site.im.router.route
    before, started, cpu = phone.count, time.perf_counter(), cpu_seconds()
    works = [
        tokens.run(lambda n=n: Deferred.fromCoroutine(route(alice, message(n))))
        for n in range(count)
    ]
    await gatherResults(works)
    seconds = time.perf_counter() - started
    await site.store.write(lambda tx: None, Priority.BACKGROUND)  # the dispositions, too
    used = cpu_seconds() - cpu
    assert phone.count - before == count
    print(f"{count} messages, {flight} in flight: {count / seconds:,.0f} messages/s,", end=" ")
    print(f"{used / count * 1e6:.0f} µs CPU a message, {seconds / count * 1e6:.0f} µs elapsed")


async def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--flight", type=int, default=100)
    options = parser.parse_args(arguments)
    for flight in (1, 10, options.flight):
        with tempfile.TemporaryDirectory(prefix="mi") as directory:
            site = Site(Path(directory))
            try:
                count = options.messages if flight > 1 else options.messages // 10
                await measure(site, count, flight)
            finally:
                await site.store.close()


if __name__ == "__main__":
    task.react(lambda _reactor, *args: Deferred.fromCoroutine(main(list(args))), sys.argv[1:])
