"""Mail from people with accounts: logging in, sending as oneself."""

from __future__ import annotations

import base64

from mailim.errors import RateLimited
from mailim.wire.scram_client import ScramClient
from tests.fakes.inside import PASSWORD
from tests.fakes.raw_smtp import CLOSED, RawSmtp
from tests.protocols.smtp.office import ALICE, BOB, OfficeCase

TEXT = "From: alice@example.test\r\nSubject: hi\r\n\r\nHello\r\n.\r\n"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def scram(client: RawSmtp, mechanism: str, password: str) -> str:
    """Log in as alice with SCRAM; gives the last reply."""
    exchange = ScramClient(mechanism, "alice", password, "nonce")
    reply = await client.say(f"AUTH {mechanism} {encoded(exchange.first())}")
    if not reply.startswith("334 "):
        return reply
    reply = await client.say(encoded(exchange.final(base64.b64decode(reply[4:]))))
    if not reply.startswith("334 "):
        return reply
    exchange.verify(base64.b64decode(reply[4:]))
    return await client.say("")


class LoginTests(OfficeCase):
    async def inside(self) -> RawSmtp:
        client = await self.connect("submission", hello=False)
        await client.start_tls()
        return client

    async def test_nothing_before_tls_and_login(self) -> None:
        await self.serve()
        client = await self.connect("submission", hello=False)
        offered = await client.say("EHLO x")
        self.assertIn("STARTTLS", offered)
        self.assertNotIn("AUTH", offered)
        codes = await client.all("AUTH PLAIN AGEAYg==", "MAIL FROM:<>", f"RCPT TO:<{BOB}>")
        self.assertEqual(codes, ["538 5.7.11"[:9], "530 5.7.0", "503 5.5.1"])
        offered = await client.start_tls()
        self.assertIn("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN"
                      " LOGIN", offered)  # fmt: skip
        self.assertEqual((await client.say("MAIL FROM:<>"))[:9], "530 5.7.0")

    async def test_plain(self) -> None:
        await self.serve()
        client = await self.inside()
        self.assertEqual((await client.plain("alice", "wrong"))[:9], "535 5.7.8")
        self.assertEqual((await client.plain("nobody", "wrong"))[:9], "535 5.7.8")
        self.assertEqual((await client.say("AUTH PLAIN"))[:4], "334 ")
        self.assertEqual((await client.say("*"))[:9], "501 5.7.0")
        self.assertEqual((await client.say("AUTH PLAIN !"))[:9], "501 5.5.2")
        self.assertEqual((await client.plain(ALICE, PASSWORD))[:9], "235 2.7.0")
        self.assertEqual((await client.plain(ALICE, PASSWORD))[:9], "503 5.5.1")

    async def test_login(self) -> None:
        await self.serve()
        client = await self.connect("submissions")
        self.assertEqual(await client.say("AUTH LOGIN"), "334 VXNlcm5hbWU6")
        self.assertEqual(await client.say(encoded(b"alice")), "334 UGFzc3dvcmQ6")
        self.assertEqual((await client.say(encoded(PASSWORD.encode())))[:9], "235 2.7.0")

    async def test_scram(self) -> None:
        await self.serve()
        for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
            client = await self.connect("submissions")
            self.assertEqual((await scram(client, mechanism, "wrong"))[:9], "535 5.7.8")
            self.assertEqual((await scram(client, mechanism, PASSWORD))[:9], "235 2.7.0")
        client = await self.connect("submissions")
        self.assertEqual((await client.say("AUTH DIGEST-MD5"))[:9], "504 5.5.4")

    async def test_scram_bound_to_the_channel(self) -> None:
        server = await self.serve()
        data = server._certificates.end_point_binding()
        for bound, code in ((data, "235 2.7.0"), (b"x" * 32, "535 5.7.8")):
            client = await self.connect("submissions")
            exchange = ScramClient(
                "SCRAM-SHA-256-PLUS", "alice", PASSWORD, "nonce",
                binding="tls-server-end-point", binding_data=bound,
            )  # fmt: skip
            reply = await client.say(f"AUTH SCRAM-SHA-256-PLUS {encoded(exchange.first())}")
            answer = exchange.final(base64.b64decode(reply[4:]))
            reply = await client.say(encoded(answer))
            if reply.startswith("334 "):
                reply = await client.say("")
            self.assertEqual(reply[:9], code)

    async def test_failures_end_the_connection_and_count_for_all_protocols(self) -> None:
        server = await self.serve(more={"accounts.failures_per_account": 5})
        client = await self.inside()
        for n in range(4):
            self.assertEqual((await client.plain("alice", f"wrong{n}"))[:3], "535")
        self.assertEqual((await client.plain("alice", "wrong5"))[:3], "421")
        self.assertEqual(await client.next(), CLOSED)
        client = await self.inside()
        self.assertEqual((await client.plain("alice", PASSWORD))[:9], "454 4.7.0")
        self.assertRaises(RateLimited, server.core.limiter.check, ALICE, "127.0.0.1")

    async def test_nothing_may_stand_behind_auth(self) -> None:
        await self.serve()
        client = await self.inside()
        client.send("AUTH LOGIN\r\nYWxpY2U=\r\n")
        self.assertEqual((await client.next())[:3], "554")
        self.assertEqual(await client.next(), CLOSED)


class SendingTests(OfficeCase):
    async def alice(self) -> RawSmtp:
        client = await self.connect("submissions")
        self.assertEqual((await client.plain("alice", PASSWORD))[:3], "235")
        return client

    async def test_a_mail_to_a_colleague(self) -> None:
        await self.serve()
        client = await self.alice()
        await client.all(f"MAIL FROM:<{ALICE}> AUTH=<>", f"RCPT TO:<{BOB}>", "DATA")
        client.send(TEXT)
        self.assertEqual((await client.next())[:3], "250")
        [mail] = await self.inbox(BOB)
        self.assertIn(b" with ESMTPSA id ", mail)

    async def test_only_as_oneself(self) -> None:
        server = await self.serve()
        await server.core.accounts.add_alias("sales@example.test", ALICE)
        await server.core.accounts.add_alias("robert@example.test", BOB)
        client = await self.alice()
        for path, code in (
            (ALICE, "250"),
            ("ALICE+news@Example.Test", "250"),
            ("sales@example.test", "250"),
            ("", "250"),
            (BOB, "550"),
            ("robert@example.test", "550"),
            ("alice@example.org", "550"),
            ("alice@[127.0.0.1]", "550"),
        ):
            self.assertEqual((await client.say(f"MAIL FROM:<{path}>"))[:3], code, path)
            await client.say("RSET")

    async def test_the_message_is_from_its_sender(self) -> None:
        server = await self.serve()
        await server.core.accounts.add_alias("sales@example.test", ALICE)
        client = await self.alice()
        for fields, code in (
            ("From: Alice <alice@example.test>\r\n", "250"),
            ("FROM : Sales <Sales+x@Example.Test>, alice@example.test\r\n", "250"),
            (f"From: {BOB}\r\n", "550 5.7.1"),
            (f"From: Alice <alice@example.test>, Bob <{BOB}>\r\n", "550 5.7.1"),
            (f"From: team: {ALICE}, {BOB};\r\n", "550 5.7.1"),
            (f"From: {ALICE}\r\nfrom: {BOB}\r\n", "550 5.7.1"),
            (f"From: {BOB}\r\nFrom: {ALICE}\r\n", "550 5.7.1"),
            ("From: The boss\r\n", "550 5.7.1"),
            (f'From: "{ALICE}" <boss@example.org>\r\n', "550 5.7.1"),
            (f"no field\r\nFrom: {ALICE}\r\n", "550 5.7.1"),
            # RFC 6409 3.2: a message without an author is none.
            ("", "554 5.6.0"),
            (f"Sender: {ALICE}\r\nReply-To: {ALICE}\r\n", "554 5.6.0"),
            ("From:\r\n", "554 5.6.0"),
            ("From: nobody:;\r\n", "554 5.6.0"),
            (f"From: {ALICE}\r\n{'X: y' * 2**14}\r\n" * 17, "550 5.7.1"),
        ):
            await client.all(f"MAIL FROM:<{ALICE}>", f"RCPT TO:<{BOB}>", "DATA")
            client.send(f"{fields}Subject: x\r\n\r\nHello\r\n.\r\n")
            self.assertEqual((await client.next())[: len(code)], code, fields)
        self.assertEqual(len(await self.inbox(BOB, 2)), 2)

    async def test_other_servers_are_out_of_reach(self) -> None:
        await self.serve()
        client = await self.alice()
        await client.say(f"MAIL FROM:<{ALICE}>")
        self.assertEqual((await client.say("RCPT TO:<carl@example.org>"))[:9], "550 5.3.2")

    async def test_an_account_that_is_disabled_meanwhile(self) -> None:
        server = await self.serve()
        client = await self.alice()
        account = await server.core.directory.find(ALICE)
        assert account is not None
        await server.core.store.write(lambda tx: tx.accounts.update(account.id, enabled=False))
        self.assertEqual((await client.say(f"MAIL FROM:<{ALICE}>"))[:9], "421 4.7.0")

    async def test_mails_per_hour(self) -> None:
        await self.serve(messages_per_hour=1)
        client = await self.alice()
        await client.all(f"MAIL FROM:<{ALICE}>", f"RCPT TO:<{BOB}>", "DATA")
        client.send(TEXT)
        self.assertEqual((await client.next())[:3], "250")
        self.assertEqual((await client.say(f"MAIL FROM:<{ALICE}>"))[:9], "450 4.7.1")
