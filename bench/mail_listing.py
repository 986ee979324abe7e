"""How long questions to a folder of 100,000 messages take.

    .venv/bin/python -m bench.mail_listing [messages]

Fills a folder (one transaction, not durable) and times questions of the webmail on a
connection of its own, each the median of some rounds, in milliseconds.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mailim.interfaces.items import ItemQuery
from mailim.store.body_files import BodyFiles
from mailim.store.connection import connect
from mailim.store.engine import DATABASE
from mailim.store.migration import migrate
from mailim.store.transaction import Transaction
from tests.store.mails import add_account, add_item, message

ROUNDS = 5
WORDS = "invoice report lunch meeting offer contract draft plan budget travel".split()


def transaction(directory: Path, *, read_only: bool = False) -> Transaction:
    files = BodyFiles(directory / "bodies", lambda: 0.0)
    connection = connect(directory / DATABASE, synchronous="OFF", read_only=read_only)
    connection.driver.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
    return Transaction(connection, files, files.discard)


def fill(tx: Transaction, count: int) -> tuple[int, int]:
    account, pick = add_account(tx), random.Random(1)
    inbox = tx.folders.create(account.id, "Inbox", role="inbox").id
    other = tx.folders.create(account.id, "Archive", role="archive").id
    for at in range(count):
        data = message(
            subject=" ".join(pick.choices(WORDS, k=4)) + (f" {at // 2}" if at % 2 else f" {at}"),
            sender=f"Person {pick.randrange(500)} <p{pick.randrange(500)}@example.org>",
            body=" ".join(pick.choices(WORDS, k=60)) + f" unique{at}",
            message_id=f"{at}@example.org",
            references=(f"{at - 1}@example.org",) if at % 3 else (),
        )
        seen = frozenset(("$seen",)) if pick.random() < 0.98 else frozenset[str]()
        add_item(tx, inbox if at % 10 else other, data, seen, 1_700_000_000_000_000 + at * 10**6)
    return account.id, inbox


def index(tx: Transaction) -> None:
    for body_id in tx.search.waiting(0, 10**9):
        tx.search.add(body_id, tx.search.read(body_id))


def timed(work: Callable[[], object]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        rounds.append(time.perf_counter() - start)
    return statistics.median(rounds) * 1000


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        migrate(directory / DATABASE)
        tx = transaction(directory)
        tx_files = directory / "bodies"
        tx_files.mkdir(exist_ok=True)
        start = time.perf_counter()
        account, inbox = fill(tx, count)
        print(f"filled: {(time.perf_counter() - start) / count * 1e6:.0f} µs a message")
        start = time.perf_counter()
        index(tx)
        print(f"indexed: {(time.perf_counter() - start) / count * 1e6:.0f} µs a message")
        tx.items._db.driver.execute("COMMIT")
        tx = transaction(directory, read_only=True)
        size = (directory / DATABASE).stat().st_size
        print(f"database: {size / count:.0f} octets a message")
        ask(tx, account, inbox, count)


def ask(tx: Transaction, account: int, inbox: int, count: int) -> None:
    here = {"inMailbox": inbox}
    middle = tx.items.query(ItemQuery(account, here, position=count // 2, limit=1)).ids[0]
    shown = tx.items.query(
        ItemQuery(account, here, position=count // 4, limit=1, collapse_threads=True)
    ).ids[0]
    by = lambda name: ((name, True, None),)  # noqa: E731
    questions = {
        "first page": ItemQuery(account, here, count=True),
        "far down": ItemQuery(account, here, position=count * 8 // 10),
        "anchor in the middle": ItemQuery(account, here, anchor=middle),
        "threads, first page": ItemQuery(account, here, collapse_threads=True, count=True),
        "threads, far down": ItemQuery(account, here, collapse_threads=True, position=count // 3),
        "threads, anchor": ItemQuery(account, here, collapse_threads=True, anchor=shown),
        "unread": ItemQuery(account, {**here, "notKeyword": "$seen"}, count=True),
        "unread threads": ItemQuery(
            account, {**here, "notKeyword": "$seen"}, collapse_threads=True, count=True
        ),
        "flagged": ItemQuery(account, {**here, "hasKeyword": "$flagged"}, count=True),
        "all mail": ItemQuery(account),
        "by subject": ItemQuery(account, here, by("subject")),
        "by subject, far down": ItemQuery(account, here, by("subject"), position=count // 2),
        "by from": ItemQuery(account, here, by("from")),
        "by size, anchor": ItemQuery(account, here, by("size"), anchor=middle),
        "oldest first, threads": ItemQuery(account, here, by("receivedAt"), collapse_threads=True),
        "text, rare": ItemQuery(account, {**here, "text": f"unique{count // 2 + 1}"}),
        "text, common": ItemQuery(account, {**here, "text": "invoice"}),
        "text, common, counted, threads": ItemQuery(
            account, {**here, "text": "invoice"}, count=True, collapse_threads=True
        ),
        "text, none": ItemQuery(account, {**here, "text": "nowhere"}, count=True),
        "from, rare": ItemQuery(account, {**here, "from": "p77@example"}, count=True),
        "attachment": ItemQuery(account, {**here, "hasAttachment": True}, count=True),
    }
    for name, query in questions.items():
        print(f"{timed(lambda query=query: tx.items.query(query)):8.2f} ms  {name}")  # type: ignore[misc]
    page = tx.items.query(ItemQuery(account, here, limit=50)).ids
    items = tx.items.get(account, page)
    print(f"{timed(lambda: tx.items.get(account, page)):8.2f} ms  get 50 items")
    bodies = [each.body_id for each in items.values()]
    print(f"{timed(lambda: tx.items.facts(bodies)):8.2f} ms  facts of 50 items")
    print(f"{timed(lambda: tx.items.changes(account, 0, 500)):8.2f} ms  changes since ever, 500")


if __name__ == "__main__":
    main()
