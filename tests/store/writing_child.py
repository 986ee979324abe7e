"""A process that writes units and says so: `ack n seq uid sha256` once unit n is durable.

    python -m tests.store.writing_child DIRECTORY COUNT WINDOW SYNCHRONOUS

It keeps WINDOW units waiting, COUNT in all; numbers go on after the highest there is. Each unit
puts a message into a folder and a leaf into the record, both marked with its number. Every
seventh fails after having written, every tenth has a large body. The tests of durability
trace it, and kill it.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from mailim.events import Events
from mailim.interfaces.bodies import PreparedBody
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import ITransaction
from mailim.store.engine import Store
from mailim.wire.message import describe

ADDRESS = "alice@example.test"
LARGE_OCTETS = 150_000


class Refused(Exception):
    """What a unit raises that must leave nothing behind."""


def marker(number: int) -> str:
    """Give what is written nowhere but in unit `number`."""
    return f"<unit-{number:07}>"


def message(number: int) -> bytes:
    """Give the body of unit `number`."""
    text = f"Subject: {marker(number)}\r\nMessage-ID: {marker(number)}\r\n\r\nHello.\r\n"
    return text.encode() + b"x" * (LARGE_OCTETS if number % 10 == 9 else 100)


def make_leaf(seq: int, number: int) -> Leaf:
    """Give the leaf of unit `number`."""
    body = marker(number)
    digest = hashlib.sha256(body.encode()).digest()
    return Leaf(
        seq, digest, b"{}", digest, None, b"{}", number, "message", ADDRESS, ADDRESS, None, body
    )


def prepare_account(tx: ITransaction) -> int:
    """Give the folder units write to, made the first time."""
    account = tx.accounts.by_address(ADDRESS)
    if account is None:
        tx.accounts.add_domain("example.test", 1)
        account = tx.accounts.add(ADDRESS, "", False, 1)
        return tx.folders.create(account.id, "Inbox", role="inbox").id
    folder = tx.folders.by_role(account.id, "inbox")
    assert folder is not None
    return folder.id


def write(
    tx: ITransaction, folder_id: int, number: int, body: PreparedBody, refuse: bool
) -> tuple[int, int]:
    """Run the unit; gives the seq and the uid."""
    facts = describe(message(number))
    item = tx.items.add(folder_id, tx.bodies.add(body), b"", facts, frozenset(), number)
    seq = tx.record.size()
    tx.record.append(make_leaf(seq, number))
    if refuse:
        raise Refused
    return seq, item.uid


def next_number(tx: ITransaction) -> int:
    """Give the number after the highest there is."""
    return max((leaf.time for leaf in tx.record.leaves(0, 1_000_000)), default=-1) + 1


class Writing:
    """The units under way."""

    def __init__(self, store: Store, folder_id: int) -> None:
        self._store = store
        self._folder_id = folder_id

    async def one(self, number: int) -> None:
        """Write unit `number`, say so."""
        body = await self._store.bodies.prepare(message(number))
        if number % 7 == 6:
            try:
                await self._store.write(lambda tx: write(tx, self._folder_id, -1, body, True))
            except Refused:
                pass
        seq, uid = await self._store.write(
            lambda tx: write(tx, self._folder_id, number, body, False)
        )
        # One write(2) of less than PIPE_BUF: all of it arrives, or nothing.
        os.write(1, f"ack {number} {seq} {uid} {body.sha256.hex()}\n".encode())


async def main(reactor: Any, directory: str, count: str, window: str, synchronous: str) -> None:
    """Write `count` units, `window` at once."""
    store = Store.open(reactor, Path(directory), Events(), synchronous=synchronous)
    folder_id = await store.write(prepare_account)
    first = await store.read(next_number)
    writing = Writing(store, folder_id)
    numbers = iter(range(first, first + int(count)))

    async def in_turn() -> None:
        for number in numbers:
            await writing.one(number)

    await gatherResults([Deferred.fromCoroutine(in_turn()) for _ in range(int(window))])
    await store.close()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
