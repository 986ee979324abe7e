"""Two servers of ours exchange mail over loopback, with a DNS of their own."""

from __future__ import annotations

import os
import time

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailim.composition.server import Server
from mailim.interfaces.items import ItemQuery
from mailim.interfaces.spool import SpoolEntry
from mailim.interfaces.store import ITransaction
from mailim.limits import TRACE_HOPS
from mailim.remote.relay import exchangers
from tests.fakes.dns_server import FakeDns
from tests.fakes.inside import PASSWORD, serve
from tests.fakes.peers import HeldPort
from tests.fakes.raw_smtp import RawSmtp, connect


class TwoSitesCase(TestCase):
    """a.test at 127.0.0.2, b.test at 127.0.0.3; each with an account kim."""

    timeout = 300

    async def serve_both(self) -> None:
        self.dns = FakeDns()
        resolver = self.dns.serve(self)
        held = HeldPort("127.0.0.2", "127.0.0.3")
        self.addCleanup(held.release)
        self.port = held.number
        self.sites = {
            name: await self.site(name, f"127.0.0.{last}", resolver.servers[0])
            for name, last in (("a.test", 2), ("b.test", 3))
        }

    async def site(self, domain: str, address: str, dns: tuple[str, int]) -> Server:
        self.dns.mx(domain, (10, f"mail.{domain}"))
        self.dns.a(f"mail.{domain}", address)
        server = await serve(
            self,
            changes={
                "server.hostname": f"mail.{domain}",
                "server.domain": domain,
                "server.listen": (address,),
                "listeners.smtp.port": self.port,
                "relay.enabled": True,
                "relay.port": self.port,
                "relay.allow_private_hosts": True,
                "relay.dns_servers": ("{}:{}".format(*dns),),
            },
        )
        await server.core.accounts.add(f"kim@{domain}", PASSWORD)
        return server

    async def submission(self, domain: str) -> RawSmtp:
        """Sign in to port 587 of a site as its kim."""
        server = self.sites[domain]
        port = server.listeners.port("submission")
        assert port is not None
        address = server.core.site.config.server.listen[0]
        client = await connect(port, address=address)
        self.addCleanup(client.transport.abortConnection)  # type: ignore[union-attr]
        await client.start_tls()
        self.assertEqual((await client.plain(f"kim@{domain}", PASSWORD))[:3], "235")
        return client

    async def send(self, client: RawSmtp, sender: str, recipient: str, text: str) -> None:
        codes = await client.all(f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA")
        self.assertEqual([code[:3] for code in codes], ["250", "250", "354"])
        self.assertEqual((await client.say(f"From: {sender}\r\n{text}\r\n."))[:3], "250")

    async def inbox(self, domain: str, count: int = 1, seconds: float = 60) -> list[bytes]:
        """Wait for so many mails in the Inbox of a site's kim."""
        server = self.sites[domain]

        def unit(tx: ITransaction) -> list[bytes]:
            folder = tx.folders.by_role(1, "inbox")
            assert folder is not None
            items = tx.items.get(1, tx.items.query(ItemQuery(1, {"inMailbox": folder.id})).ids)
            return [each.prefix + tx.bodies.read(each.body_id) for each in items.values()]

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = await server.core.store.read(unit)
            if len(found) >= count:
                return found
            await deferLater(reactor, 0.02)
        self.fail(f"{len(found)} mails of {count} at {domain}")

    async def nothing_waits(self) -> None:
        """Wait until both queues are empty: who sent hears last that a mail arrived."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if not (await self.spool("a.test") or await self.spool("b.test")):
                return
            await deferLater(reactor, 0.02)
        self.fail("mail waits")

    async def spool(self, domain: str) -> list[SpoolEntry]:
        return list(await self.sites[domain].core.store.read(lambda tx: tx.spool.list(100)))


class TwoSitesTests(TwoSitesCase):
    async def test_there_and_back(self) -> None:
        await self.serve_both()
        client = await self.submission("a.test")
        text = "Subject: Gr\u00fc\u00dfe\r\n\r\n..dot\r\nHello"
        await self.send(client, "kim@a.test", "kim@b.test", text)
        (mail,) = await self.inbox("b.test")
        self.assertIn(b"Return-Path: <kim@a.test>\r\n", mail)
        self.assertIn("\r\nSubject: Gr\u00fc\u00dfe\r\n\r\n.dot\r\nHello\r\n".encode(), mail)
        self.assertEqual(mail.count(b"Received: "), 2)
        back = await self.submission("b.test")
        await self.send(back, "kim@b.test", "kim@a.test", "Subject: Re\r\n\r\nThanks")
        (mail,) = await self.inbox("a.test")
        self.assertIn(b"Thanks", mail)
        await self.nothing_waits()

    async def test_a_large_one(self) -> None:
        await self.serve_both()
        client = await self.submission("a.test")
        line = os.urandom(36).hex() + "\r\n"
        await self.send(
            client, "kim@a.test", "kim@b.test", "Subject: x\r\n\r\n" + line * 30_000 + "end"
        )
        (mail,) = await self.inbox("b.test")
        self.assertTrue(mail.endswith(line.encode() * 30_000 + b"end\r\n"))

    async def test_away_for_a_while(self) -> None:
        await self.serve_both()
        listener = self.dns.records.pop("mail.b.test")
        client = await self.submission("a.test")
        self.dns.broken.add("mail.b.test")
        await self.send(client, "kim@a.test", "kim@b.test", "Subject: x\r\n\r\nlater")
        while not (spool := await self.spool("a.test")) or not spool[0].recipients[0].attempts:
            await deferLater(reactor, 0.02)
        self.flushLoggedErrors(RuntimeError)  # the fake DNS's own
        self.assertIn("No mail server", spool[0].recipients[0].last_error)
        self.dns.broken.clear()
        self.dns.records["mail.b.test"] = listener
        (mail,) = await self.inbox("b.test")
        self.assertIn(b"later", mail)

    async def test_a_dns_that_never_answers(self) -> None:
        """One domain's silence holds up nobody else; once there is an answer, mail goes on."""
        self.patch(exchangers, "_PATIENCE", (2, 3))
        await self.serve_both()
        self.dns.silent.add("silent.test")
        client = await self.submission("a.test")
        for n in range(14):
            await self.send(client, "kim@a.test", f"kim{n}@silent.test", "Subject: x\r\n\r\nlost?")
        await self.send(client, "kim@a.test", "kim@b.test", "Subject: x\r\n\r\nat once")
        (mail,) = await self.inbox("b.test", seconds=30)
        self.assertIn(b"at once", mail)
        while not all(each.recipients[0].attempts for each in await self.spool("a.test")):
            await deferLater(reactor, 0.1)
        waiting = await self.spool("a.test")
        self.assertEqual(len(waiting), 14)
        reasons = {each.recipients[0].last_error for each in waiting}
        self.assertTrue(any("gives no answer about silent.test" in one for one in reasons), reasons)
        self.dns.silent.clear()
        self.dns.mx("silent.test", (10, "mail.b.test"))
        await self.sites["b.test"].core.accounts.add_domain("silent.test")
        for n in range(14):
            await self.sites["b.test"].core.accounts.add_alias(f"kim{n}@silent.test", "kim@b.test")
        await self.sites["a.test"].core.store.write(lambda tx: tx.spool.retry_now())
        self.assertEqual(len(await self.inbox("b.test", 15, seconds=120)), 15)
        await self.nothing_waits()

    async def test_a_loop_of_two_sites_ends(self) -> None:
        """RFC 5321 6.3: aliases that point to each other; the hops are counted."""
        await self.serve_both()
        for here, there in (("a.test", "b.test"), ("b.test", "a.test")):
            await self.sites[here].core.accounts.add_alias(f"loop@{here}", f"loop@{there}")
        client = await self.submission("a.test")
        await self.send(client, "kim@a.test", "loop@a.test", "Subject: x\r\n\r\nround")
        (notice,) = await self.inbox("a.test", seconds=240)
        self.assertIn(b"did not take the mail (554 5.4.6).", notice)
        self.assertLessEqual(notice.count(b"\r\nReceived: from "), TRACE_HOPS + 1)
        await self.nothing_waits()

    async def test_refused_there_comes_back(self) -> None:
        """RFC 3464: the sender learns what the other server said."""
        await self.serve_both()
        client = await self.submission("a.test")
        await self.send(client, "kim@a.test", "nobody@b.test", "Subject: x\r\n\r\nhello")
        (notice,) = await self.inbox("a.test")
        self.assertIn(b"Return-Path: <>\r\n", notice)
        self.assertIn(b"Final-Recipient: rfc822; nobody@b.test\r\n", notice)
        self.assertIn(b"Remote-MTA: dns; mail.b.test\r\nDiagnostic-Code: smtp; 550 5.1.1", notice)
        await self.nothing_waits()
