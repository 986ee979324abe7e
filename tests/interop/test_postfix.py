"""Postfix as the other server, in both directions."""

from __future__ import annotations

import smtplib
import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from mailim.wire.delivery_report import read_report, report_parts
from mailim.wire.message import describe
from tests.fakes.dns_server import FakeDns
from tests.fakes.inside import PASSWORD
from tests.fakes.postfix import Postfix
from tests.fakes.raw_smtp import RawSmtp
from tests.protocols.smtp.office import ALICE, BOB, OfficeCase


class PostfixCase(OfficeCase):
    """Our server sends all it cannot deliver to a Postfix, which serves pf.test."""

    timeout = 300

    async def serve_with(self, **settings: Any) -> Postfix:
        postfix = Postfix("pf.test", "carl", "dora", **settings)
        self.addCleanup(deferToThread, postfix.stop)
        await deferToThread(postfix.start)
        dns = FakeDns()
        dns.mx("pf.test", (10, "mail.pf.test"))
        dns.a("mail.pf.test", "127.0.0.1")
        host, port = dns.serve(self).servers[0]
        relay = {
            "enabled": True,
            "port": postfix.port,
            "allow_private_hosts": True,
            "dns_servers": (f"{host}:{port}",),
            "connection_idle_seconds": 60,
        }
        await self.serve(more={f"relay.{name}": value for name, value in relay.items()})
        return postfix

    async def submission(self) -> RawSmtp:
        client = await self.connect("submission", hello=False)
        await client.start_tls()
        self.assertEqual((await client.plain("alice", PASSWORD))[:3], "235")
        return client

    async def send(self, text: str, *recipients: str) -> None:
        client = await self.submission()
        codes = await client.all(
            f"MAIL FROM:<{ALICE}> BODY=8BITMIME", *(f"RCPT TO:<{each}>" for each in recipients)
        )
        self.assertEqual({code[:3] for code in codes}, {"250"})
        self.assertEqual((await client.say("DATA"))[:3], "354")
        self.assertEqual((await client.say(f"From: {ALICE}\r\n{text}\r\n."))[:3], "250")

    async def arrived(self, postfix: Postfix, name: str, count: int = 1) -> list[bytes]:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            if len(found := postfix.mails(name)) >= count:
                return found
            await deferLater(reactor, 0.02)
        self.fail(postfix.log())

    async def nothing_waits(self) -> None:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            if not await self.spooled():
                return
            await deferLater(reactor, 0.02)
        self.fail("mail waits")


class OutgoingTests(PostfixCase):
    async def test_to_two_of_its_boxes(self) -> None:
        postfix = await self.serve_with()
        text = "Subject: Gr\u00fc\u00dfe\r\n\r\n..dot\r\nna\u00efve\r\n" + ("." * 500 + "\r\n") * 5
        await self.send(text + "end", "carl@pf.test", "dora@pf.test")
        for name in ("carl", "dora"):
            (mail,) = await self.arrived(postfix, name)
            # What the client sent had one dot of each line too many (RFC 5321 4.5.2).
            sent = text.replace("." * 500, "." * 499).replace("..dot", ".dot")
            body = sent.partition("\r\n\r\n")[2]
            _, _, received = mail.decode().partition("\n\n")
            self.assertEqual(received, body.replace("\r\n", "\n") + "end\n")
            self.assertIn("Subject: Gr\u00fc\u00dfe\n".encode(), mail)
            self.assertIn(b"Return-Path: <alice@example.test>\n", mail)
        self.assertIn("TLS connection established from", postfix.log())
        self.assertEqual(postfix.log().count("client=localhost"), 1)  # one transaction
        await self.nothing_waits()

    async def test_many_mails_on_one_connection(self) -> None:
        """It takes the next mail on a connection, also behind one that it refused."""
        postfix = await self.serve_with()
        for number, to in enumerate(("carl", "carl", "nobody", "carl")):
            await self.send(f"Subject: {number}\r\n\r\nhi", f"{to}@pf.test")
            await self.nothing_waits()
        await self.arrived(postfix, "carl", 3)
        self.assertEqual(len(await self.inbox(ALICE)), 1)
        self.assertEqual(postfix.log().count(": connect from localhost"), 1, postfix.log())

    async def test_what_it_refuses_comes_back(self) -> None:
        postfix = await self.serve_with(limit=5000)
        await self.send("Subject: a\r\n\r\nhi", "carl@pf.test", "nobody@pf.test")
        (notice,) = await self.inbox(ALICE)
        self.assertIn(b"Diagnostic-Code: smtp; 550 5.1.1 <nobody@pf.test>", notice)
        self.assertEqual(len(await self.arrived(postfix, "carl")), 1)
        await self.send("Subject: b\r\n\r\n" + ("x" * 70 + "\r\n") * 100 + "end", "carl@pf.test")
        notices = await self.inbox(ALICE, 2)
        self.assertIn(b"takes no message of more than 5000 octets", notices[-1])
        self.assertEqual(len(postfix.mails("carl")), 1)


class IncomingTests(PostfixCase):
    async def serve_behind(self, *boxes: str) -> Postfix:
        """Start a server, and a Postfix that sends all it cannot deliver there."""
        await self.serve()
        port = self.server.listeners.port("smtp")
        postfix = Postfix("pf.test", *boxes, relayhost=f"[127.0.0.1]:{port}")
        self.addCleanup(deferToThread, postfix.stop)
        await deferToThread(postfix.start)
        return postfix

    async def test_its_report_is_understood(self) -> None:
        """As it would come to us, had the mail been submitted here (RFC 3464)."""
        postfix = await self.serve_behind("carl")

        def bring() -> None:
            with smtplib.SMTP("127.0.0.1", postfix.port) as client:
                text = b"Message-ID: <one@pf.test>\r\nSubject: hi\r\n\r\nhello\r\n"
                options = ["RET=HDRS", "ENVID=QQ+203"]
                orcpt = ["ORCPT=rfc822;No+2BBody@example.test"]
                client.sendmail("carl@pf.test", ["nobody@example.test"], text, options, orcpt)

        await deferToThread(bring)
        (notice,) = await self.arrived(postfix, "carl")
        data = notice.replace(b"\n", b"\r\n")
        parts = report_parts(describe(data).structure)
        assert parts is not None
        status, returned = parts.spans
        report = read_report(parts, data[slice(*status)], data[slice(*returned)])
        self.assertEqual((report.envid, report.message_id), ("QQ 3", "one@pf.test"))
        (recipient,) = report.recipients
        self.assertEqual(recipient.action, "failed")
        self.assertLessEqual({"nobody@example.test", "no+body@example.test"}, recipient.addresses)
        self.assertEqual(recipient.reply[:9], "550 5.1.1")

    async def test_from_it(self) -> None:
        postfix = await self.serve_behind()

        def bring() -> None:
            with smtplib.SMTP("127.0.0.1", postfix.port) as client:
                client.sendmail(
                    "carl@pf.test", [BOB, ALICE], b"Subject: hi\r\n\r\n.dot\r\nhello\r\n"
                )

        await deferToThread(bring)
        for address in (BOB, ALICE):
            (mail,) = await self.inbox(address)
            self.assertIn(b"Subject: hi\r\n", mail)
            self.assertTrue(mail.endswith(b"\r\n\r\n.dot\r\nhello\r\n"), mail)
