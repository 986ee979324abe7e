"""How long the completion of recipients takes beside 100,000 messages.

    .venv/bin/python -m bench.people [messages]

Milliseconds: the first question of an account (reads its newest mails), and later ones.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bench.mail_listing import fill, timed, transaction
from mailim.store.engine import DATABASE
from mailim.store.migration import migrate
from mailim.webmail.people import LETTERS, Correspondents, matching


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        migrate(directory / DATABASE)
        tx = transaction(directory)
        (directory / "bodies").mkdir(exist_ok=True)
        account, _ = fill(tx, count)
        tx.items._db.driver.execute("COMMIT")
        tx = transaction(directory, read_only=True)
        people = Correspondents()

        def ask(words: str) -> int:
            people.learn(tx.people.letters(account, people.modseq, LETTERS), frozenset())
            return len(matching(people.persons(), words, 8))

        start = time.perf_counter()
        ask("p1")
        print(f"first question: {(time.perf_counter() - start) * 1000:.1f} ms")
        print(f"{len(people.people)} people known")
        for words in ("", "p1", "person 12", "nobody"):
            print(f"later, {words!r}: {timed(lambda words=words: ask(words)):.1f} ms")  # type: ignore[misc]


if __name__ == "__main__":
    main()
