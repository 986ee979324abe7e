"""Mail made to hurt, through the whole server: it is taken and shown, and nobody else waits."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.fakes.jmap import Jmap
from tests.interop.test_smtp import ALICE, BOB, PASSWORD, SmtpCase
from tests.wire.test_hostile_mail import MESSAGES

OCTETS = 3_000_000  # of each, or a few times that
LONGEST_WAIT = 5.0  # seconds of the server's work that anybody else waits for an answer
MEMORY = 300 * 1024 * 1024  # that all of them together may cost
BODIES = {"fetchAllBodyValues": True, "maxBodyValueBytes": 100_000}
PROPERTIES = ["subject", "from", "preview", "bodyStructure", "bodyValues", "attachments", "headers"]


class MimeBombTests(SmtpCase):
    measured = False

    def test_nobody_else_waits(self) -> None:
        bombs = {name: make(OCTETS) for name, make in MESSAGES.items()}
        jmap = Jmap(self.site, BOB, PASSWORD)
        before = self.site.memory()
        over = threading.Event()
        waits: list[float] = []
        watcher = threading.Thread(target=self.watch, args=(over, waits))
        watcher.start()
        try:
            self.bring(bombs)
            ids = self.until(lambda: self.all_there(jmap, len(bombs)), 900)
            for each in ids:
                self.read(jmap, each)
        finally:
            over.set()
            watcher.join()
        self.assertGreater(len(waits), 20)
        self.assertLess(max(waits), LONGEST_WAIT)
        self.assertLess(self.site.memory() - before, MEMORY)
        self.assertEqual(self.site.call("queue.list"), [])
        self.assertNotIn("Traceback", self.site.log())

    def bring(self, bombs: dict[str, bytes]) -> None:
        client = self.exchange()
        for name, bomb in bombs.items():
            try:
                client.sendmail(
                    "carl@example.org", [BOB], bomb.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                )
            except Exception as error:  # the name says which; smtplib's own text does not
                raise AssertionError(f"{name}: {error}") from error

    def all_there(self, jmap: Jmap, count: int) -> Any:
        (found,) = jmap.call(("Email/query", {"limit": 500}))
        return found["ids"] if len(found["ids"]) == count else None

    def read(self, jmap: Jmap, email: str) -> None:
        """Read a mail as the page does: its structure, its text, its source."""
        (found,) = jmap.call(("Email/get", {"ids": [email], "properties": PROPERTIES, **BODIES}))
        self.assertEqual(len(found["list"]), 1)
        jmap.call(("Email/query", {"filter": {"text": "ynotthere"}}))
        (thread,) = jmap.call(("Email/get", {"ids": [email], "properties": ["blobId"]}))
        self.assertGreater(len(jmap.download(thread["list"][0]["blobId"])), 1000)

    def watch(self, over: threading.Event, waits: list[float]) -> None:
        """Ask for something small again and again, as somebody else."""
        alice = Jmap(self.site, ALICE, PASSWORD)
        while not over.is_set():
            begun, worked = time.monotonic(), self.site.worked()
            alice.call(("Mailbox/get", {"ids": None}))
            # What the machine did for others meanwhile does not count.
            waits.append(min(time.monotonic() - begun, self.site.worked() - worked))
            time.sleep(0.05)
