"""`mailim trace` on a real site: one mail by an alias to a group, to here and to elsewhere."""

from __future__ import annotations

import json
import re
import smtplib
import subprocess
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.fakes.site import DOMAIN, RunningSite
from tests.fakes.smtp_server import FakeSmtp

PASSWORD = "correct horse battery"
CARL = "carl@example.org"
MAIL = f"""\
From: Dora <Dora@Example.net>
To: people@{DOMAIN}
Subject: Lunch
Message-ID: <lunch.7@example.net>

At noon?
""".replace("\n", "\r\n")


RULES = """\
enabled = true
[[rule]]
name = "Food at noon"
when = [{ header = "Subject", is = "lunch" }]
then = [{ do = "move", folder = "Meals/Noon" }, { do = "copy", to = "carl@example.org" }]
"""


class TraceTests(TestCase):
    timeout = 300

    async def setUp(self) -> None:  # type: ignore[override]
        self.peer = FakeSmtp("mx.example.org")
        port = self.peer.serve(self)
        self.site = await deferToThread(
            RunningSite,
            {"alice": PASSWORD},
            {
                "relay.enabled": True,
                "relay.host": "127.0.0.1",
                "relay.port": port,
                "relay.allow_private_hosts": True,
            },
        )
        self.addCleanup(lambda: deferToThread(self.site.stop))
        for name, values in (
            ("group.add", {"address": f"team@{DOMAIN}"}),
            ("group.join", {"address": f"team@{DOMAIN}", "member": f"alice@{DOMAIN}"}),
            ("group.join", {"address": f"team@{DOMAIN}", "member": CARL}),
            ("alias.add", {"address": f"people@{DOMAIN}", "target": f"team@{DOMAIN}"}),
        ):
            await self.call(name, **values)

    async def call(self, name: str, **values: Any) -> Any:
        return await deferToThread(lambda: self.site.call(name, **values))

    def run_command(self, *words: str) -> Deferred[subprocess.CompletedProcess[str]]:
        return deferToThread(lambda: self.site.command(*words))

    async def until(self, mail: str, words: str) -> dict[str, Any]:
        """Wait until a mail's trace has a line of this kind."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            found: dict[str, Any] = await self.call("trace", mail=mail)
            if re.search(words, found["text"]):
                return found
        raise AssertionError(f"{words} is not in {found['text']}")

    def bring(self, sender: str, recipient: str, text: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.site.ports["smtp"], "mail.example.net") as client:
            client.sendmail(sender, [recipient], text.encode())

    async def send(self, sender: str, recipient: str, text: str) -> None:
        await deferToThread(self.bring, sender, recipient, text)

    async def test_the_whole_way(self) -> None:
        self.peer.script = lambda verb, _: "451 4.7.1 come back" if verb == "RCPT" else None
        await self.send("dora@example.net", f"people@{DOMAIN}", MAIL)
        await self.until("<lunch.7@example.net>", "waits .*come back")
        await self.until("<lunch.7@example.net>", "delivered ")
        self.peer.script = lambda verb, _: None
        await self.call("queue.retry")
        await self.until("lunch.7@example.net", "relayed")
        served = await self.run_command("trace", "<lunch.7@example.net>")
        self.assertEqual((served.returncode, served.stderr), (0, ""))
        self.check(served.stdout)
        listed = await self.run_command("trace", "--to", CARL, "--from", "example.net")
        self.assertIn("dora@example.net -> alice@example.test, carl@example.org", listed.stdout)
        await deferToThread(self.site.end)
        alone = await self.run_command("trace", "lunch.7@example.net")
        self.assertEqual((alone.returncode, alone.stdout), (0, served.stdout))
        shown = await self.run_command("trace", "1", "--json")
        (mail,) = json.loads(shown.stdout)["mails"]
        self.assertEqual(mail["message_id"], "lunch.7@example.net")
        self.assertEqual(mail["waiting"], [])

    def check(self, text: str) -> None:
        head, *lines = text.strip().split("\n")
        self.assertRegex(head, r"^mail 1 <lunch\.7@example\.net> from dora@example\.net, \d+ oct")
        times = [line[2:25] for line in lines]
        self.assertEqual(times, sorted(times))
        self.assertTrue(all(re.fullmatch(r"[0-9-]{10} [0-9:.]{12}", each) for each in times))
        found = [line[27:] for line in lines]
        self.assertRegex(found[0], r"^accepted   from another server, .*127\.0\.0\.1.*mail\.exa")
        self.assertEqual(found[1], f"expanded   people@{DOMAIN}: alice@{DOMAIN}, {CARL}")
        self.assertEqual(found[-1], f"relayed    {CARL}: 127.0.0.1 said: 250 2.0.0 taken")
        self.assertEqual(found[-2], "retried    by console")
        between = "\n".join(sorted(found[2:-2]))
        self.assertRegex(
            between,
            rf"^delivered  alice@{DOMAIN}: alice@{DOMAIN}, Inbox, item \d+\n"
            rf"waits      {CARL}: 127\.0\.0\.1 said: 451 4\.7\.1 come back; next attempt 20[^\n]*$",
        )

    async def test_a_failure_and_the_notice(self) -> None:
        self.peer.script = lambda verb, arguments: (
            "550 5.1.1 no such user" if verb == "RCPT" and "carl" in arguments else None
        )
        await self.send("dora@example.net", f"people@{DOMAIN}", MAIL)
        found = await self.until("1", "(?s)mail 2 <.*relayed")
        first, notice = found["mails"]
        ends = {one["what"]: one for one in first["events"]}
        self.assertEqual(ends["failed"]["address"], CARL)
        self.assertIn("550 5.1.1 no such user", ends["failed"]["detail"])
        self.assertEqual(ends["notice"]["other"], notice["id"])
        self.assertEqual((notice["from"], notice["source"]), ("<>", "about mail 1"))
        self.assertEqual([one["address"] for one in notice["events"]], ["dora@example.net"])

    async def test_rules_and_an_automatic_reply(self) -> None:
        (self.site.directory / "etc" / "filters.toml").write_text(RULES)
        await self.call("filter.list")  # which looks at once; mail does so once a second
        address = f"alice@{DOMAIN}"
        await self.call("autoresponder.set", address=address, state="on", text="I am away.")
        await self.send("dora@example.net", address, MAIL.replace("people", "alice"))
        await self.until("lunch.7@example.net", "(?s)relayed .*carl@")
        found = await self.until("lunch.7@example.net", "(?s)mail 2 <.*relayed")
        first, reply = found["mails"]
        lines = {one["what"]: one for one in first["events"]}
        self.assertEqual(
            {what: one["address"] for what, one in lines.items()},
            {
                "filtered": address,
                "copied": CARL,
                "autoreply": "",
                "delivered": address,
                "relayed": CARL,
            },
        )
        self.assertEqual(lines["autoreply"]["other"], reply["id"])
        self.assertIn("Food at noon", lines["filtered"]["detail"])
        self.assertIn(", Meals/Noon, item ", lines["delivered"]["detail"])
        self.assertEqual([one["address"] for one in reply["events"]], ["dora@example.net"])

    async def test_wrong_words(self) -> None:
        for status, words in (
            (1, ["nothing@such.example"]), (1, ["<>"]), (1, ["x" * 2000]), (1, ["--to", ""]),
            (1, ["1", "--to", CARL]), (1, ["--since", "yesterday"]), (2, ["--limit", "many"]),
            (1, ["--limit", "0"]), (2, ["one", "two"]), (1, ["\udcff\udc80@x"]),
            (1, ["a\x1b[31m@x"]),
        ):  # fmt: skip
            done = await self.run_command("trace", *words)
            self.assertEqual((done.returncode, done.stdout), (status, ""), f"{words} {done}")
            self.assertTrue(done.stderr)
            self.assertNotIn("Traceback", done.stderr)
            self.assertNotIn("\x1b", done.stderr)
        self.assertNotIn("Traceback", await deferToThread(self.site.log))
