"""How long deleting a large folder keeps everybody else from writing.

    .venv/bin/python -m bench.folder_removal [messages]

Fills a folder of a durable store, deletes it, and writes a small unit every five milliseconds
until the last item is gone: what those units wait is what a chat message would. With `--whole`
the items go in the unit that deletes the folder, as they did once.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from mailim.events import Events
from mailim.interfaces.store import ITransaction, Priority
from mailim.mail.emptying import Emptying
from mailim.store import folders
from mailim.store.engine import Store
from tests.store.mails import add_account, add_item, message

_PORTION = 1000


def make(tx: ITransaction) -> tuple[int, int]:
    account_id = add_account(tx).id
    return tx.folders.create(account_id, "Work").id, tx.folders.create(account_id, "Other").id


async def fill(store: Store, folder_id: int, count: int) -> None:
    def unit(tx: ITransaction, first: int) -> None:
        for at in range(first, min(count, first + _PORTION)):
            add_item(tx, folder_id, message(subject=f"Number {at // 2}", message_id=f"{at}@x.test"))

    for first in range(0, count, _PORTION):
        await store.write(lambda tx: unit(tx, first))  # noqa: B023


async def main(reactor: Any, *words: str) -> None:
    count = int(next((word for word in words if word.isdecimal()), "90000"))
    if "--whole" in words:
        folders.AT_ONCE = count  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as directory:
        events = Events()
        store = Store.open(reactor, Path(directory), events)
        folder_id, other_id = await store.write(make)
        await fill(store, folder_id, count)
        service = Emptying(reactor, store, events)
        service.startService()
        began = time.perf_counter()
        deleting = store.write(lambda tx: tx.folders.delete(folder_id, True))
        deleting.addCallback(lambda _: print(f"deleted after {_ms(began):.1f} ms"))
        waits = await probe(reactor, store, other_id)
        await service.stopService()
        print(f"{count} items gone after {(time.perf_counter() - began):.2f} s")
        waits.sort()
        median, most_of_all = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
        print(f"others waited: median {median:.1f} ms, 99th percentile {most_of_all:.1f} ms,")
        print(f"               {waits[-1]:.1f} ms at most")
        await store.close()


async def probe(reactor: Any, store: Store, folder_id: int) -> list[float]:
    """Write small units until nothing is left of the folder; gives what each waited, in ms."""

    def unit(tx: ITransaction) -> bool:
        tx.folders.update(folder_id, sort_order=len(waits))
        return bool(tx.folders.removed())

    waits: list[float] = []
    while True:
        began = time.perf_counter()
        left = await store.write(unit, Priority.IM)
        waits.append(_ms(began))
        if not left and len(waits) > 100:
            return waits
        await deferLater(reactor, 0.005, lambda: None)


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
