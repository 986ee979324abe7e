"""How many mails a second go from the door into an Inbox, durable all the way.

    .venv/bin/python -m bench.mail_path [mails] [octets]

Two measures of the whole way (intake, spool, queue, routing, delivery: two transactions for
each mail): `Intake.accept` with 50 side by side, as a busy server does, with and without the
trace of what happens to each mail (in turns, the best of three), and one after the other.
Beside them, as the yardstick of this machine and disk, the same mails into a Maildir in the
plainest durable way (write, fsync, rename, fsync the directory). The ratio counts, not the
numbers.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import cooperate, deferLater

from mailim.accounts.directory import Directory
from mailim.events import Events
from mailim.interfaces.spool import NewMail
from mailim.mail.delivery import LocalDelivery
from mailim.mail.intake import Intake
from mailim.mail.queue import Queue
from mailim.mail.routing import Routing
from mailim.store.engine import Store
from tests.store.mails import add_account, message

SIDE_BY_SIDE = 50


def mails(count: int, octets: int) -> list[bytes]:
    body = "x" * 70 + "\r\n"
    text = body * max(1, (octets - 200) // len(body))
    return [message(f"Mail {at}", body=text, message_id=f"{at}@x") for at in range(count)]


def maildir(directory: Path, data: list[bytes]) -> float:
    for name in ("tmp", "new", "cur"):
        (directory / name).mkdir(parents=True)
    new = os.open(directory / "new", os.O_RDONLY | os.O_DIRECTORY)
    start = time.perf_counter()
    for at, each in enumerate(data):
        descriptor = os.open(directory / "tmp" / f"{at}", os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, each)
        os.fsync(descriptor)
        os.close(descriptor)
        os.rename(directory / "tmp" / f"{at}", directory / "new" / f"{at}")
        os.fsync(new)
    seconds = time.perf_counter() - start
    os.close(new)
    return len(data) / seconds


async def way(
    directory: Path, data: list[bytes], side_by_side: int, traces: bool = True
) -> tuple[float, float, float]:
    """Give mails a second (accepted, and in the Inbox) and milliseconds of work for each."""
    threads: Any = reactor
    events = Events()
    store = Store.open(threads, directory, events, traces=traces)
    account = await store.write(lambda tx: add_account(tx).id)
    await store.write(lambda tx: tx.folders.create(account, "Inbox", role="inbox").id)
    queue = Queue(
        threads, store, events, [], Routing(Directory(store, events)), LocalDelivery(store)
    )
    queue.startService()
    intake = Intake(store, "mail.example.test", threads)
    left = iter(data)

    def bring() -> Iterator[Deferred[int]]:
        for each in left:
            mail = NewMail("ann@example.org", ("bob@example.test",), "smtp", "x", intake.now())
            yield Deferred.fromCoroutine(intake.accept(mail, each))

    start, worked = time.perf_counter(), time.process_time()
    await DeferredList([cooperate(bring()).whenDone() for _ in range(side_by_side)])
    accepted = time.perf_counter() - start
    while True:
        folder = await store.read(lambda tx: tx.folders.by_role(account, "inbox"))
        if folder is not None and folder.total == len(data):
            break
        await deferLater(threads, 0.002)
    delivered = time.perf_counter() - start
    worked = time.process_time() - worked
    await queue.stopService()
    await store.close()
    return len(data) / accepted, len(data) / delivered, worked / len(data) * 1000


async def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    octets = int(sys.argv[2]) if len(sys.argv) > 2 else 4096
    data = mails(count, octets)
    with tempfile.TemporaryDirectory() as name:
        yardstick = maildir(Path(name) / "maildir", data[:1000])
        tries: dict[bool, list[tuple[float, float, float]]] = {True: [], False: []}
        for at in range(6):
            traces = at % 2 == 0
            tries[traces].append(await way(Path(name) / f"{at}", data, SIDE_BY_SIDE, traces))
        many, without = (min(tries[traces], key=lambda one: one[2]) for traces in (True, False))
        one = await way(Path(name) / "one", data[:500], 1)
    print(f"{len(data[0])} octets each; mails a second, and times the Maildir")
    print(f"{yardstick:8.0f}  1.0  Maildir with fsync")
    for title, (accepted, delivered, worked) in (
        ("50 side by side", many),
        ("50 side by side, without a trace", without),
        ("one by one", one),
    ):
        print(f"{accepted:8.0f} {accepted / yardstick:4.1f}  accepted, {title}")
        print(f"{delivered:8.0f} {delivered / yardstick:4.1f}  in the Inbox, {title}")
        print(f"{worked:8.2f}       milliseconds of processor time a mail")


if __name__ == "__main__":
    from twisted.internet.task import react

    react(lambda _reactor: Deferred.fromCoroutine(main()))
