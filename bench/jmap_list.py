"""What a folder's list costs over JMAP: Email/query with Email/get, and bodies.

    python bench/jmap_list.py [--mails 5000] [--freeze]

Everything in one process: a store in a temporary directory, the methods called as a request
would. Prints milliseconds (median, worst) and how long the reactor stood still at most.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, react
from twisted.internet.threads import deferToThread

from mailim.events import Events
from mailim.interfaces.accounts import Account
from mailim.interfaces.store import ITransaction
from mailim.protocols.jmap.encoding import encode_response
from mailim.protocols.jmap.methods import CORE, MAIL, Caller
from mailim.protocols.jmap.service import Jmap
from mailim.store.engine import Store
from mailim.wire.message import describe

reactor: Any = installed
SUMMARY = [
    "id", "threadId", "blobId", "mailboxIds", "keywords", "from", "to", "subject", "preview",
    "receivedAt", "size", "hasAttachment",
]  # fmt: skip


def message(number: int) -> bytes:
    plain = " ".join(f"word{(number * 7 + each) % 997}" for each in range(300))
    return (
        f"From: Person {number % 50} <p{number % 50}@example.org>\r\nTo: alice@example.test\r\n"
        f"Subject: Message number {number}\r\nMessage-ID: <{number}@example.org>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{plain}\r\n"
        f"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{plain}</p>\r\n--b--\r\n"
    ).encode()


async def fill(store: Store, mails: int) -> Account:
    bodies = [await store.bodies.prepare(message(number)) for number in range(mails)]

    def unit(tx: ITransaction) -> Account:
        tx.accounts.add_domain("example.test", 0)
        account = tx.accounts.add("alice@example.test", "Alice", False, 0)
        folder = tx.folders.create(account.id, "Inbox", role="inbox")
        for number, body in enumerate(bodies):
            facts = describe(body.data or b"")
            body_id = tx.bodies.add(body)
            tx.items.add(folder.id, body_id, b"", facts, frozenset(), number * 1_000_000)
        return account

    return await store.write(unit)


async def measure(name: str, work: Callable[[], Awaitable[int]], times: int = 15) -> None:
    stall = [0.0, time.monotonic()]

    def tick() -> None:
        now = time.monotonic()
        stall[0] = max(stall[0], now - stall[1] - 0.002)
        stall[1] = now

    loop = LoopingCall(tick)
    taken = []
    octets = await work()
    stall[1] = time.monotonic()
    loop.start(0.002)
    for _ in range(times):
        began = time.monotonic()
        octets = await work()
        taken.append((time.monotonic() - began) * 1000)
    loop.stop()
    print(
        f"{name:42} median {statistics.median(taken):7.1f} ms  worst {max(taken):7.1f} ms"
        f"  stall {stall[0] * 1000:6.1f} ms  {octets / 1000:8.0f} kB"
    )


async def run(mails: int, freeze: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        events = Events()
        store = Store.open(reactor, Path(directory), events)
        account = await fill(store, mails)
        if freeze:
            gc.collect()
            gc.freeze()
        jmap = Jmap(reactor, store, events, None, deferToThread)  # type: ignore[arg-type]

        async def ask(*calls: list[Any]) -> int:
            responses: list[Any] = []
            for place, (name, arguments) in enumerate(calls):
                call = (name, {"accountId": f"a{account.id}", **arguments}, f"c{place}")
                using = frozenset({CORE, MAIL})
                responses.append(
                    await jmap.methods.dispatch(Caller(account), using, call, responses)
                )
                assert responses[-1][0] == name, responses[-1]
            return len(await encode_response(responses, {}, deferToThread))

        reference = {"resultOf": "c0", "name": "Email/query", "path": "/ids"}
        for limit in (50, 500):
            await measure(
                f"query + summaries of {limit}",
                lambda limit=limit: ask(  # type: ignore[misc]
                    ["Email/query", {"filter": {"inMailbox": "m1"}, "limit": limit}],
                    ["Email/get", {"#ids": reference, "properties": SUMMARY}],
                ),
            )
        await measure(
            "query in the middle (position)",
            lambda: ask(["Email/query", {"filter": {"inMailbox": "m1"}, "position": mails // 2}]),
        )
        await measure(
            "one whole message",
            lambda: ask(["Email/get", {"ids": ["e17"], "fetchAllBodyValues": True}]),
        )
        await measure(
            "500 whole messages",
            lambda: ask(
                ["Email/query", {"limit": 500}],
                ["Email/get", {"#ids": reference, "fetchAllBodyValues": True}],
            ),
            5,
        )
        await measure(
            "100 List-Unsubscribe headers",
            lambda: ask(
                ["Email/query", {"limit": 100}],
                [
                    "Email/get",
                    {"#ids": reference, "properties": ["header:List-Unsubscribe:asURLs"]},
                ],
            ),
        )
        await measure("Mailbox/get", lambda: ask(["Mailbox/get", {"ids": None}]))
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=5000)
    parser.add_argument("--freeze", action="store_true", help="gc.freeze() first")
    options = parser.parse_args()
    react(lambda _: Deferred.fromCoroutine(run(options.mails, options.freeze)))


if __name__ == "__main__":
    main()
