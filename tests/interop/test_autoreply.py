"""Automatic replies on real servers: by submission, by MultiPOP, and between two sites."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.dovecot import Dovecot
from tests.fakes.jmap import Jmap
from tests.fakes.shared import shared
from tests.fakes.site import DOMAIN, RunningSite
from tests.interop.test_two_sites import TwoSitesCase

PASSWORD = "correct horse battery"
OUTSIDE = "outside password"


def site() -> RunningSite:
    """Start the site these tests share."""
    return RunningSite({"admin": PASSWORD})


def dovecot() -> Dovecot:
    """Start a Dovecot with a box."""
    return Dovecot({"office": OUTSIDE})


def letter(sender: str, recipient: str, subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{time.monotonic_ns()}@example.test>"
    message.set_content("Are you there?\n")
    return message


class RunningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = shared.get(site)

    def person(self, name: str) -> tuple[str, Jmap]:
        self.site.add(name, PASSWORD)
        address = f"{name}@{DOMAIN}"
        return address, Jmap(self.site, address, PASSWORD)

    def until(self, true: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if found := true():
                return found
            time.sleep(0.1)
        raise AssertionError("it did not become true")

    def away(self, jmap: Jmap, **more: Any) -> None:
        """Switch an automatic reply on, as a client does."""
        patch = {"isEnabled": True, "textBody": "Back on Monday, $SENDER$."} | more
        [outcome] = jmap.call(("VacationResponse/set", {"update": {"singleton": patch}}))
        self.assertEqual(outcome["updated"], {"singleton": None})

    def submit(self, sender: str, recipient: str, subject: str) -> None:
        port = self.site.ports["submission"]
        with smtplib.SMTP("localhost", port, timeout=120) as client:
            client.starttls(context=self.site.context())
            client.login(sender, PASSWORD)
            client.send_message(letter(sender, recipient, subject))

    def at_rest(self, jmap: Jmap, count: int) -> None:
        """Wait until somebody has so many mails and none is under way."""
        self.until(lambda: len(jmap.emails()) >= count and not self.site.call("queue.list"))

    def test_two_mails_get_one_reply(self) -> None:
        (alice, of_alice), (bob, of_bob) = self.person("alice"), self.person("bob")
        self.away(of_bob)
        for number in range(2):
            self.submit(alice, bob, f"Grüße {number}")
            self.at_rest(of_bob, number + 1)
        [reply] = of_alice.emails("subject", "blobId", "from", "inReplyTo", "preview")
        self.assertEqual(reply["subject"], "Auto: Grüße 0")
        self.assertEqual(reply["from"], [{"name": None, "email": bob}])
        self.assertEqual(len(reply["inReplyTo"]), 1)
        self.assertEqual(reply["preview"], f"Back on Monday, {alice}.")
        data = of_alice.download(reply["blobId"])
        self.assertIn(b"Return-Path: <>\r\n", data)
        self.assertIn(b"\r\nAuto-Submitted: auto-replied\r\n", data)

    def test_by_the_command_line(self) -> None:
        own = RunningSite({"carl": PASSWORD, "dora": PASSWORD}, measured=False)
        self.addCleanup(own.stop)
        words = ("autoresponder", "set", f"dora@{DOMAIN}", "--on", "--text", "Away.")
        self.assertTrue(own.json(*words)["enabled"])
        own.end()
        again = own.json("autoresponder", "set", f"dora@{DOMAIN}", "--days", "3")
        self.assertEqual((again["enabled"], again["message"], again["days"]), (True, "Away.", 3))
        refused = own.command("autoresponder", "set", f"dora@{DOMAIN}", "--days", "0")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("1 to 60 days", refused.stderr)
        own.start()
        self.site = own
        carl, dora = (Jmap(own, f"{name}@{DOMAIN}", PASSWORD) for name in ("carl", "dora"))
        self.submit(f"carl@{DOMAIN}", f"dora@{DOMAIN}", "Hello")
        self.at_rest(dora, 1)
        self.assertEqual([each["subject"] for each in carl.emails()], ["Auto: Hello"])

    def test_collected_mail(self) -> None:
        """MP-06: the original sender is answered, once."""
        pop = shared.get(dovecot)
        (emil, of_emil), (finn, of_finn) = self.person("emil"), self.person("finn")
        self.away(of_finn)
        self.site.json(
            "multipop", "add", finn, "--host", "localhost", "--port", str(pop.pop3s),
            "--user", "office", "--tls", "--ca", str(pop.ca), "--password-stdin",
            stdin=OUTSIDE + "\n",
        )  # fmt: skip
        for number in range(2):
            message = letter(f"Emil <{emil}>", "office@provider.example", f"number {number}")
            pop.put("office", message.as_bytes().replace(b"\n", b"\r\n"))
            self.site.json("multipop", "run", finn)
            self.at_rest(of_finn, number + 1)
        self.assertEqual([each["subject"] for each in of_emil.emails()], ["Auto: number 0"])


class FacingTests(TwoSitesCase):
    async def test_two_autoresponders_end_after_one_reply(self) -> None:
        await self.serve_both()
        for server in self.sites.values():
            await server.core.store.write(lambda tx: tx.vacation.set(1, enabled=True))
        client = await self.submission("a.test")
        for number in range(2):
            text = f"From: kim@a.test\r\nTo: kim@b.test\r\nSubject: Lunch {number}\r\n\r\nHello"
            await self.send(client, "kim@a.test", "kim@b.test", text)
            await self.inbox("b.test", number + 1)
            await self.inbox("a.test")
            await self.nothing_waits()
        await deferLater(reactor, 0.2)
        await self.nothing_waits()
        [reply] = await self.inbox("a.test")
        self.assertIn(b"\r\nSubject: Auto: Lunch 0\r\n", reply)
        self.assertEqual(len(await self.inbox("b.test", 2)), 2)
