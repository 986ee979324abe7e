"""kill -9 at random moments under load, with a ledger kept outside of the server.

Every mail that got its 250 is afterwards in each of its recipients' folders exactly once,
and has been handed to the outside world; every semaphore file is on record exactly once.
`MAILIM_KILLS` says how often the server is killed: a few times in `make test`, two hundred
times before a change lands (`.ci/run`).
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections import Counter
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.fakes.jmap import Jmap
from tests.fakes.site import DOMAIN, RunningSite
from tests.fakes.smtp_server import FakeSmtp
from tests.interop.loads import ALICE, BOB, BY_CHAT, OUTSIDE, PASSWORD, Ledger, Load

KILLS = int(os.environ.get("MAILIM_KILLS", "10"))
KINDS = set("012345")
_SUBJECT = re.compile(rb"^Subject: (.*)\r$", re.MULTILINE)


class KillTests(TestCase):
    timeout = 900 + 15 * KILLS

    async def test_what_was_acknowledged_is_there_once(self) -> None:
        outside = FakeSmtp()
        site = await deferToThread(self.site, outside.serve(self))
        self.addCleanup(deferToThread, site.stop)
        ledger = Ledger()
        await deferToThread(self.kill_often, site, ledger)
        self.assertEqual(ledger.trouble, [])
        self.assertGreater(len(ledger.given), 5 * KILLS)
        # Every kind was served: three from outside, submission, the page, files.
        self.assertEqual(kinds(ledger), KINDS)
        await self.until_empty(site)
        for who in (ALICE, BOB):
            subjects = await deferToThread(all_subjects, Jmap(site, who, PASSWORD))
            self.assertEqual(ledger.missing(set(subjects), who), set())
            twice = {name: n for name, n in Counter(subjects).items() if n != 1}
            self.assertEqual(twice, {}, who)
            self.assertLessEqual(set(subjects), set(ledger.tried))
        for _ in range(500):
            leaves = await deferToThread(all_files, site)
            if not ledger.missing(set(leaves), BY_CHAT):
                break
            await deferLater(reactor, 0.2)
        self.assertEqual(ledger.missing(set(leaves), BY_CHAT), set())
        self.assertEqual({name: n for name, n in Counter(leaves).items() if n != 1}, {})
        sent = [
            found[1].decode() for each in outside.taken if (found := _SUBJECT.search(each.data))
        ]
        self.assertEqual(ledger.missing(set(sent), OUTSIDE), set())
        # Between another server's 250 and our note of it a kill can make a second copy;
        # it has the same Message-ID. There are at most as many as connections were cut.
        self.assertLessEqual(len(sent) - len(set(sent)), 4 * KILLS)

    def site(self, port: int) -> RunningSite:
        """Make a site that sends everything for outside to us."""
        site = RunningSite(
            {"alice": PASSWORD, "bob": PASSWORD},
            {
                "smtp.messages_per_connection": 100_000,
                "smtp.messages_per_hour": 1_000_000,
                "mail.undo_seconds": 0,
                "relay.enabled": True,
                "relay.host": "127.0.0.1",
                "relay.port": port,
                "relay.allow_private_hosts": True,
            },
            measured=False,
        )
        site.call("alias.add", address=f"robert@{DOMAIN}", target=BOB)
        site.call("group.add", address=f"team@{DOMAIN}")
        for member in (ALICE, BOB):
            site.call("group.join", address=f"team@{DOMAIN}", member=member)
        return site

    def kill_often(self, site: RunningSite, ledger: Ledger) -> None:
        """Put load on the server and kill it, again and again; blocks."""
        load = Load(site, ledger)
        chance = random.Random()
        for number in range(KILLS):
            end = load.begin(3)
            time.sleep(chance.uniform(0.05, 1.5))
            if number == KILLS - 1:
                enough(ledger)
            site.end(signal.SIGKILL)
            end()
            site.start()

    async def until_empty(self, site: RunningSite) -> None:
        """Wait until nothing is in the queue, not delaying what waits for its next attempt."""
        for _ in range(1200):
            waiting: list[Any] = await deferToThread(site.call, "queue.list")
            files = list((site.var / "WorldClient").glob("*.SEM"))
            if not waiting and not files and not await deferToThread(handed_in, site):
                return
            await deferToThread(site.call, "queue.retry")
            await deferLater(reactor, 0.5)
        self.fail(f"still queued: {waiting[:3]}")


def kinds(ledger: Ledger) -> set[str]:
    """Give the numbers of the kinds of load that were served."""
    return {name.split("-")[1] for name in tuple(ledger.given)}


def enough(ledger: Ledger) -> None:
    """Wait until every kind was served, and often enough: a machine may be slow; blocks."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if len(ledger.given) > 5 * KILLS and kinds(ledger) == KINDS:
            return
        time.sleep(0.1)


def all_subjects(jmap: Jmap) -> list[str]:
    """Give the subjects of all mails in an account's Inbox."""
    found: list[str] = []
    (folders,) = jmap.call(("Mailbox/get", {}))
    (inbox,) = (each["id"] for each in folders["list"] if each["role"] == "inbox")
    back = {"resultOf": "0", "name": "Email/query", "path": "/ids"}
    while True:
        _, page = jmap.call(
            (
                "Email/query",
                {"filter": {"inMailbox": inbox}, "position": len(found), "limit": 400},
            ),
            ("Email/get", {"#ids": back, "properties": ["subject"]}),
        )
        found += [mail["subject"] for mail in page["list"]]
        if not page["list"]:
            return found


def handed_in(site: RunningSite) -> int:
    """Say how many mails alice handed in that are not in the queue yet."""
    (found,) = Jmap(site, ALICE, PASSWORD).call(
        ("EmailSubmission/query", {"filter": {"undoStatus": "pending"}, "limit": 1})
    )
    return len(found["ids"])


def all_files(site: RunningSite) -> list[str]:
    """Give the names in all messages on record that came of files."""
    found: list[str] = []
    before: dict[str, Any] = {}
    while True:
        rows = site.call("record.search", kind="message", text="file", limit=500, **before)
        found += [row["body"].removeprefix("file ") for row in rows]
        if not rows:
            return found
        before = {"before": int(rows[-1]["id"])}
