"""The purpose of the content filter: mail arrives, and a person's XMPP program says so."""

from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.fakes.dovecot import Dovecot
from tests.fakes.jmap import Jmap
from tests.fakes.shared import shared
from tests.fakes.site import DOMAIN, RunningSite
from tests.interop.xmpp_office import PASSWORD, XmppCase, played

OUTSIDE = "outside password"
SEED = """
You have received an email from $SENDER$.
Subject: $SUBJECT$"""


def site() -> RunningSite:
    """Start the site these tests share."""
    return RunningSite({"admin": PASSWORD})


def dovecot() -> Dovecot:
    """Start a Dovecot with one box."""
    return Dovecot({"box": OUTSIDE})


def mail(subject: str, to: str, sender: str = "Jörg Weiß <joerg@lieferant.example>") -> bytes:
    """Make a mail with CRLF."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Message-ID"] = f"<{abs(hash(subject))}@lieferant.example>"
    message.set_content("text\n")
    return message.as_bytes().replace(b"\n", b"\r\n")


class FilterTests(XmppCase):
    make_site = staticmethod(site)

    def setUp(self) -> None:
        super().setUp()
        self.path: Path = self.site.directory / "etc" / "filters.toml"
        self.addCleanup(self.path.write_text, self.path.read_text())

    def deliver(
        self, data: bytes, *recipients: str, sender: str = "joerg@lieferant.example"
    ) -> None:
        """Bring a mail as another server does."""
        with smtplib.SMTP("localhost", self.site.ports["smtp"], timeout=120) as client:
            client.sendmail(sender, recipients, data)

    def announce(self) -> None:
        """Switch the sample's first rule on, as an administrator does."""
        text = self.path.read_text()
        self.assertIn(SEED, text)
        self.path.write_text(text.replace("enabled = false", "enabled = true", 1))

    async def told(self, person: Any) -> Any:
        """Give the next message with a text."""
        while True:
            stanza = await person.next("message")
            if stanza["body"]:
                return stanza

    @played
    async def test_mail_by_smtp_pops_up(self) -> None:
        """The seed's example: the sample of a new site with one word changed."""
        name = self.account("bob")
        [bob] = await self.signed_in(name)
        await asyncio.sleep(1.2)  # the file is looked at once a second, and another test wrote it
        await asyncio.to_thread(
            self.deliver, mail("Not yet", f"{name}@{DOMAIN}"), f"{name}@{DOMAIN}"
        )
        jmap = Jmap(self.site, f"{name}@{DOMAIN}", PASSWORD)
        await self.until(jmap.emails)
        self.announce()
        await asyncio.sleep(1.2)
        data = mail("Lieferung – grün? oder blau", f"{name}@{DOMAIN}")
        await asyncio.to_thread(self.deliver, data, f"{name}@{DOMAIN}")
        stanza = await self.told(bob)
        self.assertEqual(
            stanza["body"],
            "You have received an email from joerg@lieferant.example.\n"
            "Subject: Lieferung – grün? oder blau",
        )
        self.assertEqual((stanza["type"], stanza["from"].bare), ("headline", DOMAIN))
        found = [
            one
            for one in await asyncio.to_thread(self.recorded, to=f"{name}@{DOMAIN}")
            if "Lieferung" in (one.get("body") or "")
        ]
        self.assertEqual([one["details"]["origin"] for one in found], ["filter"], found)
        await self.until(lambda: len(jmap.emails()) == 2)

    @played
    async def test_collected_mail_pops_up(self) -> None:
        """MultiPOP: the recipient is the owner of the box, whoever the header names."""
        name = self.account("kate")
        address = f"{name}@{DOMAIN}"
        [kate] = await self.signed_in(name)
        self.announce()
        await asyncio.sleep(1.2)
        pop = shared.get(dovecot)
        pop.put("box", mail("Collected", "office@provider.example"))

        def collect() -> None:
            self.site.json(
                "multipop", "add", address, "--host", "localhost", "--port", str(pop.pop3s),
                "--user", "box", "--tls", "--ca", str(pop.ca), "--password-stdin",
                stdin=OUTSIDE + "\n",
            )  # fmt: skip
            self.site.json("multipop", "run", address)

        await asyncio.to_thread(collect)
        stanza = await self.told(kate)
        self.assertEqual(
            stanza["body"],
            "You have received an email from joerg@lieferant.example.\nSubject: Collected",
        )

    @played
    async def test_who_is_away_finds_it(self) -> None:
        name = self.account("bob")
        self.announce()
        await asyncio.sleep(1.2)
        await asyncio.to_thread(self.deliver, mail("Away", f"{name}@{DOMAIN}"), f"{name}@{DOMAIN}")
        await self.until(lambda: self.recorded(to=f"{name}@{DOMAIN}"))
        [bob] = await self.signed_in(name)
        stanza = await self.told(bob)
        self.assertTrue(stanza["body"].endswith("Subject: Away"))

    @played
    async def test_commands_on_the_running_server(self) -> None:
        name = self.account("bob")
        self.announce()
        eml = self.site.directory / "one.eml"
        eml.write_bytes(mail("Explained", f"{name}@{DOMAIN}"))
        told = await asyncio.to_thread(self.site.json, "filter", "test", str(eml))
        self.assertTrue(told["rules"][0]["matched"])
        self.assertEqual(told["instant_messages"][0]["to"], f"{name}@{DOMAIN}")
        self.path.write_text("[[rule]]\nname = 'x'\n")
        listed = await asyncio.to_thread(self.site.json, "filter", "list")
        self.assertEqual((len(listed["problems"]), listed["in_force"]), (2, True))
        checked = await asyncio.to_thread(self.site.json, "check", status=1)
        [bad] = [one for one in checked["findings"] if one["what"] == "rules for mail"]
        self.assertEqual(bad["state"], "bad")
