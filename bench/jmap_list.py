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
from typing import Any, ClassVar

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


class Asking:
    """Asks one account's JMAP what the webmail asks; `mails` are in its folder."""

    reference: ClassVar = {"resultOf": "c0", "name": "Email/query", "path": "/ids"}

    def __init__(self, jmap: Jmap, account: Account, mails: int) -> None:
        self._jmap = jmap
        self._account = account
        self._mails = mails

    async def ask(self, *calls: list[Any]) -> int:
        """Give the octets of the response."""
        responses: list[Any] = []
        for place, (name, arguments) in enumerate(calls):
            call = (name, {"accountId": f"a{self._account.id}", **arguments}, f"c{place}")
            using = frozenset({CORE, MAIL})
            dispatch = self._jmap.methods.dispatch
            responses += await dispatch(Caller(self._account), using, call, responses)
            assert responses[-1][0] == name, responses[-1]
        return len(await encode_response(responses, {}, deferToThread))

    async def lists(self) -> None:
        """Measure what a list of messages needs."""
        inside = {"filter": {"inMailbox": "m1"}}
        for limit in (50, 500):
            await measure(
                f"query + summaries of {limit}",
                lambda limit=limit: self.ask(  # type: ignore[misc]
                    ["Email/query", {**inside, "limit": limit}],
                    ["Email/get", {"#ids": self.reference, "properties": SUMMARY}],
                ),
            )
        await measure(
            "query in the middle (position)",
            lambda: self.ask(["Email/query", {**inside, "position": self._mails // 2}]),
        )
        await measure("Mailbox/get", lambda: self.ask(["Mailbox/get", {"ids": None}]))

    async def messages(self) -> None:
        """Measure what reading messages needs."""
        whole = {"#ids": self.reference, "fetchAllBodyValues": True}
        links = {"#ids": self.reference, "properties": ["header:List-Unsubscribe:asURLs"]}
        await measure(
            "one whole message",
            lambda: self.ask(["Email/get", {"ids": ["e17"], "fetchAllBodyValues": True}]),
        )
        await measure(
            "500 whole messages",
            lambda: self.ask(["Email/query", {"limit": 500}], ["Email/get", whole]),
            5,
        )
        await measure(
            "100 List-Unsubscribe headers",
            lambda: self.ask(["Email/query", {"limit": 100}], ["Email/get", links]),
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
        asking = Asking(jmap, account, mails)
        await asking.lists()
        await asking.messages()
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=5000)
    parser.add_argument("--freeze", action="store_true", help="gc.freeze() first")
    options = parser.parse_args()
    react(lambda _: Deferred.fromCoroutine(run(options.mails, options.freeze)))


if __name__ == "__main__":
    main()
