"""A restart keeps everything; after kill -9 all that was acknowledged is there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import time
from typing import Any

from tests.fakes.dovecot import Dovecot
from tests.fakes.jmap import Jmap
from tests.fakes.site import BIN, DOMAIN, RunningSite
from tests.interop.test_mail_collected import OUTSIDE, mail
from tests.interop.xmpp_office import PASSWORD, Person, XmppCase, played


class RestartTests(XmppCase):
    def setUp(self) -> None:
        self.people: list[Person] = []
        self.site = RunningSite({"admin": PASSWORD})
        self.addCleanup(self.site.stop)

    def _verified(self, *words: str) -> dict[str, Any]:
        done = self.site.command("record", "verify", "--json", *words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    @played
    async def test_everything_said_is_in_the_record_with_what_became_of_it(self) -> None:
        """The whole walk: online, offline, refused, restarted; then search and verify."""
        alice, bob = self.account("alice"), self.account("bob")
        [a, b] = await self.signed_in(alice, bob)
        a.say(b.boundjid.bare, "to who is there")
        await b.next("message")
        await b.leave()
        a.say(b.boundjid.bare, "to who is away")
        a.say(f"nobody@{DOMAIN}", "to nobody")
        await a.next("message_error")
        await a.settle()
        note = self.site.json("record", "checkpoint")["note"]
        (self.site.directory / "note.txt").write_text(note)
        self.site.end()
        self.site.start()
        [b] = await self.signed_in(bob)
        self.assertEqual((await b.next("message"))["body"], "to who is away")
        await b.settle()

        def texts() -> dict[str, str]:
            listed = self.site.json("record", "search", "--kind", "message",
                                    "--from", f"{alice}@{DOMAIN}")  # fmt: skip
            return {one["body"]: one["disposition"] or "" for one in listed}

        await self.until(lambda: "; " in texts()["to who is away"])
        found = texts()
        self.assertEqual(set(found), {"to who is there", "to who is away", "to nobody"})
        self.assertTrue(found["to who is there"].startswith(f"delivered to {bob}@{DOMAIN}/"))
        self.assertTrue(found["to who is away"].startswith(f"stored; delivered to {bob}@"))
        self.assertTrue(found["to nobody"].startswith("bounced"))
        report = self._verified("--checkpoint", str(self.site.directory / "note.txt"))
        self.assertGreater(report["size"], 8)

    @played
    async def test_a_changed_record_is_found(self) -> None:
        [alice] = await self.signed_in(self.account("alice"))
        alice.say(f"admin@{DOMAIN}", "as it was said")
        await alice.settle()
        self._verified()
        self.site.end()
        with contextlib.closing(sqlite3.connect(self.site.var / "mailim.db")) as database:
            database.execute("UPDATE leaf SET body = 'forged' WHERE body = 'as it was said'")
            database.commit()
        for serving in (False, True):
            if serving:
                self.site.start()
            done = self.site.command("record", "verify")
            self.assertEqual(done.returncode, 1)
            self.assertIn("NOT SOUND", done.stdout)
            self.assertRegex(done.stdout, r"leaf \d+")

    @played
    async def test_a_restart_keeps_contacts_history_and_sessions(self) -> None:
        name = self.account("carol")
        [carol] = await self.signed_in(name)
        await carol.update_roster("friend@elsewhere.example", name="Friend")
        carol.say(f"admin@{DOMAIN}", "remember this")
        await carol.settle()
        ports = self.site.ports
        self.site.end()
        error = await carol.next("stream_error")
        self.assertEqual(error["condition"], "system-shutdown")
        self.site.start()
        self.assertEqual(set(self.site.ports), set(ports))
        [carol] = await self.signed_in(name)
        self.assertIn("friend@elsewhere.example", carol.client_roster)
        iq = await carol.plugin["xep_0313"].retrieve(timeout=60)
        bodies = [r["mam_result"]["forwarded"]["stanza"]["body"] for r in iq["mam"]["results"]]
        self.assertEqual(bodies, ["remember this"])
        self.assertNotIn("Traceback", self.site.log())

    @played
    async def test_killed_while_talking(self) -> None:
        """Whatever was delivered before the kill is on record after it, in order."""
        alice, bob = self.account("alice"), self.account("bob")
        delivered: list[str] = []
        sent = 0
        for round_number in range(3):
            [a, b] = await self.signed_in(alice, bob)
            while not b.nothing("message"):
                delivered.append((await b.next("message"))["body"])
            for number in range(300):
                a.say(b.boundjid.bare, f"round {round_number} number {number}")
                sent += 1
            delivered += [(await b.next("message"))["body"] for _ in range(40)]
            self.site.end(signal.SIGKILL)
            await asyncio.sleep(0)
            await b.next("disconnected")  # what was in the sockets is still read
            while not b.nothing("message"):
                delivered.append((await b.next("message"))["body"])
            a.abort()
            self.site.start()
        recorded: list[str] = []
        before: dict[str, Any] = {}
        while page := self.site.call("record.search", kind="message", limit=500,
                                     **{"from": f"{alice}@{DOMAIN}"}, **before):  # fmt: skip
            recorded += [one["body"] for one in page]
            before = {"before": int(page[-1]["id"])}
        recorded.reverse()
        self.assertGreaterEqual(len(delivered), 120)
        self.assertLessEqual(len(recorded), sent)
        self.assertEqual(set(delivered) - set(recorded), set())
        self.assertEqual([one for one in recorded if one in set(delivered)],
                         list(dict.fromkeys(delivered)))  # fmt: skip
        self._verified()

    def test_killed_while_collecting(self) -> None:
        """Mail is neither lost nor collected twice, wherever the kill fell."""
        dovecot = Dovecot({"box": OUTSIDE})
        self.addCleanup(dovecot.stop)
        count = 120
        for number in range(count):
            dovecot.put("box", mail(f"number {number}", "x" * 20_000))
        address = f"admin@{DOMAIN}"
        self.site.json("multipop", "add", address, "--host", "localhost", "--port",
                       str(dovecot.pop3s), "--user", "box", "--tls", "--ca", str(dovecot.ca),
                       "--password-stdin", stdin=OUTSIDE + "\n")  # fmt: skip
        for pause in (0.4, 0.6, 0.8):
            run = subprocess.Popen(
                [BIN / "mailim", "--config", self.site.config, "multipop", "run", address],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(pause)
            self.site.end(signal.SIGKILL)
            run.wait(120)
            self.site.start()
        deadline = time.monotonic() + 180
        subjects: list[str] = []
        while time.monotonic() < deadline and (len(subjects) < count or dovecot.count("box")):
            self.site.json("multipop", "run", address)
            time.sleep(0.5)
            subjects = [
                one["subject"] for one in Jmap(self.site, address, PASSWORD).emails("subject")
            ]
        self.assertEqual(sorted(subjects), sorted(f"number {number}" for number in range(count)))
        self.assertEqual(dovecot.count("box"), 0)
